"""Credit and debit notes: what a tax invoice said too much or too little. Credits never exceed their invoice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms.db import Tx
from oms.documents.content import Draft
from oms.documents.kinds import KINDS, TAX_INVOICES
from oms.documents.models import Document, DocumentOrder
from oms.documents.notes import Correction, build_note, pieces_left, whole, worth
from oms.documents.queries import (
    credited_of_order,
    find_seller,
    find_setting,
    get_document,
    lock_document,
    notes_of,
    order_ids_of,
)
from oms.documents.states import CREDIT_THAI, DEBIT_THAI, CreditReason, DebitReason, DocumentKind, DocumentStatus
from oms.errors import InvalidInput, Refused, say
from oms.money import ZERO, Money
from oms.orders.queries import get_order, lock_orders
from oms.usecases.documents import DocumentIssued, Preview, find_earlier, preview_of, put_down, series_of
from oms.usecases.keeping import bounded


@dataclass(frozen=True)
class IssueNote:
    """Correct a tax invoice by ``amount`` (VAT included). ``amount`` None: what the pieces were billed at; without
    pieces, all that is left. ``pieces`` are by order line. ``order_id`` is needed when the invoice is of several."""

    invoice_id: int
    kind: DocumentKind
    reason_code: str
    reason: str = ""
    amount: Money | None = None
    pieces: Mapping[int, int] = field(default_factory=dict)
    order_id: int | None = None
    idempotency_key: str | None = None
    language: str = "th"


def issue_note(tx: Tx, cmd: IssueNote) -> DocumentIssued:
    """Issue a credit or debit note on an invoice. Raises Refused when a credit is more than is left of it."""
    tx.actor.require("document.issue")
    lock_orders(tx, order_ids_of(tx, cmd.invoice_id))
    invoice = lock_document(tx, cmd.invoice_id)
    order_id = cmd.order_id or _only_order(invoice)
    if earlier := find_earlier(tx, cmd.idempotency_key, cmd.kind, [order_id]):
        return DocumentIssued(earlier.id, earlier.number, repeated=True)
    return _issue(tx, invoice, replace(cmd, order_id=order_id), order_id)


def preview_note(tx: Tx, cmd: IssueNote) -> Preview:
    """What ``issue_note`` would issue. Raises as it would; changes nothing."""
    tx.actor.require("document.issue")
    invoice = get_document(tx, cmd.invoice_id)
    return preview_of(tx, _draft(tx, invoice, cmd, cmd.order_id or _only_order(invoice)))


def credit_for_return(
    tx: Tx, order_id: int, lines: Mapping[int, int], amount: Money, reason_code: str, reason: str
) -> DocumentIssued | None:
    """The credit note of a return, in the return's own transaction; the caller has locked the order. None when the
    order has no live tax invoice or nothing is credited. ``lines``: pieces by order line; ``amount`` includes VAT."""
    if not tx.actor.may("return.resolve"):
        tx.actor.require("document.issue")
    invoice = live_tax_invoice(tx, order_id)
    if invoice is None or amount <= ZERO:
        return None
    cmd = IssueNote(
        invoice.id, DocumentKind.CREDIT_NOTE, reason_code, reason, amount, {k: n for k, n in lines.items() if n},
        order_id, language=str(invoice.content["language"]),
    )  # fmt: skip
    return _issue(tx, invoice, cmd, order_id)


def live_tax_invoice(tx: Tx, order_id: int) -> Document | None:
    """The order's live tax invoice, locked."""
    statement = (
        select(Document)
        .join(DocumentOrder, DocumentOrder.document_id == Document.id)
        .where(DocumentOrder.order_id == order_id, DocumentOrder.is_live_tax)
        .options(selectinload(Document.orders))
        .with_for_update(of=Document)
        .execution_options(populate_existing=True)
    )
    return tx.session.scalars(statement).one_or_none()


