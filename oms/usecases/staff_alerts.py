"""Warning staff: what waits too long, in the panel for everyone, and sent to those who asked for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from oms import audit, clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import Forbidden, InvalidInput, say
from oms.inventory.cover import low_count
from oms.notifications.alerts import ALERT_ACTIONS, Alert, warning
from oms.notifications.catalogue import LANGUAGES, Route
from oms.notifications.line import USER_ID
from oms.notifications.models import Message, MessageAccount, StaffSubscription
from oms.notifications.port import Letter
from oms.notifications.states import MessageState
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import Board
from oms.outbox import Outbox, OutboxStatus
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import visible_slips
from oms.payments.states import SlipStatus
from oms.sealing import Sealer
from oms.usecases.keeping import Saved, bounded
from oms.usecases.message_routes import OpenedRoute, open_route
from oms.usecases.notices_people import settings_of

SLIP_PATIENCE: Final = timedelta(minutes=30)
NOT_AGAIN: Final = timedelta(minutes=30)  # so long a person is left alone after a warning
ROUTES: Final = (Route.EMAIL, Route.LINE)
_TO_SHIP: Final = (
    Board.WAITING_STOCK, Board.READY, Board.PICKING, Board.PACKED, Board.LABELED, Board.ON_HOLD,
)  # fmt: skip


def _own(actor: Actor, column: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
    if actor.shops is None and actor.warehouses is None and not actor.own_orders_only:
        return []
    return [column.in_(visible(actor).with_only_columns(Order.id))]


def _counting(actor: Actor) -> dict[Alert, Select[int]]:
    """The statement that counts each kind, of what this person may see."""
    late = visible(actor).where(
        Order.closed_at.is_(None), Order.board.in_(_TO_SHIP), Order.ship_by < clock.now()
    )  # fmt: skip
    slips = visible_slips(actor).where(
        Slip.status == SlipStatus.WAITING, Slip.uploaded_at < clock.now() - SLIP_PATIENCE
    )
    stuck = select(func.count()).where(Message.state == MessageState.NEEDS_PERSON, *_own(actor, Message.order_id))
    return {
        Alert.LATE_ORDER: select(func.count()).select_from(late.with_only_columns(Order.id).subquery()),
        Alert.SLIP_WAITING: select(func.count()).select_from(slips.with_only_columns(Slip.id).subquery()),
        Alert.LOW_STOCK: low_count(actor),
        Alert.MESSAGE: stuck,
        Alert.FAILED_JOB: select(func.count()).where(Outbox.status == OutboxStatus.NEEDS_PERSON),
    }


def digest(session: Session, actor: Actor, kinds: Sequence[Alert] = tuple(Alert)) -> list[tuple[Alert, int]]:
    """What waits for this person, each kind with its number; all counted in one statement."""
    open_to = [a for a in Alert if a in kinds and actor.may(ALERT_ACTIONS[a])]
    if not open_to:
        return []
    counting = _counting(actor)
    row = session.execute(select(*(counting[a].scalar_subquery() for a in open_to))).one()
    return [(alert, int(n or 0)) for alert, n in zip(open_to, row, strict=True)]


@dataclass(frozen=True)
class Subscribe:
    """Where a person wants their warnings, and which. No kinds: none any more."""

    route: Route
    address: str
    kinds: frozenset[Alert]
    language: str = "th"


def subscribe(tx: Tx, cmd: Subscribe) -> Saved:
    """Set one's own warnings. Raises InvalidInput, or Forbidden for a program."""
    me = tx.actor.user_id
    if me is None:
        raise Forbidden(say("Only a person can ask for alerts"), code="person_only")
    if cmd.route not in ROUTES:
        raise InvalidInput(say("Choose a route"), field="route", code="route")
    address = bounded(cmd.address, 200, "address", missing=say("Enter an address") if cmd.kinds else None)
    if cmd.kinds and not (USER_ID.fullmatch(address) if cmd.route is Route.LINE else "@" in address):
        raise InvalidInput(say("This address cannot be used for this route"), field="address", code="address")
    if cmd.language not in LANGUAGES:
        raise InvalidInput(say("Choose a language"), field="language", code="language")
    row = tx.session.scalars(
        select(StaffSubscription).where(StaffSubscription.user_id == me, StaffSubscription.route == cmd.route)
    ).one_or_none()
    if row is None:
        row = StaffSubscription(user_id=me, route=cmd.route, address="", kinds=[])
        tx.session.add(row)
    row.name, row.address, row.language = tx.actor.label[:120], address, cmd.language
    row.kinds, row.is_active = sorted(k.value for k in cmd.kinds), bool(cmd.kinds)
    row.rights, row.error, row.told_hash = tx.actor.snapshot(), "", ""
    tx.session.flush()  # the audit row names it
    after = {"route": cmd.route, "kinds": row.kinds}
    audit.record(tx, "alerts.subscribed", "staff", me, row.name, after=after)
    return Saved(row.id)


@dataclass(frozen=True)
class StaffWarning:
    """One warning to be sent."""

    subscription_id: int
    route: OpenedRoute
    letter: Letter


def begin_warnings(tx: Tx, sealer: Sealer) -> list[StaffWarning]:
    """Who is to be warned of what is new. Marked as told before it is sent: a lost warning is followed by the next, a
    doubled one teaches people to look away."""
    now = clock.now()
    rows = tx.session.scalars(
        select(StaffSubscription)
        .where(
            StaffSubscription.is_active,
            (StaffSubscription.told_at.is_(None)) | (StaffSubscription.told_at < now - NOT_AGAIN),
        )
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return []
    accounts = dict(
        tx.session.execute(
            select(MessageAccount.route, func.min(MessageAccount.id))
            .where(MessageAccount.is_active, MessageAccount.stopped == "", MessageAccount.route.in_(ROUTES))
            .group_by(MessageAccount.route)
        ).all()
    )
    link = settings_of(tx).public_url
    found = []
    for row in rows:
        account_id = accounts.get(row.route)
        kinds = [Alert(k) for k in row.kinds if k in set(Alert)]
        counts = [(a, n) for a, n in digest(tx.session, Actor.restored(row.rights), kinds) if n]
        mark = hashlib.sha256(repr([(a.value, n) for a, n in counts]).encode()).hexdigest() if counts else ""
        if account_id is not None and mark and mark != row.told_hash:
            subject, text = warning(counts, row.language, f"{link}/alerts/" if link else "")
            letter = Letter(row.address, text, str(uuid4()), subject)
            found.append(StaffWarning(row.id, open_route(tx, account_id, sealer), letter))
            row.told_at = now
        row.told_hash = mark
    return found


def record_warning(tx: Tx, subscription_id: int, error: str) -> None:
    """Keep why a warning could not be sent; "" when it was."""
    row = tx.session.get(StaffSubscription, subscription_id, with_for_update=True)
    if row is not None:
        row.error = error[:300]
        if error:
            row.told_hash = ""
