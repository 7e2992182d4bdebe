"""The story of an order, told from the audit log in sentences: who, when, from where, what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms.audit import AuditLog
from oms.documents.kinds import KIND_LABELS
from oms.documents.states import DocumentKind
from oms.errors import Say, say
from oms.orders.attachments import ATTACHMENT_LABELS, AttachmentKind
from oms.orders.states import (
    BOARD_LABELS,
    CANCEL_LABELS,
    HOLD_LABELS,
    PAYMENT_LABELS,
    Board,
    CancelReason,
    HoldReason,
    PaymentStatus,
)
from oms.payments.states import REFUSAL_LABELS, CodRefusal
from oms.reports.timeline_channels import CHANNEL_SENTENCES
from oms.reports.timeline_returns import RETURN_SENTENCES, Facts, label_of

SOURCE_LABELS: dict[str, str] = {
    "screen": "on screen",
    "csv": "from a file",
    "api": "through the API",
    "job": "in the background",
    "cli": "by command",
    "public": "from the customer's link",
}
FIELD_LABELS: dict[str, str] = {
    "lines": "items",
    "total": "total",
    "discount": "discount",
    "shipping_fee": "shipping fee",
    "ship_name": "recipient",
    "ship_phone": "phone",
    "ship_line": "address",
    "ship_subdistrict": "subdistrict",
    "ship_district": "district",
    "ship_province": "province",
    "ship_postcode": "postcode",
    "status": "status",
    "carrier": "carrier",
    "tracking_no": "tracking number",
}
MONEY_FIELDS = frozenset({
    "trip_cost",
    "total", "discount", "shipping_fee", "difference", "amount", "expected", "remitted", "written_off", "cod_collected",
})  # fmt: skip
CODES = frozenset(reason.value for reason in CancelReason)  # a cancellation without a note names only its code
ADDRESS_FIELDS = frozenset({"ship_phone"})


@dataclass(frozen=True)
class Change:
    """One field from -> to. ``label`` is a template to translate."""

    field: str
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Event:
    """One line of the story."""

    at: datetime
    what: Say
    actor: str
    role: str
    source: str
    reason: str
    changes: tuple[Change, ...] = ()


def _holds(value: object) -> Say:
    reasons = value if isinstance(value, list) else [value]
    return label_of(HOLD_LABELS, HoldReason, reasons[0] if reasons else "")


def _board(after: Facts) -> Say:
    return label_of(BOARD_LABELS, Board, after.get("board", ""))


def _paid(after: Facts) -> Say:
    return label_of(PAYMENT_LABELS, PaymentStatus, after.get("payment_status", ""))


def _back(after: Facts) -> dict[str, object]:
    """A refund's number and amount."""
    return {"number": after.get("refund", ""), "amount": _baht(after.get("amount"))}


def _baht(amount: object) -> str:
    return f"฿{float(str(amount)):,.2f}" if amount not in {None, ""} else "–"


COD_SENTENCES: dict[str, Callable[[Facts, Facts], Say]] = {
    "cod.remitted": lambda _, a: say("{carrier} paid the cash of {amount}, round {round}", **_cash(a)),
    "cod.short": lambda _, a: say("{carrier} paid only {amount} of {expected}, round {round}", **_cash(a)),
    "cod.over": lambda _, a: say("{carrier} paid {amount}, more than {expected}, round {round}", **_cash(a)),
    "cod.paid_twice": lambda _, a: say("{carrier} paid {amount} once more, round {round}", **_cash(a)),
    "cod.paid_returned": lambda _, a: say("{carrier} paid {amount} although it was refused, round {round}", **_cash(a)),
    "cod.refused": lambda _, a: say(
        "No cash will come: {why}", why=label_of(REFUSAL_LABELS, CodRefusal, a.get("refusal"))
    ),
    "cod.reopened": lambda _, a: say("Delivered after all; {expected} is expected again", **_cash(a)),
    "cod.corrected": lambda b, a: say(
        "Cash to come corrected from {before} to {expected}", before=_baht(b.get("expected")), **_cash(a)
    ),
    "cod.written_off": lambda _, a: say("{amount} of the cash written off", amount=_baht(a.get("written_off"))),
}


