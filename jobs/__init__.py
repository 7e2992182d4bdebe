"""Background work on RQ, thin."""
