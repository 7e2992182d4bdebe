"""Bills, receipts, tax invoices and the papers of goods: previewed, then issued with a number and frozen.

The number is allotted last, in the transaction that writes the document, so a series has neither gap nor repeat
(invariant 8). Orders are locked first, then documents, then the series.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms import audit, clock, numbering
from oms.db import Tx
from oms.documents.content import Asked, Draft, build, finish
from oms.documents.facts import Facts
from oms.documents.kinds import KINDS, Kind
from oms.documents.models import Document, DocumentOrder, checksum
from oms.documents.parties import Buyer, checked_buyer
from oms.documents.queries import find_rate, find_setting, may_issue
from oms.documents.rules import field_problems, refusal, warnings
from oms.documents.states import DOCUMENT, DocumentKind, DocumentStatus, SeriesEra
from oms.errors import Forbidden, InvalidInput, NotFound, Refused, Say, say
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import lock_orders, visible
from oms.thai.dates import be_year
from oms.thai.tax_id import HEAD_OFFICE
from oms.usecases.documents_facts import read_facts
from oms.usecases.keeping import bounded

MOST_ORDERS = 500  # of one document
LANGUAGES = ("th", "en")


@dataclass(frozen=True)
class IssueDocument:
    """Issue one document of one or several orders.

    ``buyer`` None: the customer's tax identity, else the recipient. ``tax_point`` None: delivery or payment, whichever
    came first. ``amount`` narrows a receipt, ``pieces`` (by order line) a paper of goods. ``refund_id`` is for a refund
    voucher.
    """

    kind: DocumentKind
    order_ids: tuple[int, ...]
    idempotency_key: str | None = None
    buyer: Buyer | None = None
    tax_point: date | None = None
    amount: Money | None = None
    pieces: Mapping[int, int] = field(default_factory=dict)
    refund_id: int | None = None
    remark: str = ""
    language: str = "th"


@dataclass(frozen=True)
class DocumentIssued:
    """``repeated``: it was issued before with this key."""

    document_id: int
    number: str
    repeated: bool = False


@dataclass(frozen=True)
class Preview:
    """A document as it would be: its content without a number, and what to think of before."""

    content: Mapping[str, Any]
    warnings: Sequence[Say]
    total: Money


def issue_document(tx: Tx, cmd: IssueDocument) -> DocumentIssued:
    """Issue it. Raises Refused or InvalidInput naming what stands against it or is missing. The same key again answers
    with the first document."""
    kind = _allowed(tx, cmd)
    orders = lock_orders(tx, cmd.order_ids)
    if earlier := find_earlier(tx, cmd.idempotency_key, cmd.kind, cmd.order_ids):
        return DocumentIssued(earlier.id, earlier.number, repeated=True)
    return _issued(put_down(tx, prepare(tx, kind, _in_order(orders, cmd), cmd), cmd.idempotency_key))


def preview_document(tx: Tx, cmd: IssueDocument) -> Preview:
    """What ``issue_document`` would issue. Raises as it would; changes nothing."""
    kind = _allowed(tx, cmd)
    statement = visible(tx.actor).where(Order.id.in_(cmd.order_ids)).options(selectinload(Order.lines))
    return preview_of(tx, prepare(tx, kind, _in_order(tx.session.scalars(statement).all(), cmd), cmd))


def preview_of(tx: Tx, draft: Draft) -> Preview:
    """A draft as it would be printed."""
    return Preview(finish(draft, "", "", tx.actor.label[:120]), draft.warnings, draft.total)


def _allowed(tx: Tx, cmd: IssueDocument) -> Kind:
    kind = KINDS[cmd.kind]
    if not may_issue(tx.actor, cmd.kind):
        tx.actor.require("document.issue")
    if kind.has_prices and not tx.actor.may("order.price"):
        raise Forbidden(say("Your role may not see prices, so it issues no document with them"), code="no_prices")
    if not cmd.order_ids:
        raise InvalidInput(say("Choose at least one order"), field="order_ids", code="no_orders")
    if len(set(cmd.order_ids)) > MOST_ORDERS:
        raise InvalidInput(say("Choose {most} orders at most", most=MOST_ORDERS), field="order_ids", code="many_orders")
    return kind


def _in_order(orders: Sequence[Order], cmd: IssueDocument) -> list[Order]:
    """The orders as they were named. Raises NotFound when one is not there or not this actor's to see."""
    by_id = {order.id: order for order in orders}
    wanted = list(dict.fromkeys(cmd.order_ids))
    if set(wanted) - set(by_id):
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    return [by_id[i] for i in wanted]


def prepare(tx: Tx, kind: Kind, orders: Sequence[Order], cmd: IssueDocument, instead_of: int | None = None) -> Draft:
    """The checked document of these orders, without a number. The caller has locked them, or only looks.
    ``instead_of`` is a document that does not count because this one replaces it."""
    facts = read_facts(tx, orders, kind.layout, cmd.refund_id, instead_of)
    tax_point = cmd.tax_point or (facts.default_tax_point() if kind.is_tax else clock.today())
    buyer = checked_buyer(cmd.buyer or facts.default_buyer()) if kind.has_buyer else Buyer("")
    check(kind, facts, buyer, tax_point)
    asked = Asked(
        tax_point, cmd.language if cmd.language in LANGUAGES else LANGUAGES[0],
        bounded(cmd.remark, 500, "remark", lines=True), cmd.amount, cmd.pieces,
    )  # fmt: skip
    draft = build(kind, facts, buyer, asked, rate_of(tx, kind, facts, tax_point))
    return dressed(tx, draft, facts, warnings(kind, facts, buyer, tax_point))