def creditable(tx: Tx, invoice: Document, order_id: int) -> Money:
    """How much of an order's share of an invoice may still be credited."""
    share = next((part.amount for part in invoice.orders if part.order_id == order_id), ZERO)
    left = share - credited_of_order(tx.session, invoice.id, order_id)
    debits = [n for n in notes_of(tx.session, invoice.id) if n.kind is DocumentKind.DEBIT_NOTE]
    left += sum((part.amount for n in debits for part in n.orders if part.order_id == order_id), start=ZERO)
    return min(max(left, ZERO), whole(invoice, notes_of(tx.session, invoice.id)))


def _only_order(invoice: Document) -> int:
    if len(invoice.orders) != 1:
        raise InvalidInput(say("Choose the order it is about"), field="order_id", code="which_order")
    return invoice.orders[0].order_id


def _issue(tx: Tx, invoice: Document, cmd: IssueNote, order_id: int) -> DocumentIssued:
    """Issue a note on a locked invoice."""
    made = put_down(tx, _draft(tx, invoice, cmd, order_id), cmd.idempotency_key)
    return DocumentIssued(made.id, made.number)


def _draft(tx: Tx, invoice: Document, cmd: IssueNote, order_id: int) -> Draft:
    """The checked note, without its number."""
    kind = KINDS[cmd.kind]
    if not kind.sign:
        raise InvalidInput(say("Choose a credit or a debit note"), field="kind", code="note_kind")
    if invoice.kind not in TAX_INVOICES or invoice.status is not DocumentStatus.ISSUED:
        raise Refused(say("{number} is no live tax invoice", number=invoice.number), code="no_tax_invoice")
    if order_id not in {part.order_id for part in invoice.orders}:
        raise InvalidInput(say("Choose the order it is about"), field="order_id", code="which_order")
    code, thai = _reason_words(kind.sign, cmd.reason_code)
    words = bounded(cmd.reason, 500, "reason", lines=True)
    if code.endswith("99") and not words:
        raise InvalidInput(say("Say in a few words why"), field="reason", code="reason_missing")
    if not invoice.content["buyer"]["address"]:
        raise Refused(
            say("{number} has no address of the buyer; replace it by a full tax invoice first", number=invoice.number),
            code="buyer_address_missing",
        )
    number = get_order(tx, order_id).number
    notes, room = notes_of(tx.session, invoice.id), creditable(tx, invoice, order_id)
    if kind.sign < 0:
        _check_pieces(invoice, notes, number, cmd.pieces)
    amount = cmd.amount if cmd.amount is not None else _default(invoice, number, cmd.pieces, room)
    if kind.sign < 0 and amount > room:
        raise Refused(
            say("Only {amount} of {number} is left to credit", amount=room, number=invoice.number),
            field="amount", code="credit_too_much",
        )  # fmt: skip
    asked = Correction(amount, cmd.pieces, code, (thai, words), order_id, number)
    draft = build_note(kind, invoice, notes, asked, cmd.language)
    prefix, footer = find_setting(tx.session, cmd.kind)
    seller = find_seller(tx.session)
    look = {"footer": footer or seller.footer, **seller.letterhead()}
    return replace(draft, prefix=series_of(prefix, draft, seller.era), content={**draft.content, **look})


def _default(invoice: Document, order: str, pieces: Mapping[int, int], room: Money) -> Money:
    if not any(pieces.values()):
        return room
    return Money.satang(sum(line.amount for line in worth(invoice, order, pieces)))


def _check_pieces(invoice: Document, notes: list[Document], order: str, pieces: Mapping[int, int]) -> None:
    """No piece is credited twice."""
    left = pieces_left(invoice, notes, order)
    if any(count > left.get(line, 0) for line, count in pieces.items()):
        raise Refused(
            say("More pieces than {number} has left to credit", number=invoice.number),
            field="pieces", code="too_many_pieces",
        )  # fmt: skip


def _reason_words(sign: int, code: str) -> tuple[str, str]:
    """(code, Thai words) of a reason. Raises InvalidInput for one the law does not know."""
    try:
        if sign < 0:
            credit = CreditReason(code)
            return credit.value, CREDIT_THAI[credit]
        debit = DebitReason(code)
        return debit.value, DEBIT_THAI[debit]
    except ValueError:
        raise InvalidInput(say("Choose a reason"), field="reason_code", code="reason_code") from None
