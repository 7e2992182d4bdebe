"""Tabular files out: CSV and XLSX, safe to open in a spreadsheet."""
