"""A bundle of documents was asked for: draw each as it was issued, put all into one file, say how far it is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import current_app

from jobs.context import keep, program
from oms import outbox
from oms.db import transaction
from oms.documents.binding import bind
from oms.documents.bundles import BundleForm, DocumentBundle
from oms.documents.kinds import KINDS
from oms.documents.paper import Look, pdf_of
from oms.documents.states import PrintMark
from oms.errors import OmsError
from oms.exporting.writing import BOM, write
from oms.intake import files
from oms.money import ZERO
from oms.outbox import Work
from oms.reports import sales_tax_files
from oms.reports.sales_tax import Month, tax_report
from oms.spreadsheets import csv_line
from oms.usecases.documents_bundle import TOPIC, Leaf, asker, finish_bundle, leaves, note_progress

__all__ = ["TOPIC", "walk"]

CHUNK = 20  # documents between two words on how far it is
LEASE = timedelta(minutes=3)


def walk(work: Work) -> None:
    """Make the file. Whoever takes over begins anew; nothing is kept of half a file."""
    bundle_id = int(work.payload["bundle_id"])
    root = current_app.extensions["oms.settings"].files_dir
    with transaction(program(work)) as tx:
        keep(tx, work)
        row = tx.session.get_one(DocumentBundle, bundle_id)
        form, month = row.form, Month(row.month) if row.month else None
    key, path = files.new_path(root)
    failed: list[str] = []
    drawn = _drawn(work, bundle_id, failed)
    if form is BundleForm.ZIP:
        _zip(work, bundle_id, month, path, drawn, failed)
    else:
        path.write_bytes(bind(pdf for _, pdf in drawn if pdf))
    name = f"ruam-{month or 'documents'}.{form.value}"
    kept = files.measured(root, key, name)
    with transaction(program(work)) as tx:
        if outbox.settle(tx, work.id):
            finish_bundle(tx, bundle_id, kept, failed)


def _drawn(work: Work, bundle_id: int, failed: list[str]) -> Iterator[tuple[Leaf, bytes]]:
    """Every document with its paper; one that cannot be drawn is named and has none."""
    start = 0
    while True:
        with transaction(program(work)) as tx:
            outbox.extend(tx, work.id, LEASE)
            part = leaves(tx, bundle_id, start, CHUNK)
        if not part:
            return
        for leaf in part:
            try:
                yield leaf, pdf_of(leaf.content, leaf.checksum, Look(PrintMark.COPY, void=leaf.is_void))
            except OmsError:
                failed.append(leaf.number)
                yield leaf, b""
        start += CHUNK
        with transaction(program(work)) as tx:
            done = min(start, len(tx.session.get_one(DocumentBundle, bundle_id).document_ids))
            note_progress(tx, bundle_id, done, failed)


def _zip(
    work: Work, bundle_id: int, month: Month | None, path: Path, drawn: Iterator[tuple[Leaf, bytes]], failed: list[str]
) -> None:
    index: list[list[Any]] = [
        [
            "number", "kind", "state", "date", "tax_point", "buyer", "tax_id", "branch", "net", "vat", "exempt",
            "total", "sha256",
        ]
    ]  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for leaf, pdf in drawn:
            if pdf:
                out.writestr(f"{leaf.kind.value}/{_plain(leaf.number)}.pdf", pdf)
            index.append(_indexed(leaf))
        out.writestr("index.csv", BOM + "".join(csv_line(row) for row in index))
        if failed:
            out.writestr("not-drawn.txt", "\n".join(failed))
        if month is not None:
            _report(work, bundle_id, month, out, path)


def _plain(number: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in number)


def _indexed(leaf: Leaf) -> list[Any]:
    c, sign = leaf.content, KINDS[leaf.kind].sign or 1
    amounts = [ZERO if leaf.is_void else amount * sign for amount in leaf.amounts]
    return [
        leaf.number, leaf.kind.value, "voided" if leaf.is_void else "issued", c["issued_on"], c["tax_point"],
        c["buyer"].get("name", ""), c["buyer"].get("tax_id", ""), c["buyer"].get("branch", ""), *amounts, leaf.checksum,
    ]  # fmt: skip


def _report(work: Work, bundle_id: int, month: Month, out: zipfile.ZipFile, path: Path) -> None:
    """The sales-tax report of the month beside the documents, as whoever asked sees it."""
    with transaction(asker_of(work, bundle_id)) as tx:
        report = tax_report(tx, month)
        if not report.rows:
            return
        paper = sales_tax_files.paper(tx.session, report)
    headings, rows = sales_tax_files.table(report, str)
    out.writestr("sales-tax-report.pdf", paper)
    sheet = path.with_suffix(".xlsx")
    write("xlsx", sheet, headings, iter(rows))
    out.write(sheet, "sales-tax-report.xlsx")
    sheet.unlink()


def asker_of(work: Work, bundle_id: int) -> Any:
    """Whoever asked for the bundle."""
    with transaction(program(work)) as tx:
        return asker(tx.session.get_one(DocumentBundle, bundle_id))
