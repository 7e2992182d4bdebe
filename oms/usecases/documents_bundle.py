"""Documents as one file: asked for by who may export, made in the background of what they may see, kept a week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import select

from oms import audit, clock, outbox
from oms.actor import Actor
from oms.db import Tx
from oms.documents.bundles import BundleForm, DocumentBundle
from oms.documents.models import Document
from oms.documents.queries import visible
from oms.documents.states import DocumentKind, DocumentStatus
from oms.errors import InvalidInput, NotFound, say
from oms.intake import files
from oms.intake.models import StoredFile
from oms.money import Money

TOPIC = "documents.bundle"
MOST: Final = 20_000  # documents in one file
KEPT_FOR: Final = timedelta(days=7)
MIMES: Final[Mapping[BundleForm, str]] = {BundleForm.PDF: "application/pdf", BundleForm.ZIP: "application/zip"}


@dataclass(frozen=True)
class AskBundle:
    """A tax month (its first day), or a selection of documents; as one PDF or as a ZIP."""

    form: BundleForm
    month: date | None = None
    document_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class BundleAsked:
    bundle_id: int
    documents: int


@dataclass(frozen=True)
class Leaf:
    """One document to be put into a bundle, as it is frozen."""

    id: int
    number: str
    kind: DocumentKind
    content: Mapping[str, Any]
    checksum: str
    is_void: bool
    amounts: tuple[Money, Money, Money, Money]  # net, VAT, exempt, total


def ask_bundle(tx: Tx, cmd: AskBundle) -> BundleAsked:
    """Put a bundle in line; the export stands in the audit. Raises Forbidden or InvalidInput (nothing, too much)."""
    tx.actor.require("export.run")
    tx.actor.require("document.view")
    statement = visible(tx.actor).with_only_columns(Document.id).order_by(Document.kind, Document.number)
    if cmd.month is not None:
        following = (cmd.month + timedelta(days=31)).replace(day=1)
        statement = statement.where(Document.tax_point >= cmd.month, Document.tax_point < following)
    else:
        statement = statement.where(Document.id.in_(sorted(set(cmd.document_ids))))
    ids = list(tx.session.scalars(statement.limit(MOST + 1)))
    if not ids:
        raise InvalidInput(say("There is no document to take out"), field="month", code="bundle_empty")
    if len(ids) > MOST:
        raise InvalidInput(say("More than {most} documents; choose fewer", most=f"{MOST:,}"), code="bundle_large")
    row = DocumentBundle(
        form=cmd.form, month=cmd.month, document_ids=ids, done=0, failed=[], scope=_scope(tx.actor),
        user_id=tx.actor.user_id, user_label=tx.actor.label[:120], created_at=clock.now(),
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()  # the audit row and the work name it
    what = cmd.month.isoformat()[:7] if cmd.month else "selection"
    after = {"list": "documents", "month": what, "form": cmd.form, "documents": len(ids)}
    audit.record(tx, "export.run", "export", row.id, f"documents {what}", after=after)
    outbox.add(tx, TOPIC, f"{TOPIC}:{row.id}", bundle_id=row.id)
    return BundleAsked(row.id, len(ids))


def _scope(actor: Actor) -> dict[str, Any]:
    return {
        "kind": actor.kind, "role": actor.role, "actions": sorted(actor.actions),
        "warehouses": None if actor.warehouses is None else sorted(actor.warehouses),
        "shops": None if actor.shops is None else sorted(actor.shops), "own_orders_only": actor.own_orders_only,
    }  # fmt: skip


def asker(row: DocumentBundle) -> Actor:
    """Whoever asked for a bundle, with the rights of that moment."""
    scope = row.scope
    return Actor(
        scope["kind"], row.user_label, row.user_id, scope["role"], frozenset(scope["actions"]),
        None if scope["warehouses"] is None else frozenset(scope["warehouses"]),
        None if scope["shops"] is None else frozenset(scope["shops"]), scope["own_orders_only"], source="job",
    )  # fmt: skip


def leaves(tx: Tx, bundle_id: int, start: int, count: int) -> list[Leaf]:
    """The next documents of a bundle, in its order."""
    row = tx.session.get_one(DocumentBundle, bundle_id)
    ids = row.document_ids[start : start + count]
    found = {d.id: d for d in tx.session.scalars(visible(asker(row)).where(Document.id.in_(ids)))}
    return [
        Leaf(
            d.id,
            d.number,
            d.kind,
            d.content,
            d.checksum,
            d.status is DocumentStatus.VOIDED,
            (d.net, d.vat, d.exempt, d.total),
        )
        for i in ids
        if (d := found.get(i)) is not None
    ]


def note_progress(tx: Tx, bundle_id: int, done: int, failed: Sequence[str]) -> None:
    """So many are in the file; these could not be drawn."""
    row = tx.session.get_one(DocumentBundle, bundle_id, with_for_update=True)
    row.done, row.failed = done, list(failed)


def finish_bundle(tx: Tx, bundle_id: int, kept: files.Kept, failed: Sequence[str]) -> StoredFile:
    """The file is made; it can be fetched for a week."""
    row = tx.session.get_one(DocumentBundle, bundle_id, with_for_update=True)
    row.done, row.failed, row.file_key, row.finished_at = len(row.document_ids), list(failed), kept.key, clock.now()
    return files.register(tx, kept, "documents", MIMES[row.form], clock.now() + KEPT_FOR)


def get_bundle(tx: Tx, bundle_id: int) -> DocumentBundle:
    """A bundle of one's own (who keeps the staff sees all). Raises NotFound."""
    tx.actor.require("export.run")
    row = tx.session.get(DocumentBundle, bundle_id)
    if row is None or (row.user_id != tx.actor.user_id and not tx.actor.may("staff.edit")):
        raise NotFound(say("There is no such file, or it is not yours"), code="bundle_not_found")
    return row


def my_bundles(tx: Tx, limit: int = 20) -> Sequence[DocumentBundle]:
    """The last bundles this person asked for."""
    mine = select(DocumentBundle).where(DocumentBundle.user_id == tx.actor.user_id)
    return tx.session.scalars(mine.order_by(DocumentBundle.id.desc()).limit(limit)).all()
