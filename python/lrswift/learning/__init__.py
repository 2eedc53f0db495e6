"""`learn_schedule`: schedules learned from hypergradients by an outer loop of training runs."""
