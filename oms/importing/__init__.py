"""Tabular files in: ``tabular`` reads any file safely, ``formats`` knows what marketplaces call their columns."""
