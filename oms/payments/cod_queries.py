"""Reads of the COD ledger: what each carrier owes, what is late, who refused before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Interval, Select, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.payments.cod_models import CodCarrier, CodEntry, CodRound, CodRoundLine
from oms.payments.cod_rules import HOLD_DAYS, LATE_DAYS, OPEN, TRAVEL_DAYS
from oms.payments.states import BUYERS_FAULT, CodStatus, RoundLineOutcome

E = CodEntry
_OWED = E.expected - E.remitted
BUCKETS: dict[str, str] = {
    "with_carrier": "On the way",
    "held": "Collected, held 5 days",
    "due": "Due now",
    "late": "Late",
    "short": "Paid too little",
    "open": "Outstanding",
    "refused": "Refused",
}
FLAGGED = (RoundLineOutcome.UNKNOWN, RoundLineOutcome.PAID_BEFORE, RoundLineOutcome.RETURNED)


def late_days() -> ColumnElement[int]:
    """Days until the money of an entry's carrier counts as late."""
    agreed = select(CodCarrier.late_days).where(CodCarrier.carrier == E.carrier).correlate(E).scalar_subquery()
    return func.coalesce(agreed, LATE_DAYS)


def _is_late() -> ColumnElement[bool]:
    now = clock.now()
    travel = literal(timedelta(days=TRAVEL_DAYS) + HOLD_DAYS, Interval)
    first = func.coalesce(E.settle_from, E.handed_over_at + travel)
    late: ColumnElement[bool] = first + func.make_interval(0, 0, 0, late_days()) < now
    return late


def condition(bucket: str) -> ColumnElement[bool]:
    """What makes an entry belong to a figure of the overview. The first four parts and "short" make up "open"."""
    waits = E.status.in_([CodStatus.EXPECTED, CodStatus.COLLECTED])
    held = and_(E.status == CodStatus.COLLECTED, E.settle_from > clock.now())
    return {
        "with_carrier": and_(E.status == CodStatus.EXPECTED, ~_is_late()),
        "held": and_(held, ~_is_late()),
        "due": and_(E.status == CodStatus.COLLECTED, E.settle_from <= clock.now(), ~_is_late()),
        "late": and_(waits, _is_late()),
        "short": E.status == CodStatus.SHORT,
        "open": E.status.in_(sorted(OPEN)),
        "refused": E.status == CodStatus.REFUSED,
    }[bucket]


@dataclass(frozen=True)
class Figure:
    """Parcels and their money."""

    count: int = 0
    amount: Money = ZERO


@dataclass(frozen=True)
class Outstanding:
    """What one carrier owes, cut into parts that add up to ``open``. ``flagged``: lines of its rounds that belong to
    no parcel with cash to collect."""

    carrier: str
    late_days: int
    with_carrier: Figure
    held: Figure
    due: Figure
    late: Figure
    short: Figure
    open: Figure
    flagged: Figure = Figure()


PARTS = tuple(f.name for f in fields(Outstanding) if f.name in BUCKETS)


def entries(actor: Actor) -> Select[Any]:
    """(entry, order) of orders this actor may see; unordered."""
    pairs: Any = select(CodEntry, Order).join(Order, Order.id == CodEntry.order_id)
    statement: Select[Any] = pairs
    if actor.warehouses is not None or actor.shops is not None or actor.own_orders_only:
        statement = statement.where(CodEntry.order_id.in_(visible(actor).with_only_columns(Order.id)))
    return statement


def outstanding(session: Session, actor: Actor) -> list[Outstanding]:
    """Per carrier, the largest debt first; carriers with nothing open but flagged lines come last."""
    columns: list[Any] = []
    for part in PARTS:
        hit = condition(part)
        columns += [func.count().filter(hit), func.coalesce(func.sum(_OWED).filter(hit), 0)]
    scope = entries(actor).with_only_columns(CodEntry.id, maintain_column_froms=True)
    limited = actor.warehouses is not None or actor.shops is not None or actor.own_orders_only
    statement = select(E.carrier, func.max(late_days()), *columns).where(condition("open")).group_by(E.carrier)
    if limited:
        statement = statement.where(E.id.in_(scope))
    flags = flagged_by_carrier(session)
    found = []
    for carrier, days, *numbers in session.execute(statement):
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        figures = {part: Figure(n, as_money(total)) for part, (n, total) in zip(PARTS, pairs, strict=True)}
        found.append(Outstanding(carrier, days, **figures, flagged=flags.pop(carrier, Figure())))
    nothing = dict.fromkeys(PARTS, Figure())
    found += [Outstanding(carrier, LATE_DAYS, **nothing, flagged=figure) for carrier, figure in flags.items()]
    return sorted(found, key=lambda o: (-o.open.amount.in_satang, o.carrier))


