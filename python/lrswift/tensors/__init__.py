"""The native tensor in Python: operations, operators, indexing, derivatives."""
