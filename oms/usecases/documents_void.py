"""Documents taken back: voided with a reason, their number kept; or voided and replaced by a new one that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import selectinload

from oms import audit, clock
from oms.approvals import needs_second_person
from oms.db import Tx
from oms.documents.content import Draft
from oms.documents.kinds import FULL_OF, KINDS, TAX_INVOICES
from oms.documents.models import Document
from oms.documents.parties import Buyer
from oms.documents.queries import get_document, lock_document, notes_of, order_ids_of
from oms.documents.states import DOCUMENT, OTHER_CODE, VOID_CODES, VOID_THAI, DocumentKind, VoidReason
from oms.errors import InvalidInput, NotFound, Refused, Say, say
from oms.orders.models import Order
from oms.orders.queries import lock_orders, visible
from oms.usecases.documents import (
    DocumentIssued,
    IssueDocument,
    Preview,
    find_earlier,
    prepare,
    preview_of,
    put_down,
)
from oms.usecases.keeping import bounded

POLICY = "document.void"  # the approval policy: nobody voids what they issued


@dataclass(frozen=True)
class VoidDocument:
    """``version`` is what the reader's screen was made from."""

    document_id: int
    reason: VoidReason
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ReplaceDocument:
    """Void a document and issue it anew: with another buyer, of the order as it is now, or a full tax invoice for an
    abbreviated one (``kind``). The tax point stays unless another is given."""

    document_id: int
    reason: VoidReason
    note: str = ""
    buyer: Buyer | None = None
    kind: DocumentKind | None = None
    tax_point: date | None = None
    idempotency_key: str | None = None
    language: str | None = None
    remark: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Voided:
    document_id: int
    number: str


def void_document(tx: Tx, cmd: VoidDocument) -> Voided:
    """Void it. The number stays taken, the paper stays readable. Raises Refused while notes refer to it."""
    tx.actor.require("document.void")
    orders, document = _lock(tx, cmd.document_id, cmd.version)
    _void(tx, orders, document, cmd.reason, cmd.note)
    return Voided(document.id, document.number)


def replace_document(tx: Tx, cmd: ReplaceDocument) -> DocumentIssued:
    """Void it and issue its successor, which names it, its date and the reason, in one transaction."""
    tx.actor.require("document.void")
    tx.actor.require("document.issue")
    orders, old = _lock(tx, cmd.document_id, None)
    kind = cmd.kind or old.kind
    if earlier := find_earlier(tx, cmd.idempotency_key, kind, [o.id for o in orders]):
        return DocumentIssued(earlier.id, earlier.number, repeated=True)
    if cmd.version is not None and old.version != cmd.version:
        raise Refused(say("Someone else changed this document; reload and look again"), code="stale")
    if refused := replace_refusal(old, kind):
        raise Refused(refused, code="not_replaceable")
    _void(tx, orders, old, cmd.reason, cmd.note)
    draft = _successor(tx, orders, old, cmd)
    made = put_down(tx, draft, cmd.idempotency_key)
    old.replaced_by_id = made.id
    facts = {"document": made.number, "document_id": made.id, "replaces": old.number}
    audit.record(tx, "document.replaced", "document", old.id, old.number, after=facts, reason=old.void_note)
    tx.session.flush()
    return DocumentIssued(made.id, made.number)


def preview_replacement(tx: Tx, cmd: ReplaceDocument) -> Preview:
    """What ``replace_document`` would issue. Raises as it would; changes nothing."""
    tx.actor.require("document.void")
    old = get_document(tx, cmd.document_id)
    if refused := replace_refusal(old, cmd.kind or old.kind):
        raise Refused(refused, code="not_replaceable")
    statement = visible(tx.actor).where(Order.id.in_(order_ids_of(tx, old.id))).options(selectinload(Order.lines))
    return preview_of(tx, _successor(tx, _listed(tx.session.scalars(statement).all(), old), old, cmd))


