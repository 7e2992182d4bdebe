"""Stock offered to shops: worked out when free pieces change, told as the number itself, checked against what a shop
shows. A listing owes a word while what it should show and what it was told differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from oms import clock
from oms.catalog.models import BundleItem, ChannelSku, Sku
from oms.channels.models import ChannelConnection
from oms.channels.offer_models import ChannelListing, OfferPolicy, OfferRule, StockTouch
from oms.channels.port import ChannelError, ChannelSilent, Listing, Offer
from oms.channels.registry import CONNECTORS
from oms.db import Tx
from oms.intake.queries import one_of
from oms.inventory.availability import parts_of
from oms.inventory.models import StockLevel, Warehouse, WarehouseKind
from oms.inventory.offering import Book, Place, Policy, Rule, offers
from oms.usecases.channel_lease import waits
from oms.usecases.channel_trouble import told_of
from oms.usecases.channels import is_ready

TOUCHES_AT_ONCE: Final = 2000
PAUSES: Final = (2, 10, 30, 120, 600, 1800)
DRIFT_EVERY: Final = timedelta(minutes=30)


def take_touches(tx: Tx) -> int:
    """Work out anew what is offered of products whose free pieces changed; returns how many listings changed. The
    notes go in the same commit, so nothing is forgotten."""
    first = select(StockTouch.id).order_by(StockTouch.id).limit(TOUCHES_AT_ONCE).with_for_update(skip_locked=True)
    gone = delete(StockTouch).where(StockTouch.id.in_(first)).returning(StockTouch.sku_id)
    skus = set(tx.session.scalars(gone))
    return work_out(tx, skus) if skus else 0


def work_out(tx: Tx, sku_ids: Collection[int] | None = None) -> int:
    """What every shop should show of these products, of bundles that hold them, and of what those share with others;
    None: of everything. Shops without a connection count too: they are told by file. Returns how many listings
    changed."""
    session = tx.session
    wanted = None if sku_ids is None else _relatives(session, sku_ids)
    statement = (
        select(ChannelListing.id, ChannelListing.shop_id, ChannelListing.sku_id, ChannelListing.multiplier)
        .outerjoin(ChannelConnection, ChannelConnection.shop_id == ChannelListing.shop_id)
        .where(ChannelListing.is_live, ChannelListing.sku_id.is_not(None))
        .where(or_(ChannelConnection.id.is_(None), ChannelConnection.offers & ChannelConnection.is_active))
    )
    if wanted is not None:
        statement = statement.where(one_of(ChannelListing.sku_id, wanted))
    rows = session.execute(statement.order_by(ChannelListing.id)).all()
    if not rows:
        return 0
    parts = parts_of(session, {row.sku_id for row in rows})
    book = _book(session)
    places = [
        Place(
            row.id, row.shop_id, row.sku_id, {s: n * row.multiplier for s, n in parts[row.sku_id].items()},
            book.rule(row.shop_id, row.sku_id), book.policy(row.sku_id),
        )
        for row in rows
    ]  # fmt: skip
    free = free_pieces(session, {s for place in places for s in place.parts})
    return _want(tx, offers(places, free))


def _relatives(session: Session, sku_ids: Collection[int]) -> set[int]:
    """These products, bundles that hold them, the parts of those, and bundles that hold those: whatever shares a
    piece."""
    known = set(sku_ids)
    while True:
        rows = session.execute(
            select(BundleItem.bundle_id, BundleItem.component_id).where(
                or_(one_of(BundleItem.component_id, known), one_of(BundleItem.bundle_id, known))
            )
        )
        more = {s for row in rows for s in row} | known
        if more == known:
            return known
        known = more


def free_pieces(session: Session, sku_ids: Collection[int]) -> dict[int, int]:
    """Pieces free to promise in all warehouses that orders are sent from."""
    rows = session.execute(
        select(StockLevel.sku_id, func.sum(StockLevel.on_hand - StockLevel.reserved))
        .join(Warehouse, Warehouse.id == StockLevel.warehouse_id)
        .where(one_of(StockLevel.sku_id, sku_ids), Warehouse.is_active, Warehouse.kind == WarehouseKind.OWN)
        .group_by(StockLevel.sku_id)
    )
    return {sku: int(n) for sku, n in rows}


def _book(session: Session) -> Book:
    rules = {
        (r.shop_id, r.sku_id): Rule(r.percent, r.buffer, r.least, r.most) for r in session.scalars(select(OfferRule))
    }
    policies = {
        p.sku_id: Policy(p.over_offer, p.last_pieces, p.last_shop_id) for p in session.scalars(select(OfferPolicy))
    }
    return Book(rules, policies)


_WANT = text("""
UPDATE channel_listings l SET wanted = d.n, wanted_at = :at, next_try_at = NULL, tries = 0
FROM unnest(CAST(:ids AS bigint[]), CAST(:counts AS int[])) AS d(id, n)
WHERE l.id = d.id AND l.wanted IS DISTINCT FROM d.n
""")


def _want(tx: Tx, shown: Mapping[int, int]) -> int:
    keys = sorted(shown)
    facts = {"ids": keys, "counts": [shown[k] for k in keys], "at": clock.now()}
    result: Any = tx.session.execute(_WANT, facts)
    return int(result.rowcount)


@dataclass(frozen=True)
class Told:
    """A word that is owed to a shop."""

    listing_id: int
    offer: Offer


@dataclass(frozen=True)
class Batch:
    """Offers of one shop, to be told in one question."""

    connection_id: int
    owed: tuple[Told, ...]


def owed_batches(tx: Tx) -> list[Batch]:
    """For every shop that can be told now: the offers that wait longest, zeros first."""
    now, found = clock.now(), []
    rows = tx.session.scalars(
        select(ChannelConnection)
        .where(ChannelConnection.offers, ChannelConnection.is_active)
        .order_by(ChannelConnection.id)
    )
    for row in rows:
        if not is_ready(row) or waits(row) is not None:
            continue
        limit = CONNECTORS[row.connector].kind.stock_limit
        listings = tx.session.execute(
            select(
                ChannelListing.id, ChannelListing.external_sku, ChannelListing.external_id, ChannelListing.wanted
            )
            .where(
                ChannelListing.shop_id == row.shop_id, ChannelListing.is_live, ChannelListing.wanted.is_not(None),
                ChannelListing.wanted.is_distinct_from(ChannelListing.sent),
                or_(ChannelListing.next_try_at.is_(None), ChannelListing.next_try_at <= now),
            )
            .order_by((ChannelListing.wanted == 0).desc(), ChannelListing.wanted_at)
            .limit(limit)
        ).all()  # fmt: skip
        if listings:
            owed = tuple(Told(x.id, Offer(x.external_sku, x.external_id, x.wanted)) for x in listings)
            found.append(Batch(row.id, owed))
    return found


_SENT = (
    update(ChannelListing.__table__)  # type: ignore[arg-type]
    .where(ChannelListing.__table__.c.id == bindparam("key"))
    .values(
        sent=bindparam("number"), sent_at=bindparam("moment"), shown=bindparam("number"), shown_at=bindparam("moment"),
        tries=0, next_try_at=None, error="",
    )
)  # fmt: skip


def offers_told(tx: Tx, batch: Batch, answer: Mapping[str, ChannelError | None] | ChannelError) -> None:
    """Keep what a shop took and what it did not. After a silence nobody knows what it shows: it is told again, which
    changes nothing if it was taken."""
    at = clock.now()
    whole = answer if isinstance(answer, ChannelError) else None
    taken, failed = [], []
    for owed in batch.owed:
        error = whole if whole is not None else answer.get(owed.offer.external_id)  # type: ignore[union-attr]
        if error is None:
            taken.append({"key": owed.listing_id, "number": owed.offer.quantity, "moment": at})
        else:
            failed.append((owed, error))
    if taken:
        tx.session.execute(_SENT, taken)
    for owed, error in failed:
        row = tx.session.get_one(ChannelListing, owed.listing_id, with_for_update=True, populate_existing=True)
        unknown = isinstance(error, ChannelSilent) and error.reached
        row.sent = None if unknown else row.sent
        row.error = told_of(error)
        row.tries += 1
        row.next_try_at = at + timedelta(seconds=PAUSES[min(row.tries, len(PAUSES)) - 1])


def listings_due(tx: Tx, connection_id: int) -> bool:
    """Whether a shop should say again what is on sale."""
    row = tx.session.get_one(ChannelConnection, connection_id)
    return row.offers and (row.listed_at is None or row.listed_at < clock.now() - DRIFT_EVERY)


@dataclass(frozen=True)
class Drift:
    """What a look at a shop's listings found: how many there are, unmapped ones, ones that showed another number than
    they were told."""

    listings: int
    unmapped: int
    drifted: int


def take_listings(tx: Tx, connection_id: int, listings: Sequence[Listing]) -> Drift:
    """Take over what is on sale in a shop. One that shows another number than it was told is told again."""
    row = tx.session.get_one(ChannelConnection, connection_id)
    at, session = clock.now(), tx.session
    known = {
        x.external_id: x for x in session.scalars(select(ChannelListing).where(ChannelListing.shop_id == row.shop_id))
    }
    meanings = _meanings(session, row.shop_id, {x.external_sku for x in listings})
    drifted = 0
    for told in {x.external_id: x for x in listings}.values():
        mine = known.pop(told.external_id, None)
        if mine is None:
            mine = ChannelListing(shop_id=row.shop_id, external_id=told.external_id[:200])
            session.add(mine)
        mine.external_sku, mine.name = told.external_sku[:200], told.name[:300]
        mine.sku_id, mine.multiplier = meanings.get(told.external_sku, (None, 1))
        mine.is_live = True
        if told.quantity is not None:
            settled = mine.sent_at is None or mine.sent_at < at - timedelta(seconds=30)
            if mine.sent is not None and told.quantity != mine.sent and settled:
                drifted += 1
                mine.sent, mine.error = None, ""
            mine.shown, mine.shown_at = told.quantity, at
    for gone in known.values():
        gone.is_live = False
    session.flush()
    session.execute(update(ChannelConnection.__table__).where(_connection(connection_id)).values(listed_at=at))  # type: ignore[arg-type]
    session.expire(row)
    work_out(tx, {sku for sku, _ in meanings.values()})
    unmapped = sum(1 for x in listings if x.external_sku not in meanings)
    return Drift(len(listings), unmapped, drifted)


def _connection(connection_id: int) -> Any:
    return ChannelConnection.__table__.c.id == connection_id


def _meanings(session: Session, shop_id: int, words: Collection[str]) -> dict[str, tuple[int, int]]:
    """What a shop's words for products mean: by its own map, else by our SKU code."""
    folded = {w.casefold(): w for w in words if w}
    codes = session.execute(
        select(func.lower(Sku.code), Sku.id).where(func.lower(Sku.code).in_(sorted(folded)), Sku.is_active)
    )
    found = {folded[code]: (sku, 1) for code, sku in codes if code in folded}
    mapped = session.execute(
        select(ChannelSku.external_sku, ChannelSku.sku_id, ChannelSku.multiplier).where(
            ChannelSku.shop_id == shop_id, one_of(ChannelSku.external_sku, words)
        )
    )
    return found | {word: (sku, times) for word, sku, times in mapped}


def last_told(session: Session, shop_id: int) -> datetime | None:
    """When a shop was told anything last."""
    return session.scalar(select(func.max(ChannelListing.sent_at)).where(ChannelListing.shop_id == shop_id))
