"""Every table of ours in one metadata."""

from __future__ import annotations

import importlib
import pkgutil

from sqlalchemy import MetaData

import oms
from oms.db import Base

APPEND_ONLY = ("audit_log", "audit_seal", "stock_movements")  # rows are added and read, never changed or removed
FOREIGN_PREFIX = "ab_"  # Flask-AppBuilder's own tables
KERNEL = ("oms.approvals", "oms.audit", "oms.numbering", "oms.outbox")


def load() -> MetaData:
    """Import every module that declares tables, and return the metadata that holds them."""
    for name in KERNEL:
        importlib.import_module(name)
    for package in pkgutil.iter_modules(oms.__path__, "oms."):
        if package.ispkg:
            for module in pkgutil.iter_modules(importlib.import_module(package.name).__path__, f"{package.name}."):
                if module.name.endswith(".models"):
                    importlib.import_module(module.name)
    return Base.metadata
