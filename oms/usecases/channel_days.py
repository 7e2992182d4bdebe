"""The proof that nothing is missing: for each shop and day the channel's own list of orders against ours, and silence
that is not usual for the shop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from oms import clock, outbox
from oms.actor import Actor
from oms.channels.models import ChannelConnection, ChannelDay, ChannelOrder
from oms.channels.port import Ability
from oms.channels.registry import CONNECTORS
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.intake.queries import one_of
from oms.orders.models import Order
from oms.outbox import Owed
from oms.usecases.channel_lease import get_connection
from oms.usecases.channels import is_ready

PROVE = "channel.prove"
PROVE_ALL = "schedule.prove_days"
AUTOMATIC: Final = 2  # today and yesterday are proven by the clock
FETCH_AT_ONCE: Final = 500
SILENCE: Final = timedelta(hours=3)
WEEKS: Final = 4


def bounds(day: date) -> tuple[datetime, datetime]:
    """From midnight to midnight in Bangkok."""
    start = datetime.combine(day, datetime.min.time(), clock.BANGKOK)
    return start, start + timedelta(days=1)


def prove_all(tx: Tx) -> None:
    """Owe the proof of today and yesterday for every shop whose channel lists its orders."""
    today = clock.local(clock.now()).date()
    owed = []
    for row in tx.session.scalars(select(ChannelConnection).order_by(ChannelConnection.id)):
        if is_ready(row) and Ability.NUMBERS in CONNECTORS[row.connector].abilities:
            owed += [_owed(row, today - timedelta(days=n)) for n in range(AUTOMATIC)]
    outbox.add_many(tx, owed)


def ask_proof(tx: Tx, connection_id: int, day: date) -> None:
    """Have one day proven now."""
    tx.actor.require("intake.import")
    row = get_connection(tx, connection_id)
    if not is_ready(row) or Ability.NUMBERS not in CONNECTORS[row.connector].abilities:
        raise Refused(say("This channel gives no list of its orders"), code="no_numbers")
    if day > clock.local(clock.now()).date():
        raise InvalidInput(say("This day has not come yet"), field="day", code="day_future")
    outbox.add_many(tx, [_owed(row, day)])


def _owed(row: ChannelConnection, day: date) -> Owed:
    key = f"{PROVE}:{row.id}:{day}:{int(clock.now().timestamp())}"
    return Owed(PROVE, key, {"connection_id": row.id, "day": day.isoformat()})


def unknown_numbers(tx: Tx, shop_id: int, numbers: Collection[str]) -> list[str]:
    """Those of the channel's numbers that nothing here knows: no order, nothing in quarantine."""
    mine = tx.session.scalars(
        select(ChannelOrder.external_no).where(
            ChannelOrder.shop_id == shop_id, one_of(ChannelOrder.external_no, numbers)
        )
    )
    orders = tx.session.scalars(
        select(Order.external_no).where(Order.shop_id == shop_id, one_of(Order.external_no, numbers))
    )
    return sorted(set(numbers) - set(mine) - {n for n in orders if n})


def record_day(tx: Tx, shop_id: int, day: date, numbers: Collection[str], fetched: int = 0) -> Sequence[str]:
    """Keep the proof of a day; the numbers that are missing."""
    missing = unknown_numbers(tx, shop_id, numbers)
    facts: dict[str, Any] = {
        "theirs": len(numbers), "ours": len(numbers) - len(missing), "missing": missing,
        "usual": usual_orders(tx.session, shop_id, day), "checked_at": clock.now(),
    }  # fmt: skip
    statement = insert(ChannelDay).values(shop_id=shop_id, day=day, fetched=fetched, **facts)
    tx.session.execute(
        statement.on_conflict_do_update(
            index_elements=[ChannelDay.shop_id, ChannelDay.day],
            set_={**facts, "fetched": ChannelDay.fetched + fetched},
        )
    )
    return missing


_USUAL = text("""
SELECT count(*)::float / :weeks FROM channel_orders WHERE shop_id = :shop AND placed_at >= :first AND placed_at < :end
AND (placed_at AT TIME ZONE 'Asia/Bangkok')::date = ANY(CAST(:days AS date[]))
""")


