"""Networks of PyTorch in the Swift engine: their graphs read, and each of its operations composed of ours."""
