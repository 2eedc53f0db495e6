"""Descriptions of rate adapters, a file for each family; no vectors and no optimizer."""
