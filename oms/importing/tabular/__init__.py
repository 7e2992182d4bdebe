"""Reading CSV, TSV and XLSX as rows of text: checked before it is opened, streamed, nothing lost to a number format.

``open_tables(path, name)`` answers the tables of a file; ``Table.rows()`` yields ``(line, cells)``. A cell that a
spreadsheet program has already spoiled (a 16-digit id kept as a number) starts with ``SPOILED``, so that whoever reads
it can say so instead of storing a wrong number.
"""

from oms.importing.tabular.guard import LIMITS, FileRefused, Limits
from oms.importing.tabular.table import Table, find_header, open_tables
from oms.importing.tabular.workbook import SPOILED

__all__ = ["LIMITS", "SPOILED", "FileRefused", "Limits", "Table", "find_header", "open_tables"]
