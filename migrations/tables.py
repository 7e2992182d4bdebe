"""Every table of ours in one metadata."""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import MetaData

import oms
from oms.db import Base

APPEND_ONLY = (
    "audit_log",
    "audit_seal",
    "stock_movements",
    "allocations",
    "statement_matches",
    "cod_round_lines",
    "day_closings",
    "tracking_events",
    "transfer_steps",
    "count_entries",
    "document_prints",
    "label_prints",
    "packing_scans",
    "message_consents",
    "consents",
)  # rows are added and read, never changed or removed
FOREIGN_PREFIX = "ab_"  # Flask-AppBuilder's own tables


def load() -> MetaData:
    """Import every module of ours that declares a table, wherever it lies, and return the metadata that holds them."""
    root = Path(oms.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if "__tablename__" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(("oms", *path.relative_to(root).with_suffix("").parts)))
    return Base.metadata
