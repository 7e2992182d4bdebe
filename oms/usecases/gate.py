"""The gate: one place decides, under lock, whether goods may go on; and the override that lets them go unpaid.

``judge`` is asked by every verb that moves goods on their way out (ready, label, hand over), whoever calls it: screen,
file, program or background work.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, Say, say
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import lock_order, lock_orders
from oms.orders.states import OrderStatus, PaymentTerm, StockState
from oms.payments.models import GateOverride
from oms.payments.rules import MoneyFacts, gate, without_amounts
from oms.usecases import derived


class GateStep(StrEnum):
    """What the goods are about to do."""

    READY = "ready"
    LABEL = "label"
    HAND_OVER = "hand_over"


@dataclass(frozen=True)
class Verdict:
    """``refusal`` None: the goods may go on. ``facts``: what was known when it was decided."""

    refusal: Say | None
    facts: derived.Facts
    code: str = "gate_closed"

    @property
    def overridden(self) -> bool:
        """Whether the goods may go on only because of an override."""
        return self.facts.money.overridden

    def check(self) -> None:
        """Raise Refused when the goods may not go on."""
        if self.refusal is not None:
            raise Refused(self.refusal, code=self.code)


@dataclass(frozen=True)
class OverrideGate:
    """Let an order's goods leave although money is missing: exactly what is missing now, and no more."""

    order_id: int
    reason: str
    version: int | None = None


@dataclass(frozen=True)
class RevokeOverride:
    order_id: int
    reason: str


@dataclass(frozen=True)
class GateOverridden:
    override_id: int
    covers: Money


@dataclass(frozen=True)
class OverrideNote:
    """An override as the order, its papers and the oversight page tell it. ``used_at``: when goods left by it."""

    by: str
    at: datetime
    covers: Money
    reason: str
    used_at: datetime | None

    @property
    def sentence(self) -> Say:
        return say("Shipped before payment on the word of {who}: {reason}", who=self.by, reason=self.reason)


def told_to(actor: Actor, reason: Say | None) -> Say | None:
    """The gate's sentence; people who may not see amounts get one without."""
    return reason if actor.may("order.price") else without_amounts(reason)


def pass_gate(tx: Tx, order_ids: Collection[int], step: GateStep) -> dict[int, Say | None]:
    """Lock these orders and answer for each: None when its goods may go on to ``step``, else the sentence why not."""
    verdicts = judge(tx, lock_orders(tx, order_ids), step)
    missing = say("There is no such order, or it is not yours to see")
    return {order_id: verdicts[order_id].refusal if order_id in verdicts else missing for order_id in order_ids}


def judge(tx: Tx, orders: Sequence[Order], step: GateStep) -> dict[int, Verdict]:
    """The decision for orders that the caller has locked, from facts read now."""
    tx.session.flush()  # the facts are read by SQL
    facts = derived.read_facts(tx, orders)
    found = {}
    for order in orders:
        known = facts[order.id]
        reason, code = told_to(tx.actor, gate(known.status, known.money, known.holds)), "gate_closed"
        if reason is None and not known.open_lines and step is not GateStep.LABEL:
            reason, code = say("Nothing is open to ship"), "nothing_open"
        if reason is None and step is GateStep.READY and order.stock_state is StockState.SHORT:
            reason, code = say("Not every piece is in stock yet"), "stock_short"
        found[order.id] = Verdict(reason, known, code)
    return found


def override_gate(tx: Tx, cmd: OverrideGate) -> GateOverridden:
    """Answer for what is missing now. Raises Refused when nothing is missing or COD or credit is what is wanted; a hold
    stays a hold."""
    tx.actor.require("gate.override")
    if tx.actor.user_id is None:
        raise Refused(say("Only a person can answer for this"), code="override_person")
    reason = _reason(cmd.reason)
    order = lock_order(tx, cmd.order_id, cmd.version)
    facts = derived.read_facts(tx, [order])[order.id]
    if refusal := override_refusal(order, facts.money, has_open=facts.open_lines > 0):
        raise Refused(refusal, code="override_refused")
    for old in _live(tx.session, order.id):  # it covered less than is missing now
        _revoke(tx, old)
    made = GateOverride(
        order_id=order.id, covers=facts.money.missing, reason=reason, by_id=tx.actor.user_id, by=tx.actor.label[:120],
        at=clock.now(),
    )  # fmt: skip
    tx.session.add(made)
    derived.refresh(tx, [order])
    after = {"amount": made.covers, "board": order.board, "payment_status": order.payment_status}
    audit.record(tx, "gate.overridden", "order", order.id, order.number, after=after, reason=reason)
    return GateOverridden(made.id, made.covers)


def override_refusal(order: Order, money: MoneyFacts, *, has_open: bool) -> Say | None:
    """Why there is nothing to override, or None. The button and the verb ask the same."""
    if order.status is not OrderStatus.CONFIRMED:
        return say("The order is not confirmed")
    if not has_open:
        return say("Nothing is open to ship")
    if not money.missing or money.vouched:
        return say("No money is missing")
    if money.overridden:
        return say("What is missing is overridden already")
    if order.payment_term in {PaymentTerm.COD, PaymentTerm.CREDIT}:
        return say("Approve COD or credit instead")
    return None


def revoke_override(tx: Tx, cmd: RevokeOverride) -> None:
    """Take an override back before goods left by it; what was under way is pulled back. Raises Refused afterwards."""
    tx.actor.require("gate.override")
    reason = _reason(cmd.reason)
    order = lock_order(tx, cmd.order_id)
    live = _live(tx.session, order.id)
    if not live:
        raise NotFound(say("No override stands on this order"), code="override_not_found")
    if any(found.used_at for found in live):
        raise Refused(say("The goods have left already"), code="override_used")
    for found in live:
        _revoke(tx, found)
    derived.refresh(tx, [order])
    after = {"amount": live[0].covers, "board": order.board}
    audit.record(tx, "gate.override_revoked", "order", order.id, order.number, after=after, reason=reason)


def use_overrides(tx: Tx, order_ids: Collection[int]) -> None:
    """Goods of these orders leave by their overrides: from now on they cannot be taken back."""
    if order_ids:
        tx.session.execute(
            update(GateOverride)
            .where(
                GateOverride.order_id.in_(sorted(order_ids)), GateOverride.revoked_at.is_(None),
                GateOverride.used_at.is_(None),
            )
            .values(used_at=clock.now())
        )  # fmt: skip


def override_note(session: Session, order_id: int) -> OverrideNote | None:
    """The override that stands on an order, for its page and its papers."""
    found = next(iter(_live(session, order_id)), None)
    return OverrideNote(found.by, found.at, found.covers, found.reason, found.used_at) if found else None


def _live(session: Session, order_id: int) -> list[GateOverride]:
    live = select(GateOverride).where(GateOverride.order_id == order_id, GateOverride.revoked_at.is_(None))
    return list(session.scalars(live))


def _revoke(tx: Tx, found: GateOverride) -> None:
    found.revoked_at, found.revoked_by = clock.now(), tx.actor.label[:120]
    tx.session.flush()  # one live override per order: the database watches


def _reason(text: str) -> str:
    if not text.strip():
        raise InvalidInput(say("Say in a few words why"), field="reason", code="reason_missing")
    if len(text.strip()) > 500:
        raise InvalidInput(
            say("Too long: {n} characters, {most} are possible", n=len(text.strip()), most=500),
            field="reason", code="too_long",
        )  # fmt: skip
    return text.strip()
