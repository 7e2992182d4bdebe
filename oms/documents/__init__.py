"""Issued papers, one module per document."""
