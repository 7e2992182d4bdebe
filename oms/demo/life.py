"""Lives through the 60 days: places the planned orders and what happens to them, slot by slot, through the verbs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from oms import clock
from oms.actor import Actor
from oms.customers.finding import Buyer
from oms.customers.models import IdentityKind
from oms.db import Tx, transaction
from oms.demo import life_cod, words
from oms.demo.goods import Goods
from oms.demo.plan import PLATFORMS, SLOT_HOURS, SLOTS_A_DAY, OrderPlan, Step
from oms.errors import OmsError
from oms.money import ZERO, Money
from oms.orders.amending import ADDRESS, AmendedLine, Proposal
from oms.orders.queries import get_order
from oms.orders.states import CancelReason, HoldReason, PaymentTerm
from oms.payments.states import PaymentMethod
from oms.usecases.orders_amend import CloseChange, OpenChange, ProposeChange, apply_change, open_change, propose_change
from oms.usecases.orders_cancel import CancelOrder, Restock, cancel_order
from oms.usecases.orders_expire import ExpireUnpaid, expire_unpaid
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_notes import AddNote, add_note
from oms.usecases.orders_place import NewLine, OrderPlaced, PlaceOrder, Stock, place_orders
from oms.usecases.payments import DecideClaim, SubmitClaim, approve_term, submit_claim, verify_claim
from oms.usecases.shipping import (
    LeftBefore,
    MarkShipped,
    mark_delivered_many,
    mark_shipped_many,
    record_left_before,
)

ORDER_OF_ROLES = ("sales", "cashier", "manager", "warehouse")
IDENTITIES = {
    "shopee-th": IdentityKind.SHOPEE, "lazada-th": IdentityKind.LAZADA, "tiktok-th": IdentityKind.TIKTOK,
    "line-shopping": IdentityKind.LINE_SHOPPING, "web": IdentityKind.WEB, "facebook": IdentityKind.FACEBOOK,
    "instagram": IdentityKind.INSTAGRAM, "line": IdentityKind.LINE,
}  # fmt: skip
FEE = Money(Decimal(40))


def tracking(plan: OrderPlan) -> str:
    """An invented tracking number, different for every order."""
    return f"TH{plan.no * 99_991 % 10**10:010d}"


@dataclass
class Standing:
    """What has become of one planned order so far."""

    order_id: int
    total: Money
    claims: list[int] = field(default_factory=list)


class Life:
    """The state of the run: who acts, what exists, what has been refused."""

    def __init__(self, actors: Mapping[str, Actor], goods: Goods, random: Random, end: datetime) -> None:
        self.actors = actors
        self.goods = goods
        self.random = random
        self.end = end
        self.standing: dict[int, Standing] = {}
        self.refused: list[str] = []

    def run(self, plans: Sequence[OrderPlan], progress: Callable[[int], None]) -> None:
        """Everything, oldest slot first."""
        placed: dict[int, list[OrderPlan]] = defaultdict(list)
        steps: dict[int, dict[str, list[tuple[OrderPlan, Step]]]] = defaultdict(lambda: defaultdict(list))
        for plan in plans:
            placed[plan.slot].append(plan)
            for step in plan.steps:
                if step.slot <= 0:
                    steps[step.slot][step.by].append((plan, step))
        for slot in range(min(placed, default=0), 1):
            with clock.at(self.moment(slot)):
                self._place(placed.get(slot, []))
                for role in ORDER_OF_ROLES:
                    self._happen(role, steps[slot][role])
                if slot % SLOTS_A_DAY == 0:
                    self._expire()
            progress(sum(len(p) for s, p in placed.items() if s <= slot))

    def moment(self, slot: int) -> datetime:
        """The end of a slot, at which its work is written down."""
        return self.end + timedelta(hours=SLOT_HOURS * slot, seconds=-2)

    def _place(self, plans: Sequence[OrderPlan]) -> None:
        """All orders of a slot in one batch: the platforms' by file, the chats' by the sales clerk."""
        platform = [p for p in plans if p.shop in PLATFORMS]
        for batch, actor in (
            (platform, self.actors["sales"].via("csv")),
            ([p for p in plans if p.shop not in PLATFORMS], self.actors["sales"]),
        ):
            if not batch:
                continue
            with transaction(actor) as tx:
                commands = [self._command(plan, actor) for plan in batch]
                outcomes = place_orders(tx, commands)
                gone = [
                    self._left(plan, outcome)
                    for plan, outcome in zip(batch, outcomes, strict=True)
                    if self._note(plan, outcome) and plan.gone_before
                ]
                record_left_before(tx, gone)

    def _note(self, plan: OrderPlan, outcome: OrderPlaced | OmsError) -> bool:
        if isinstance(outcome, OmsError):
            self.refused.append(f"{plan.no} place: {outcome}")
            return False
        self.standing[plan.no] = Standing(outcome.order_id, self._total(plan))
        return True

    def _total(self, plan: OrderPlan) -> Money:
        goods = sum((item.price * quantity for item, quantity in plan.items), start=ZERO)
        return goods - Money(Decimal(self._discount(plan))) + FEE

    @staticmethod
    def _discount(plan: OrderPlan) -> int:
        """At most a tenth of the goods, which is what a sales clerk may give alone."""
        goods = sum((item.price.amount * quantity for item, quantity in plan.items), start=Decimal(0))
        return min(plan.discount, int(goods / 10))

    def _command(self, plan: OrderPlan, actor: Actor) -> PlaceOrder:
        on_platform = plan.shop in PLATFORMS
        person = plan.person
        stock = Stock.LEFT_BEFORE if plan.gone_before else Stock.MAY_WAIT if plan.may_wait else Stock.MUST_RESERVE
        minutes = self.random.randint(1, SLOT_HOURS * 60 * (SLOTS_A_DAY if plan.gone_before else 1) - 1)
        return PlaceOrder(
            shop_id=self.goods.shops[plan.shop],
            lines=tuple(NewLine(item.id, quantity) for item, quantity in plan.items),
            ship_to=person.home,
            buyer=Buyer(person.name, person.phone, IDENTITIES[plan.shop], person.handle),
            payment_term=plan.term,
            term_approved=plan.term is PaymentTerm.MARKETPLACE,
            discount=Money(Decimal(self._discount(plan))),
            shipping_fee=FEE,
            external_no=self._external(plan) if on_platform or plan.shop == "web" else None,
            channel_status="Completed" if plan.gone_before else "To ship" if on_platform else "",
            placed_at=clock.now() - timedelta(minutes=minutes) if on_platform else None,
            buyer_note=plan.buyer_note,
            tags=plan.tags,
            owner_id=None if on_platform else actor.user_id,
            owner="" if on_platform else actor.label,
            idempotency_key=f"demo:{plan.no}",
            priced_by_channel=on_platform,
            confirm=plan.confirm,
            stock=stock,
        )

    def _external(self, plan: OrderPlan) -> str:
        day = clock.local(clock.now())
        if plan.shop == "shopee-th":
            return f"{day:%y%m%d}{plan.no * 7919 % 36**5:08X}"
        if plan.shop == "web":
            return f"W{10000 + plan.no}"
        return f"{day:%Y%m%d}{plan.no * 104729 % 10**8:08d}"

    def _left(self, plan: OrderPlan, outcome: Any) -> LeftBefore:
        carrier = words.CARRIERS[plan.no % len(words.CARRIERS)]
        return LeftBefore(outcome.order_id, carrier, tracking(plan), delivered=True, shipped_at=clock.now())

    def _happen(self, role: str, happenings: Sequence[tuple[OrderPlan, Step]]) -> None:
        """What one role does in one slot, each in a savepoint of its own, so that a refusal costs nothing else."""
        if not happenings:
            return
        with transaction(self.actors[role]) as tx:
            many: dict[str, list[tuple[OrderPlan, Step]]] = defaultdict(list)
            for plan, step in happenings:
                if plan.no not in self.standing:
                    continue
                if step.verb in MANY:
                    many[step.verb].append((plan, step))
                    continue
                try:
                    with tx.session.begin_nested():
                        VERBS[step.verb](self, tx, plan, step)
                except OmsError as refusal:
                    self.refused.append(f"{plan.no} {step.verb}: {refusal}")
            for verb, listed in many.items():
                MANY[verb](self, tx, listed)

    def _expire(self) -> None:
        with transaction(self.actors["system"]) as tx:
            expire_unpaid(tx, ExpireUnpaid())

    def claim(self, tx: Tx, plan: OrderPlan, amount: Money) -> None:
        standing = self.standing[plan.no]
        draw = self.random
        command = SubmitClaim(
            draw.choice((PaymentMethod.TRANSFER, PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY)),
            amount,
            ((standing.order_id, amount),),
            account_id=draw.choice(self.goods.accounts),
            sending_bank=draw.choice(("004", "014", "002", "025", "006")),
            reference=f"{clock.now():%Y%m%d}{plan.no:06d}{len(standing.claims)}",
            paid_at=clock.now() - timedelta(minutes=draw.randint(5, 200)),
            idempotency_key=f"demo:{plan.no}:{len(standing.claims)}",
        )
        standing.claims.append(submit_claim(tx, command).claim_id)


def _claim(life: Life, tx: Tx, plan: OrderPlan, _step: Step) -> None:
    life.claim(tx, plan, life.standing[plan.no].total)


def _claim_half(life: Life, tx: Tx, plan: OrderPlan, _step: Step) -> None:
    life.claim(tx, plan, Money((life.standing[plan.no].total.amount / 2).quantize(Decimal(1))))


def _verify(life: Life, tx: Tx, plan: OrderPlan, _step: Step) -> None:
    for claim_id in life.standing[plan.no].claims[-1:]:
        verify_claim(tx, DecideClaim(claim_id))


def _approve(life: Life, tx: Tx, plan: OrderPlan, _step: Step) -> None:
    approve_term(tx, life.standing[plan.no].order_id, "ลูกค้าเครดิต 30 วัน")


def _cancel(life: Life, tx: Tx, plan: OrderPlan, step: Step) -> None:
    restock = Restock.KEEP_OUT if step.words == CancelReason.OUT_OF_STOCK.value else Restock.FREE
    cancel_order(tx, CancelOrder(life.standing[plan.no].order_id, CancelReason(step.words), restock=restock))


def _hold(life: Life, tx: Tx, plan: OrderPlan, step: Step) -> None:
    hold_order(tx, HoldOrder(life.standing[plan.no].order_id, HoldReason(step.words), words.HOLD_NOTES[step.words]))


def _release(life: Life, tx: Tx, plan: OrderPlan, step: Step) -> None:
    release_hold(tx, ReleaseHold(life.standing[plan.no].order_id, note=step.words))


def _note(life: Life, tx: Tx, plan: OrderPlan, step: Step) -> None:
    for_customer = step.words in words.CUSTOMER_NOTES
    add_note(tx, AddNote(life.standing[plan.no].order_id, step.words, for_customer=for_customer))


def _amend(life: Life, tx: Tx, plan: OrderPlan, step: Step) -> None:
    """One more piece of the first line, by a change set as the desk makes it."""
    standing = life.standing[plan.no]
    if get_order(tx, standing.order_id).revision:
        return  # amended before an interruption
    open_change(tx, OpenChange(standing.order_id, step.words))
    order = get_order(tx, standing.order_id)
    lines = tuple(
        AmendedLine(line.sku_id, line.quantity + (line.position == 1), line.id, line.unit_price, line.discount)
        for line in order.lines
    )
    address = {name: getattr(order, name) for name in ADDRESS}
    propose_change(tx, ProposeChange(order.id, Proposal(lines, order.discount, order.shipping_fee, address)))
    apply_change(tx, CloseChange(order.id))
    standing.total = order.total


def _ship(life: Life, tx: Tx, listed: Sequence[tuple[OrderPlan, Step]]) -> None:
    """A hand-over round: everything the carriers take away at once."""
    commands = [MarkShipped(life.standing[plan.no].order_id, step.words, tracking(plan)) for plan, step in listed]
    for (plan, _), outcome in zip(listed, mark_shipped_many(tx, commands), strict=True):
        if isinstance(outcome, OmsError):
            life.refused.append(f"{plan.no} ship: {outcome}")


def _deliver(life: Life, tx: Tx, listed: Sequence[tuple[OrderPlan, Step]]) -> None:
    mark_delivered_many(tx, [life.standing[plan.no].order_id for plan, _ in listed])


VERBS: dict[str, Callable[[Life, Tx, OrderPlan, Step], None]] = {
    "claim": _claim, "claim_half": _claim_half, "verify": _verify, "approve": _approve,
    "cancel": _cancel, "hold": _hold, "release": _release, "note": _note, "amend": _amend,
    "refuse": life_cod.refuse,
}  # fmt: skip
MANY: dict[str, Callable[[Life, Tx, Sequence[tuple[OrderPlan, Step]]], None]] = {
    "ship": _ship, "deliver": _deliver, "remit": life_cod.remit,
}  # fmt: skip
