"""What every native run is made of: batches, a recorded loss, its replay, and the history of steps."""