DOCUMENT_SENTENCES: dict[str, Callable[[Facts, Facts], Say]] = {
    "document.issued": lambda _, a: say("{kind} {number} issued", **_paper(a)),
    "document.voided": lambda _, a: say("{number} voided", **_paper(a)),
}


def _paper(after: Facts) -> dict[str, object]:
    """A document's kind and number."""
    return {"kind": label_of(KIND_LABELS, DocumentKind, after.get("kind", "")), "number": after.get("document", "")}


def _cash(after: Facts) -> dict[str, str]:
    names = {"carrier": str(after.get("carrier", "")), "round": str(after.get("round", ""))}
    return names | {name: _baht(after.get(name)) for name in ("amount", "expected")}


def _box(after: Facts) -> dict[str, str]:
    return {"number": str(after.get("shipment", "")), "into": str(after.get("into", ""))}


SHIPMENT_SENTENCES: dict[str, Callable[[Facts, Facts], Say]] = {
    "shipment.made_ready": lambda _, a: say("Ready to pick: {number}", **_box(a)),
    "shipment.picking": lambda _, a: say("{number} is being picked", **_box(a)),
    "shipment.packed": lambda _, a: say("{number} packed, boxes: {n}", n=a.get("boxes", 1), **_box(a)),
    "shipment.labeled": lambda _, a: say("Label of {number} printed", **_box(a)),
    "shipment.label_printed": lambda _, a: say("Label of {number} printed", **_box(a)),
    "shipment.label_voided": lambda _, a: say("Label of {number} voided", **_box(a)),
    "shipment.tracking_set": lambda _, a: say(
        "Tracking number {tracking} set on {number}", tracking=a.get("tracking_no", ""), **_box(a)
    ),
    "shipment.carrier_changed": lambda _, a: say(
        "{number} goes with {carrier}", carrier=a.get("carrier", ""), **_box(a)
    ),
    "shipment.pulled_back": lambda _, a: say("{number} pulled back; it may not leave", **_box(a)),
    "shipment.canceled": lambda _, a: (
        say("{number} canceled; the goods are in {into}", **_box(a))
        if a.get("into")
        else say("{number} canceled", **_box(a))
    ),
    "shipment.split": lambda _, a: say("A part of {number} goes in {into}", **_box(a)),
    "shipment.combined": lambda _, a: say(
        "{orders} go in one box: {number}", orders=", ".join(a.get("orders") or []), **_box(a)
    ),
    "shipment.uncombined": lambda _, a: say(
        "{number} taken apart into {parts}", number=a.get("shipment", ""), parts=", ".join(a.get("into") or [])
    ),
}
CARRIER_SENTENCES: dict[str, Callable[[Facts, Facts], Say]] = {
    "shipment.coming_back": lambda _, a: say("{carrier} {number} is on its way back", **_parcel(a)),
    "shipment.came_back": lambda _, a: say("{carrier} {number} came back", **_parcel(a)),
    "shipment.lost": lambda _, a: say("{carrier} {number} is lost, says the carrier", **_parcel(a)),
}


def _parcel(after: Facts) -> dict[str, str]:
    return {"carrier": str(after.get("carrier", "")), "number": str(after.get("tracking_no", ""))}


def _file(after: Facts) -> dict[str, object]:
    """What a file kept with the order is, and its name."""
    what = label_of(ATTACHMENT_LABELS, AttachmentKind, after.get("kind", ""))
    return {"what": what, "file": after.get("file", ""), "shipment": after.get("shipment", "")}


def _moved(after: Facts) -> Say:
    pieces = after.get("pieces") or {}
    places = ", ".join(f"{code} ×{n}" for code, n in pieces.items()) if isinstance(pieces, Mapping) else ""
    if not places:
        return say("To be sent from {place}", place=after.get("warehouse", ""))
    return say("Sent from {places}", places=places)


