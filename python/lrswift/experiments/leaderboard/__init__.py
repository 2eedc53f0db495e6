"""Methods on many small workloads, none of which is tuned: who comes nearest to a tuned reference?"""
