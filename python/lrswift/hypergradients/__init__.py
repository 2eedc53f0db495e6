"""Derivatives of whole training runs with respect to their hyperparameters (FDS)."""