def _successor(tx: Tx, orders: Sequence[Order], old: Document, cmd: ReplaceDocument) -> Draft:
    """The document that replaces an old one, without its number."""
    kind = KINDS[cmd.kind or old.kind]
    again = IssueDocument(
        kind=kind.kind, order_ids=tuple(o.id for o in orders), buyer=cmd.buyer or buyer_of(old),
        tax_point=cmd.tax_point or old.tax_point, remark=cmd.remark, refund_id=old.refund_id,
        language=cmd.language or str(old.content["language"]),
        amount=old.total if kind.takes_money and not kind.bills_goods else None,
        pieces={row["line"]: row["quantity"] for row in old.content.get("goods", []) if "orders" not in row},
    )  # fmt: skip
    draft = prepare(tx, kind, orders, again, instead_of=old.id)
    why = {
        "number": old.number, "on": old.issued_on.isoformat(), "title": old.content["title"],
        "code": VOID_CODES.get(cmd.reason, OTHER_CODE), "reason": VOID_THAI[cmd.reason],
        "note": bounded(cmd.note, 500, "note", lines=True),
    }  # fmt: skip
    return replace(draft, content={**draft.content, "replaces": why}, replaces_id=old.id)


def replace_refusal(old: Document, kind: DocumentKind) -> Say | None:
    """Why a document cannot be replaced by one of that kind, or None. The form and the verb ask the same."""
    if reason := DOCUMENT.refusal(old, "void"):
        return reason
    if KINDS[old.kind].sign:
        return say("Void this note and issue a new one at its invoice")
    if kind is not old.kind and FULL_OF.get(old.kind) is not kind:
        both = kind in TAX_INVOICES and old.kind in TAX_INVOICES and not KINDS[kind].is_short
        if not both:
            return say("A document is replaced by one of its own kind")
    return None


def buyer_of(document: Document) -> Buyer:
    """The buyer a document was made out to."""
    return Buyer(**document.content["buyer"])


def _void(tx: Tx, orders: Sequence[Order], document: Document, reason: VoidReason, note: str) -> None:
    """Void a locked document of these locked orders."""
    DOCUMENT.check(document, "void")
    words = bounded(note, 500, "note", lines=True)
    if reason in {VoidReason.OTHER, VoidReason.MISTAKE} and not words:
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")
    mine = document.issued_by is not None and document.issued_by == tx.actor.user_id
    if mine and needs_second_person(tx.session, POLICY):
        raise Refused(say("You issued this document yourself; another person has to void it"), code="own_document")
    if notes := notes_of(tx.session, document.id):
        raise Refused(say("{note} corrects this invoice; void that one first", note=notes[-1].number), code="has_notes")
    before = {"status": document.status}
    DOCUMENT.fire(document, "void")
    document.voided_at, document.voided_label = clock.now(), tx.actor.label[:120]
    document.void_reason, document.void_note = reason, words
    for part in document.orders:
        part.is_live_tax = False
    after = {"document": document.number, "document_id": document.id, "status": document.status, "void": reason}
    subjects = [("document", document.id, document.number), *(("order", o.id, o.number) for o in orders)]
    audit.record_many(
        tx, [audit.Entry("document.voided", *subject, before=before, after=after, reason=words) for subject in subjects]
    )
    tx.session.flush()  # what is issued next sees the goods without an invoice


def _lock(tx: Tx, document_id: int, version: int | None) -> tuple[list[Order], Document]:
    """The document with its orders, locked: orders first."""
    wanted = order_ids_of(tx, document_id)
    orders = {order.id: order for order in lock_orders(tx, wanted)} if wanted else {}
    if not wanted or set(wanted) - set(orders):
        raise NotFound(say("There is no such document, or it is not yours to see"), code="document_not_found")
    document = lock_document(tx, document_id, version)
    return _listed(list(orders.values()), document), document


def _listed(orders: Sequence[Order], document: Document) -> list[Order]:
    """The orders as the document lists them."""
    by_number = {order.number: order for order in orders}
    return [by_number[row["number"]] for row in document.content["orders"] if row["number"] in by_number]
