"""Tabular files out: ``lists`` says what can be exported and who may see which column, ``filtering`` narrows it as the
screen does, ``writing`` streams it as CSV or XLSX, ``making`` is the verb: asked for, audited, made, fetched."""