SENTENCES: dict[str, Callable[[Facts, Facts], Say]] = {
    **CHANNEL_SENTENCES,
    "order.created": lambda _, a: say("Order entered, lines: {n}", n=len(a.get("lines") or [])),
    "order.confirmed": lambda _, a: (
        say("Order confirmed; it waits for stock")
        if a.get("stock") == "short"
        else say("Order confirmed, stock reserved")
    ),
    "order.completed": lambda *_: say("Order completed"),
    "order.canceled": lambda _, a: say(
        "Order canceled: {reason}", reason=label_of(CANCEL_LABELS, CancelReason, a.get("cancel_reason", ""))
    ),
    "order.expired": lambda *_: say("Not paid in time; the order expired and its stock was given back"),
    "order.held": lambda _, a: say("Put on hold: {reason}", reason=_holds(a.get("hold"))),
    "order.hold_released": lambda _, a: say(
        "Hold released: {reason}; next: {board}", reason=_holds(a.get("hold")), board=_board(a)
    ),
    "order.note_added": lambda _, a: (
        say("Note for the customer: {note}", note=a.get("note", ""))
        if a.get("for_customer")
        else say("Note: {note}", note=a.get("note", ""))
    ),
    "order.tagged": lambda _, a: say("Tagged “{tag}”", tag=a.get("tag", "")),
    "order.untagged": lambda _, a: say("Tag “{tag}” taken off", tag=a.get("tag", "")),
    "order.attachment_added": lambda _, a: (
        say("{what} added, {shipment}: {file}", **_file(a))
        if a.get("shipment")
        else say("{what} added: {file}", **_file(a))
    ),
    "order.attachment_removed": lambda _, a: say("{what} removed: {file}", **_file(a)),
    "order.assigned": lambda _, a: (
        say("Assigned to {who}", who=a["owner"]) if a.get("owner") else say("Assigned to nobody")
    ),
    "order.change_opened": lambda *_: say("Amendment started"),
    "order.change_proposed": lambda *_: say("Amendment worked out"),
    "order.change_discarded": lambda *_: say("Amendment discarded"),
    "order.amended": lambda *_: say("Order amended"),
    "order.shipped": lambda _, a: (
        say("Handed over: {carrier} {number}", carrier=a.get("carrier", ""), number=a["tracking_no"])
        if a.get("tracking_no")
        else say("Goods left the warehouse")
    ),
    "order.tracking_filled": lambda _, a: say("Tracking number {number} filled in", number=a.get("tracking_no", "")),
    "order.delivered": lambda *_: say("Delivered"),
    "order.rerouted": lambda _, a: _moved(a),
    "order.urgent": lambda _, a: (
        say("First in the queue for stock") if a.get("urgent") else say("Back in its turn for stock")
    ),
    "order.pieces_given": lambda _, a: say("Its pieces were given to {number}", number=a.get("to", "")),
    "order.pieces_got": lambda _, a: say("Got the pieces of {number}", number=a.get("from", "")),
    "order.stock_reserved": lambda *_: say("Stock came free and was reserved"),
    "order.channel_updated": lambda *_: say("Updated from a file of the channel"),
    "order.channel_refused": lambda _, a: say(
        "The channel says “{state}”; that cannot be done here", state=a.get("channel_status", "")
    ),
    "order.draft_edited": lambda *_: say("Draft changed"),
    "order.duplicate_accepted": lambda *_: say("Entered although it looks like another order"),
    "approval.requested": lambda *_: say("Approval of the discount asked for"),
    "approval.approved": lambda *_: say("Discount approved"),
    "approval.declined": lambda *_: say("Discount declined"),
    "approval.withdrawn": lambda *_: say("Request for the discount withdrawn"),
    "intake.conflict_decided": lambda *_: say("Difference with the channel decided"),
    "payment.channel_confirmed": lambda *_: say("The platform confirmed the payment"),
    "payment.term_approved": lambda *_: say("Shipping before payment approved"),
    "payment.claimed": lambda _, a: say("Payment notice of {amount} recorded", amount=_baht(a.get("amount"))),
    "payment.verified": lambda _, a: say(
        "Payment of {amount} verified; now: {state}", amount=_baht(a.get("amount")), state=_paid(a)
    ),
    "payment.rejected": lambda _, a: say("Payment notice of {amount} rejected", amount=_baht(a.get("amount"))),
    "payment.reversed": lambda _, a: say("Payment of {amount} reversed", amount=_baht(a.get("amount"))),
    "refund.requested": lambda _, a: say("Refund {number} of {amount} asked for", **_back(a)),
    "refund.approved": lambda _, a: say("Refund {number} of {amount} approved", **_back(a)),
    "refund.denied": lambda _, a: say("Refund {number} of {amount} declined", **_back(a)),
    "refund.paid_there": lambda _, a: say(
        "{amount} paid back by the channel, written down as {number}; now: {state}", **_back(a), state=_paid(a)
    ),
    "refund.paid": lambda _, a: say("{amount} paid back by {number}; now: {state}", **_back(a), state=_paid(a)),
    "refund.failed": lambda _, a: say("Refund {number} of {amount} could not be transferred", **_back(a)),
    "refund.retried": lambda _, a: say("Refund {number} of {amount} is tried again", **_back(a)),
    "payment.duplicate": lambda _, a: say("Payment notice of {amount}: used before", amount=_baht(a.get("amount"))),
    "payment.moved": lambda _, a: say(
        "Payment shared out anew: {amount} is for this order now", amount=_baht(a.get("amount"))
    ),
    **COD_SENTENCES,
    **DOCUMENT_SENTENCES,
    "payment.reminded": lambda *_: say("Customer reminded of the payment"),
    "order.expiry_extended": lambda *_: say("More time to pay given"),
    "gate.overridden": lambda _, a: say("May leave before payment; missing: {amount}", amount=_baht(a.get("amount"))),
    "gate.override_revoked": lambda *_: say("Leave to ship before payment taken back"),
    **RETURN_SENTENCES,
    **SHIPMENT_SENTENCES,
    **CARRIER_SENTENCES,
}
_CHANGES_SHOWN = frozenset({"order.amended", "order.channel_updated", "order.draft_edited"})