def usual_orders(session: Session, shop_id: int, day: date) -> float:
    """How many orders this shop had on the same day of the last weeks, on average."""
    days = [day - timedelta(weeks=n) for n in range(1, WEEKS + 1)]
    first, end = bounds(days[-1])[0], bounds(days[0])[1]
    facts = {"shop": shop_id, "first": first, "end": end, "days": days, "weeks": WEEKS}
    return float(session.scalar(_USUAL, facts) or 0.0)


@dataclass(frozen=True)
class DayProof:
    """One shop and day as it is shown. ``theirs`` None: not proven yet, or the channel gives no list."""

    connection_id: int
    shop: str
    channel: str
    day: date
    ours: int
    theirs: int | None
    missing: tuple[str, ...]
    usual: float | None
    checked_at: datetime | None
    can_prove: bool


_COUNTED = text("""
SELECT shop_id, (placed_at AT TIME ZONE 'Asia/Bangkok')::date AS day, count(*) FROM channel_orders
WHERE shop_id = ANY(CAST(:shops AS bigint[])) AND placed_at >= :first AND placed_at < :end GROUP BY 1, 2
""")


def proofs(session: Session, rows: Sequence[ChannelConnection], last: date, days: int) -> list[DayProof]:
    """The days of some shops, the newest first. Two statements."""
    listed = [last - timedelta(days=n) for n in range(days)]
    shops = [row.shop_id for row in rows]
    kept = {
        (p.shop_id, p.day): p
        for p in session.scalars(
            select(ChannelDay).where(ChannelDay.shop_id.in_(shops), ChannelDay.day.between(listed[-1], last))
        )
    }
    facts = {"shops": shops, "first": bounds(listed[-1])[0], "end": bounds(last)[1]}
    counted: Mapping[tuple[int, date], int] = {(s, d): n for s, d, n in session.execute(_COUNTED, facts)}
    found = []
    for day in listed:
        for row in rows:
            kind, proof = CONNECTORS.get(row.connector), kept.get((row.shop_id, day))
            found.append(DayProof(
                row.id, row.shop.name, row.shop.channel.value, day, counted.get((row.shop_id, day), 0),
                proof.theirs if proof else None, tuple(proof.missing) if proof else (),
                proof.usual if proof else None, proof.checked_at if proof else None,
                kind is not None and Ability.NUMBERS in kind.abilities,
            ))  # fmt: skip
    return found


@dataclass(frozen=True)
class Silent:
    """A shop that is quieter than it usually is at this time. ``usual``: orders it has in these hours."""

    connection_id: int
    shop: str
    hours: int
    usual: float
    orders: int


_PACE = text("""
SELECT c.id, s.name,
  count(o.external_no) FILTER (WHERE o.placed_at >= :now - :span) AS here,
  count(o.external_no) FILTER (WHERE o.placed_at < :now - :span)::float / :days AS usual
FROM channel_connections c JOIN shops s ON s.id = c.shop_id
LEFT JOIN channel_orders o ON o.shop_id = c.shop_id AND o.placed_at >= :now - :span - make_interval(days => :days)
  AND o.placed_at <= :now
  AND extract(epoch FROM :now - o.placed_at)::bigint % 86400 < extract(epoch FROM CAST(:span AS interval))
WHERE c.is_active AND (CAST(:shops AS bigint[]) IS NULL OR c.shop_id = ANY(CAST(:shops AS bigint[])))
GROUP BY c.id, s.name
""")
USUAL_AT_LEAST: Final = 4.0  # fewer than this in the hours looked at, and silence proves nothing
QUIET_SHARE: Final = 0.1


def silences(session: Session, actor: Actor, now: datetime | None = None) -> list[Silent]:
    """Shops with hardly an order in the last hours, in which they usually have several: the connection may be broken
    although it looks well."""
    shops = None if actor.shops is None else sorted(actor.shops)
    facts = {"now": now or clock.now(), "span": SILENCE, "days": 14, "shops": shops}
    hours = int(SILENCE.total_seconds() // 3600)
    return [
        Silent(row[0], row[1], hours, row[3], row[2])
        for row in session.execute(_PACE, facts)
        if row[3] >= USUAL_AT_LEAST and row[2] < row[3] * QUIET_SHARE
    ]
