"""Tabular files in: read, check, dry run, commit, quarantine."""
