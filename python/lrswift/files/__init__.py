"""Files as they lie on the disk: whole or not at all, with checksums, readable by others."""
