"""A learning rate before training or between epochs, with the model put back bit for bit."""