def check(kind: Kind, facts: Facts, buyer: Buyer, tax_point: date) -> None:
    """Raise why this kind may not be issued of these facts: first what no form can mend, then every field."""
    if found := refusal(kind, facts, buyer, tax_point):
        raise Refused(found.message, code=found.code)
    if problems := field_problems(kind, buyer, tax_point):
        first, *others = problems
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(others))


def rate_of(tx: Tx, kind: Kind, facts: Facts, tax_point: date) -> int | None:
    """The rate that goes with the tax point; None for a seller without VAT or a paper without prices."""
    if not kind.has_prices or not facts.seller.bears_vat(tax_point):
        return None
    rate = find_rate(tx.session, tax_point)
    if rate is None:
        raise Refused(
            say("No rate of VAT is set for {day}; set it under Shop setup → Company and documents", day=tax_point),
            code="rate_missing",
        )
    return rate


def dressed(tx: Tx, draft: Draft, facts: Facts, thoughts: Sequence[Say]) -> Draft:
    """The draft with its series and footer as the seller has set them."""
    prefix, footer = find_setting(tx.session, draft.kind.kind)
    content = {**draft.content, "footer": footer or facts.seller.footer}
    era = facts.seller.era
    return replace(draft, content=content, warnings=tuple(thoughts), prefix=series_of(prefix, draft, era))


def series_of(prefix: str, draft: Draft, era: SeriesEra) -> str:
    """The series of a document: prefix and year, and the branch unless it is the head office: ``IV69-00001``."""
    year = be_year(draft.issued_on) if era is SeriesEra.BE else draft.issued_on.year
    branch = "" if draft.branch == HEAD_OFFICE else f"-{draft.branch}"
    return f"{prefix}{year % 100:02d}{branch}"


def find_earlier(tx: Tx, key: str | None, kind: DocumentKind, order_ids: Sequence[int]) -> Document | None:
    """The document issued with this key. Raises Refused when the key was used for something else."""
    if not key:
        return None
    found = tx.session.scalars(
        select(Document).where(Document.idempotency_key == key).options(selectinload(Document.orders))
    ).one_or_none()
    if found is not None and (found.kind is not kind or {o.order_id for o in found.orders} != set(order_ids)):
        raise Refused(say("This form was used for another document already; open it anew"), code="key_reused")
    return found


def put_down(tx: Tx, draft: Draft, key: str | None) -> Document:
    """Number a checked draft, freeze it, write it down. The last thing of a verb: the series stays locked after it."""
    token = secrets.token_urlsafe(18)
    tx.session.flush()  # what this transaction changed before holds no lock after the series
    sequence = numbering.allot(tx, f"document:{draft.prefix}")
    number = f"{draft.prefix}-{sequence:06d}"
    content = finish(draft, number, token, tx.actor.label[:120])
    document = Document(
        kind=draft.kind.kind, status=DocumentStatus.DRAFT, series=draft.prefix, sequence=sequence, number=number,
        branch=draft.branch, issued_on=draft.issued_on, tax_point=draft.tax_point, customer_id=draft.customer_id,
        buyer_name=draft.buyer.name[:200], buyer_tax_id=draft.buyer.tax_id, buyer_branch=draft.buyer.branch,
        net=Money.satang(draft.sums.base), vat=Money.satang(draft.sums.vat),
        exempt=Money.satang(draft.sums.zero + draft.sums.exempt), total=draft.total, vat_rate_bp=draft.sums.rate_bp,
        content=content, checksum=checksum(content), token=token, refers_to_id=draft.refers_to_id,
        replaces_id=draft.replaces_id, refund_id=draft.refund_id, issued_at=clock.now(), issued_by=tx.actor.user_id,
        issued_label=tx.actor.label[:120], prints=0, idempotency_key=key or None,
        orders=[
            DocumentOrder(order_id=order_id, amount=amount, is_live_tax=draft.kind.bills_goods)
            for order_id, amount in sorted(draft.shares.items())
        ],
    )  # fmt: skip
    DOCUMENT.fire(document, "issue")
    tx.session.add(document)
    tx.session.flush()  # the audit rows name it by id
    _tell(tx, document, draft)
    return document


def _tell(tx: Tx, document: Document, draft: Draft) -> None:
    after: dict[str, Any] = {
        "document": document.number, "kind": document.kind, "document_id": document.id, "checksum": document.checksum,
    }  # fmt: skip
    if draft.kind.has_prices:
        after["amount"] = document.total
    orders = zip(draft.shares, (row["number"] for row in draft.content["orders"]), strict=False)
    subjects = [("document", document.id, document.number), *(("order", i, number) for i, number in orders)]
    audit.record_many(tx, [audit.Entry("document.issued", *subject, after=after) for subject in subjects])


def _issued(document: Document) -> DocumentIssued:
    return DocumentIssued(document.id, document.number)
