"""Documents on paper: the first print is the original, every later one bears the copy mark; each is written down.

Read, make the file, then write the prints down: a file that could not be made takes nobody's original away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx, insert_rows
from oms.documents.models import Document, DocumentPrint
from oms.documents.queries import lock_documents, may_issue, visible
from oms.documents.states import DocumentStatus, PrintMark, VoidReason
from oms.errors import Conflict, NotFound, say


@dataclass(frozen=True)
class Sheet:
    """One document to be printed once. ``prints`` is how often it had been when this was decided."""

    document_id: int
    number: str
    content: Mapping[str, Any]
    checksum: str
    mark: PrintMark
    prints: int
    void: VoidReason | None = None


def open_prints(tx: Tx, document_ids: Sequence[int], *, with_copy: bool = False) -> list[Sheet]:
    """What is to be printed, in the order asked for. ``with_copy`` adds a copy after each. Raises NotFound for a
    document that is not there or not this actor's to see."""
    wanted = list(dict.fromkeys(document_ids))
    rows = tx.session.scalars(visible(tx.actor).where(Document.id.in_(wanted)))
    by_id = {row.id: row for row in rows}
    if not wanted or set(wanted) - set(by_id):
        raise NotFound(say("There is no such document, or it is not yours to see"), code="document_not_found")
    sheets = []
    for i in wanted:
        row = by_id[i]
        mark = _mark(tx, row)
        marks = [mark, PrintMark.COPY] if with_copy and mark is PrintMark.ORIGINAL else [mark]
        sheets += [_sheet(row, each) for each in marks]
    return sheets


def _mark(tx: Tx, row: Document) -> PrintMark:
    """The original goes once, to who may issue such a document; whoever only reads gets copies."""
    first = row.prints == 0 and row.status is DocumentStatus.ISSUED and may_issue(tx.actor, row.kind)
    return PrintMark.ORIGINAL if first else PrintMark.COPY


def _sheet(row: Document, mark: PrintMark) -> Sheet:
    return Sheet(row.id, row.number, row.content, row.checksum, mark, row.prints, row.void_reason)


def record_prints(tx: Tx, sheets: Sequence[Sheet], paper: str, hashes: Sequence[str]) -> None:
    """Write prints down, one row each, with the SHA-256 of the file. Raises Conflict when somebody printed one of them
    meanwhile: only one may be the original."""
    found = {row.id: row for row in lock_documents(tx, {sheet.document_id for sheet in sheets})}
    for sheet in sheets:
        if sheet.document_id not in found:
            raise NotFound(say("There is no such document, or it is not yours to see"), code="document_not_found")
        if found[sheet.document_id].prints != sheet.prints:
            raise Conflict(say("{number} was just printed; print it again", number=sheet.number), code="printed")
    at = clock.now()
    insert_rows(
        tx,
        DocumentPrint,
        [
            {
                "document_id": sheet.document_id, "at": at, "by": tx.actor.label[:120], "user_id": tx.actor.user_id,
                "mark": sheet.mark, "paper": paper, "sha256": digest,
            }
            for sheet, digest in zip(sheets, hashes, strict=True)
        ],
    )  # fmt: skip
    for sheet in sheets:
        found[sheet.document_id].prints += 1
    audit.record_many(
        tx,
        [
            audit.Entry(
                "document.printed", "document", sheet.document_id, sheet.number, after={"mark": sheet.mark}
            )
            for sheet in sheets
        ],
    )  # fmt: skip


def prints_of(tx: Tx, document_ids: Collection[int]) -> list[DocumentPrint]:
    """The prints of these documents, the newest first."""
    statement = select(DocumentPrint).where(DocumentPrint.document_id.in_(sorted(document_ids)))
    return list(tx.session.scalars(statement.order_by(DocumentPrint.id.desc())))
