"""`fit`: whole training runs, their checkpoints, and the named methods to train with."""
