"""Rounds: a carrier's pay file taken in parcel by parcel. Each line is kept; each says how it compares.

A round is (carrier, reference). The same line of the same round adds nothing; a parcel paid in two rounds is flagged
and pays its order once; money for a parcel we do not know stays in the round, so that the round ties with the bank.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from oms import audit, clock
from oms.db import Tx
from oms.errors import Say, say
from oms.intake.queries import one_of
from oms.intake.states import Outcome
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_orders
from oms.payments.cod_models import CodEntry, CodRound, CodRoundLine
from oms.payments.cod_rules import OPEN, SETTLES, pay
from oms.payments.states import CodStatus, RoundLineOutcome
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus
from oms.usecases import derived
from oms.usecases.cod_banking import give_share
from oms.usecases.shipping import complete_done

COD_LOCK = 0x434F4400  # one pay file of a carrier is taken in at a time
CAME_BACK = frozenset({ShipmentStatus.RETURNING, ShipmentStatus.RETURNED})
R = RoundLineOutcome
FINDINGS: dict[RoundLineOutcome, str] = {  # audit actions
    R.MATCHED: "cod.remitted",
    R.SHORT: "cod.short",
    R.OVER: "cod.over",
    R.PAID_BEFORE: "cod.paid_twice",
    R.RETURNED: "cod.paid_returned",
}


@dataclass(frozen=True)
class PaidParcel:
    """One line of a pay file. ``named``: the file itself says which round it is, by a reference or a day."""

    no: int
    tracking_no: str
    amount: Money
    fee: Money
    reference: str
    named: bool = True
    paid_on: date | None = None


@dataclass(frozen=True)
class TakeParcels:
    """Lines of one file of one carrier."""

    carrier: str
    run_id: int | None
    parcels: tuple[PaidParcel, ...]


@dataclass(frozen=True)
class ParcelTaken:
    """What became of a line: counted how, in which round, and what a person should know of it."""

    no: int
    outcome: Outcome
    round_id: int | None = None
    finding: RoundLineOutcome | None = None
    code: str = ""
    words: Say | None = None


@dataclass
class _Book:
    """What is known before the first line of a batch is taken in, and what changes on the way."""

    carrier: str
    run_id: int | None
    entries: dict[str, list[CodEntry]]
    orders: dict[int, Order]
    stages: dict[int, ShipmentStatus]
    rounds: dict[str, CodRound]
    lines: dict[str, list[CodRoundLine]]
    not_cash: dict[str, str]
    next_line: dict[int, int]
    touched: dict[int, Order] = field(default_factory=dict)
    notes: list[audit.Entry] = field(default_factory=list)


def take_parcels(tx: Tx, cmd: TakeParcels) -> list[ParcelTaken]:
    """Take lines of a pay file in; one answer for each, in order."""
    tx.actor.require("payment.cod")
    if not cmd.parcels:
        return []
    tx.session.execute(select(func.pg_advisory_xact_lock(COD_LOCK, func.hashtext(cmd.carrier))))
    book = _open_book(tx, cmd)
    answers = [_take(tx, book, parcel) for parcel in cmd.parcels]
    tx.session.flush()
    orders = list(book.touched.values())
    derived.refresh(tx, orders)
    audit.record_many(tx, book.notes)
    complete_done(tx, orders)
    return answers


def _open_book(tx: Tx, cmd: TakeParcels) -> _Book:
    numbers = {p.tracking_no for p in cmd.parcels}
    wanted = one_of(CodEntry.tracking_no, numbers)
    order_ids = set(tx.session.scalars(select(CodEntry.order_id).where(wanted)))
    orders = {order.id: order for order in lock_orders(tx, order_ids)} if order_ids else {}
    found = tx.session.execute(
        select(CodEntry, Shipment.status)
        .join(Shipment, Shipment.id == CodEntry.shipment_id)
        .where(wanted, one_of(CodEntry.order_id, set(orders)))
        .order_by(CodEntry.id)
        .with_for_update(of=CodEntry)
        .execution_options(populate_existing=True)
    ).all()
    entries: dict[str, list[CodEntry]] = defaultdict(list)
    for entry, _ in found:
        entries[entry.tracking_no].append(entry)
    rounds = _rounds(tx, cmd)
    last = (
        select(CodRoundLine.round_id, func.max(CodRoundLine.line))
        .where(one_of(CodRoundLine.round_id, {r.id for r in rounds.values()}))
        .group_by(CodRoundLine.round_id)
    )
    return _Book(
        cmd.carrier, cmd.run_id, entries, orders, {entry.id: stage for entry, stage in found}, rounds,
        _live_lines(tx, cmd.carrier, numbers), _not_cash(tx, numbers - entries.keys()),
        {round_id: int(line) + 1 for round_id, line in tx.session.execute(last)},
    )  # fmt: skip


def _rounds(tx: Tx, cmd: TakeParcels) -> dict[str, CodRound]:
    """The rounds these lines speak of, as far as they exist, locked."""
    mine = (
        select(CodRound)
        .where(CodRound.carrier == cmd.carrier, one_of(CodRound.reference, {p.reference for p in cmd.parcels}))
        .order_by(CodRound.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {r.reference: r for r in tx.session.scalars(mine)}


def _round(tx: Tx, book: _Book, parcel: PaidParcel) -> CodRound:
    """The round of a line; a new one begins empty with its first line."""
    if parcel.reference not in book.rounds:
        here = CodRound(
            carrier=book.carrier, reference=parcel.reference, paid_on=parcel.paid_on, run_id=book.run_id, gross=ZERO,
            fees=ZERO, round_fee=ZERO, net=ZERO, created_at=clock.now(), created_by=tx.actor.label[:120],
        )  # fmt: skip
        tx.session.add(here)
        tx.session.flush()  # the lines name it
        book.rounds[parcel.reference] = here
    return book.rounds[parcel.reference]


def _live_lines(tx: Tx, carrier: str, numbers: set[str]) -> dict[str, list[CodRoundLine]]:
    """What rounds of this carrier hold of these parcels, without what was taken back."""
    undone = aliased(CodRoundLine)
    back = select(undone.id).where(undone.reverses_id == CodRoundLine.id).exists()
    statement = (
        select(CodRoundLine)
        .join(CodRound, CodRound.id == CodRoundLine.round_id)
        .where(
            CodRound.carrier == carrier, one_of(CodRoundLine.tracking_no, numbers),
            CodRoundLine.reverses_id.is_(None), ~back,
        )
        .order_by(CodRoundLine.id)
    )  # fmt: skip
    lines: dict[str, list[CodRoundLine]] = defaultdict(list)
    for line in tx.session.scalars(statement):
        lines[line.tracking_no].append(line)
    return lines


def _not_cash(tx: Tx, numbers: set[str]) -> dict[str, str]:
    """Parcels of ours that were to bring no cash: tracking number -> order number."""
    if not numbers:
        return {}
    statement = (
        select(Parcel.tracking_no, Order.number)
        .join(ShipmentLine, ShipmentLine.shipment_id == Parcel.shipment_id)
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(one_of(Parcel.tracking_no, numbers), Parcel.is_live)
    )
    return {row.tracking_no: row.number for row in tx.session.execute(statement)}


def _take(tx: Tx, book: _Book, parcel: PaidParcel) -> ParcelTaken:
    there = book.rounds.get(parcel.reference)
    mine = [n for n in book.lines[parcel.tracking_no] if there is not None and n.round_id == there.id]
    entries = _entries(book, parcel.tracking_no)
    if there is not None and mine:
        return _again(tx, book, parcel, there, mine, entries)
    if not entries and not parcel.amount and not parcel.fee:
        return ParcelTaken(parcel.no, Outcome.UNCHANGED)  # files of all parcels name those without cash as well
    others = book.lines[parcel.tracking_no]
    if not parcel.named and any(line.amount == parcel.amount for line in others):
        return ParcelTaken(parcel.no, Outcome.UNCHANGED, others[0].round_id)  # an overlapping file without references
    if there is not None and there.banked_at is not None:
        words = say("Round {reference} is in the bank already; this parcel was not in it", reference=there.reference)
        return ParcelTaken(parcel.no, Outcome.QUARANTINED, there.id, None, "round_banked", words)
    if not entries and (other := book.entries.get(parcel.tracking_no)):
        words = say("This parcel went with {carrier}; is the file of the right carrier?", carrier=other[0].carrier)
        return ParcelTaken(parcel.no, Outcome.QUARANTINED, None, None, "other_carrier", words)
    here = _round(tx, book, parcel)
    finding = _write(tx, book, parcel, here, entries)
    if finding is R.UNKNOWN:
        return ParcelTaken(parcel.no, Outcome.QUARANTINED, here.id, finding, "parcel_unknown", _unknown(book, parcel))
    return ParcelTaken(parcel.no, Outcome.CREATED, here.id, finding, *_remark(parcel, entries, finding))


def _entries(book: _Book, tracking_no: str) -> list[CodEntry]:
    """The entries a payment for this number is for: the open ones of this carrier, else the last one it had."""
    mine = [e for e in book.entries.get(tracking_no, []) if e.carrier in {book.carrier, ""}]
    return [e for e in mine if e.status in OPEN] or mine[-1:]


def _again(
    tx: Tx, book: _Book, parcel: PaidParcel, here: CodRound, mine: Sequence[CodRoundLine], entries: list[CodEntry]
) -> ParcelTaken:
    """A parcel that the round has already: unchanged, understood by now, or contradicting."""
    amount, fee = sum((n.amount for n in mine), start=ZERO), sum((n.fee for n in mine), start=ZERO)
    if (amount, fee) != (parcel.amount, parcel.fee):
        words = say(
            "Round {reference} has {amount} (fee {fee}) for this parcel; this file says {other} (fee {other_fee})",
            reference=here.reference, amount=amount, fee=fee, other=parcel.amount, other_fee=parcel.fee,
        )  # fmt: skip
        return ParcelTaken(parcel.no, Outcome.QUARANTINED, here.id, None, "round_contradicts", words)
    if entries and all(line.outcome is R.UNKNOWN for line in mine):
        _take_back(tx, book, here, mine)
        finding = _write(tx, book, parcel, here, entries)
        return ParcelTaken(parcel.no, Outcome.UPDATED, here.id, finding, *_remark(parcel, entries, finding))
    return ParcelTaken(parcel.no, Outcome.UNCHANGED, here.id)


def _take_back(tx: Tx, book: _Book, here: CodRound, lines: Sequence[CodRoundLine]) -> None:
    """Rows are never changed: a negative one undoes a line that is about to be written anew."""
    for line in lines:
        undone = CodRoundLine(
            round_id=here.id, line=_number(book, here), tracking_no=line.tracking_no, amount=-line.amount,
            fee=-line.fee, outcome=line.outcome, entry_id=line.entry_id, reverses_id=line.id,
        )  # fmt: skip
        tx.session.add(undone)
        _add_up(here, undone)
        book.lines[line.tracking_no].remove(line)


def _number(book: _Book, here: CodRound) -> int:
    number = book.next_line.get(here.id, 1)
    book.next_line[here.id] = number + 1
    return number


def _add_up(here: CodRound, line: CodRoundLine) -> None:
    here.gross += line.amount
    here.fees += line.fee
    here.net = here.gross - here.fees - here.round_fee


def _write(tx: Tx, book: _Book, parcel: PaidParcel, here: CodRound, entries: list[CodEntry]) -> RoundLineOutcome:
    """Add the parcel to the round and book it on its entries: the money of several orders in one box is shared in
    their order, what is too much or too little stands on the last one."""
    rest, fee, finding = parcel.amount, parcel.fee, R.UNKNOWN
    receivers: Sequence[CodEntry | None] = entries or [None]
    for entry in receivers:
        share = rest
        if entry is not None and entry is not receivers[-1]:
            share = min(rest, max(entry.expected - entry.remitted, ZERO))
        finding = _settle(tx, book, here, entry, share, fee)
        line = CodRoundLine(
            round_id=here.id, line=_number(book, here), tracking_no=parcel.tracking_no, amount=share, fee=fee,
            outcome=finding, entry_id=entry.id if entry else None,
        )  # fmt: skip
        tx.session.add(line)
        _add_up(here, line)
        book.lines[parcel.tracking_no].append(line)
        rest, fee = rest - share, ZERO
    return finding


def _settle(tx: Tx, book: _Book, here: CodRound, entry: CodEntry | None, amount: Money, fee: Money) -> RoundLineOutcome:
    if entry is None:
        return R.UNKNOWN
    order = book.orders[entry.order_id]
    before = {"cod": entry.status, "remitted": entry.remitted}
    came_back = book.stages[entry.id] in CAME_BACK and entry.status is not CodStatus.REMITTED
    finding = R.RETURNED if came_back else pay(entry, amount, fee, _paid_at(here))
    facts = {"round": here.reference, "carrier": here.carrier, "amount": amount, "expected": entry.expected,
             "cod": entry.status, "remitted": entry.remitted}  # fmt: skip
    book.notes.append(audit.Entry(FINDINGS[finding], "order", order.id, order.number, before, facts))
    if finding in SETTLES:
        entry.carrier = entry.carrier or here.carrier
        book.touched[order.id] = order
        give_share(tx, here, order, entry, amount, finding)
    return finding


def _paid_at(here: CodRound) -> datetime:
    """The moment of a round: the end of its day, not later than now."""
    now = clock.now()
    return min(now, datetime.combine(here.paid_on, time(12), clock.BANGKOK)) if here.paid_on else now


def _unknown(book: _Book, parcel: PaidParcel) -> Say:
    if number := book.not_cash.get(parcel.tracking_no):
        return say("This parcel of {number} was not sent as cash on delivery", number=number)
    return say("No parcel of {carrier} with cash to collect has this tracking number", carrier=book.carrier)


def _remark(parcel: PaidParcel, entries: Sequence[CodEntry], finding: RoundLineOutcome) -> tuple[str, Say | None]:
    """Code and sentence of what a person should know of a line that was taken in."""
    if finding is R.MATCHED:
        return "", None
    expected = sum((e.expected for e in entries), start=ZERO)
    words = {
        R.SHORT: say("{amount} came, {expected} was to be collected", amount=parcel.amount, expected=expected),
        R.OVER: say("{amount} came, more than the {expected} to be collected", amount=parcel.amount, expected=expected),
        R.PAID_BEFORE: say("This parcel was paid in an earlier round"),
        R.RETURNED: say("Paid although the parcel was refused or came back"),
    }[finding]
    return f"parcel_{finding.value}", words


def settle_waiting(tx: Tx, entry: CodEntry, order: Order) -> list[RoundLineOutcome]:
    """Money that came for a parcel while it counted as refused: book it. The caller has order and entry locked."""
    ids = set(tx.session.scalars(select(CodRoundLine.round_id).where(CodRoundLine.entry_id == entry.id)))
    rounds = tx.session.scalars(
        select(CodRound).where(one_of(CodRound.id, ids)).order_by(CodRound.id).with_for_update()
    ).all()
    last = select(func.coalesce(func.max(CodRoundLine.line), 0))
    findings = []
    for here in rounds:
        lines = _live_lines(tx, here.carrier, {entry.tracking_no})
        mine = [n for n in lines[entry.tracking_no] if n.round_id == here.id and n.outcome is R.RETURNED]
        number = (tx.session.scalar(last.where(CodRoundLine.round_id == here.id)) or 0) + 1
        book = _Book(here.carrier, here.run_id, {}, {order.id: order}, {entry.id: ShipmentStatus.DELIVERED},
                     {here.reference: here}, lines, {}, {here.id: number})  # fmt: skip
        for line in mine:
            _take_back(tx, book, here, [line])
            parcel = PaidParcel(0, line.tracking_no, line.amount, line.fee, here.reference)
            findings.append(_write(tx, book, parcel, here, [entry]))
        audit.record_many(tx, book.notes)
    return findings
