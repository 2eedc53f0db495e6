"""Descriptions of rate adapters, made of the native cards; no vectors and no optimizer."""