def flagged_lines() -> Select[Any]:
    """(line, round) of what carriers paid for nothing we know of, twice, or for refused parcels; not taken back."""
    pairs: Any = select(CodRoundLine, CodRound).join(CodRound, CodRound.id == CodRoundLine.round_id)
    undone = select(CodRoundLine.reverses_id).where(CodRoundLine.reverses_id.is_not(None))
    statement: Select[Any] = pairs.where(
        CodRoundLine.outcome.in_(FLAGGED), CodRoundLine.reverses_id.is_(None), CodRoundLine.id.not_in(undone)
    )
    return statement


def flagged_by_carrier(session: Session) -> dict[str, Figure]:
    """How much was paid without a cause, per carrier."""
    statement = flagged_lines().with_only_columns(
        CodRound.carrier, func.count(), func.sum(CodRoundLine.amount), maintain_column_froms=True
    )
    rows = session.execute(statement.group_by(CodRound.carrier))
    return {carrier: Figure(n, as_money(total)) for carrier, n, total in rows}


def count_late() -> Select[int]:
    """Parcels whose money is late or came short, for the menu."""
    return select(func.count()).where(and_(condition("open"), or_(condition("late"), condition("short"))))


def refusals_of(session: Session, phones: Collection[str]) -> dict[str, int]:
    """How often recipients with these phones refused, sent back or could not be reached."""
    rows = session.execute(
        select(CodEntry.phone, func.count())
        .where(
            CodEntry.phone.in_(sorted({p for p in phones if p})), CodEntry.status == CodStatus.REFUSED,
            or_(CodEntry.refusal.is_(None), CodEntry.refusal.in_(BUYERS_FAULT)),
        )
        .group_by(CodEntry.phone)
    )  # fmt: skip
    return dict.fromkeys(phones, 0) | {row[0]: int(row[1]) for row in rows}


def carriers(session: Session) -> list[str]:
    """Every carrier that owes or owed us cash."""
    return sorted(c for c in session.scalars(select(E.carrier).distinct()) if c)


def tie(session: Session) -> Mapping[str, Money]:
    """The ledger added up: ``to_collect`` is what parcels were sent out with; the rest of the terms make it up again,
    ``over`` and ``corrected`` with their signs."""
    refused = E.status == CodStatus.REFUSED
    over = case((E.remitted > E.expected, E.remitted - E.expected), else_=0)
    corrected = case((refused, 0), else_=E.to_collect - E.expected)
    row = session.execute(
        select(
            func.coalesce(func.sum(E.to_collect), 0),
            func.coalesce(func.sum(_OWED).filter(condition("open")), 0),
            func.coalesce(func.sum(E.remitted), 0),
            func.coalesce(func.sum(E.to_collect).filter(refused), 0),
            func.coalesce(func.sum(E.written_off), 0),
            func.coalesce(func.sum(over), 0),
            func.coalesce(func.sum(corrected), 0),
        )
    ).one()
    names = ("to_collect", "open", "remitted", "refused", "written_off", "over", "corrected")
    return {name: as_money(total) for name, total in zip(names, row, strict=True)}


def ties(terms: Mapping[str, Money]) -> bool:
    """Whether nothing was lost on the way."""
    made_up = terms["open"] + terms["remitted"] - terms["over"] + terms["refused"] + terms["written_off"]
    return terms["to_collect"] == made_up + terms["corrected"]


def as_money(total: object) -> Money:
    """A sum as the database gives it: Money of the column, or a bare number of satang."""
    return total if isinstance(total, Money) else Money.satang(int(str(total or 0)))