def sentence(action: str, before: Facts | None, after: Facts | None) -> Say:
    """What happened, in words. An action without a sentence is named, so that nothing is hidden."""
    teller = SENTENCES.get(action)
    return teller(before or {}, after or {}) if teller else say("Recorded: {action}", action=action)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"{row[0]} ×{row[1]}" if isinstance(row, list) and len(row) > 1 else str(row) for row in value)
    return "–" if value in {None, ""} else str(value)


def changes(before: Facts | None, after: Facts | None, hidden: frozenset[str]) -> tuple[Change, ...]:
    """Field by field from -> to, for the fields people know by name."""
    was, now = before or {}, after or {}
    names = [n for n in FIELD_LABELS if n not in hidden and (n in was or n in now) and was.get(n) != now.get(n)]
    return tuple(Change(n, FIELD_LABELS[n], _shown(was.get(n)), _shown(now.get(n))) for n in names)


def order_story(session: Session, order_id: int, *, prices: bool, phones: bool, limit: int = 200) -> Sequence[Event]:
    """The newest events of an order first. Without ``prices`` or ``phones`` those facts are left out."""
    return story(session, "order", order_id, prices=prices, phones=phones, limit=limit)


def story(
    session: Session, kind: str, subject_id: int, *, prices: bool, phones: bool, limit: int = 200
) -> Sequence[Event]:
    """The newest events of a record first, whatever kind it is."""
    rows = session.execute(
        select(
            AuditLog.at, AuditLog.action, AuditLog.before, AuditLog.after, AuditLog.actor, AuditLog.role,
            AuditLog.source, AuditLog.reason,
        )
        .where(AuditLog.subject_type == kind, AuditLog.subject_id == subject_id)
        .order_by(AuditLog.id.desc())
        .limit(limit)
    )  # fmt: skip
    hidden = (frozenset() if prices else MONEY_FIELDS) | (frozenset() if phones else ADDRESS_FIELDS)
    return [
        Event(
            at=row.at,
            what=sentence(row.action, row.before, row.after if prices else _without_money(row.after)),
            actor=row.actor,
            role=row.role,
            source=SOURCE_LABELS.get(row.source, "{source}"),
            reason="" if row.reason in CODES else row.reason,
            changes=changes(row.before, row.after, hidden) if row.action in _CHANGES_SHOWN else (),
        )
        for row in rows
    ]


def _without_money(after: Facts | None) -> Facts:
    return {k: v for k, v in (after or {}).items() if k not in MONEY_FIELDS}
