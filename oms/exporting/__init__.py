"""Tabular files out: ``lists`` says what can be exported, ``writing`` streams it as CSV or XLSX, ``cells`` makes cells
that a spreadsheet shows as they are and never runs."""
