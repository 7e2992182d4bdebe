"""How a return ends: money back, credit, other goods, the same again, or nothing. All of it in one transaction: what
the order owes less, the refund or the new order, the credit note where a tax invoice is alive (R4, R10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from oms import audit, clock
from oms.approvals import needs_second_person
from oms.channels.return_queries import PaidThere, paid_there
from oms.db import Tx
from oms.errors import InvalidInput, Refused, Say, say
from oms.money import ZERO, Money
from oms.orders.models import Order, OrderLine
from oms.orders.states import PaymentTerm
from oms.payments.refund_models import Refund
from oms.payments.rules import CodState, MoneyFacts
from oms.payments.states import OPEN_REFUNDS, CodRefusal
from oms.returns.models import Return
from oms.returns.queries import credited_before, lock_return
from oms.returns.rules import Consequence, LineFacts, consequence, credit_code, creditable, credited_pieces, value_of
from oms.returns.states import REASON_THAI, RETURN, Condition, Resolution, ReturnKind, ReturnStatus
from oms.usecases import derived, refunds
from oms.usecases.cod import refuse_parcels
from oms.usecases.documents_notes import credit_for_return
from oms.usecases.keeping import bounded, not_negative
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo, place_order
from oms.usecases.payments import OWN_WORK
from oms.usecases.payments_allocate import MakeCredit, UseCredit, make_credit, use_credit
from oms.usecases.refunds import RefundTo, note_paid_there
from oms.usecases.returns_base import finish
from oms.usecases.shipping import complete_done

R = Resolution
_SENDS = frozenset({R.EXCHANGE, R.REPLACEMENT})
_TAKES_CREDIT = frozenset({R.REFUND, R.STORE_CREDIT, R.EXCHANGE, R.WAIVE, R.PLATFORM})
_AFTER_PAID_THERE = frozenset({R.PLATFORM, R.NOTHING})  # the channel has settled it with the buyer


@dataclass(frozen=True)
class NewGoods:
    """What goes out instead, at the catalog's prices; ``shipping_fee`` what the buyer pays for its way."""

    lines: tuple[NewLine, ...]
    payment_term: PaymentTerm = PaymentTerm.PREPAID
    shipping_fee: Money = ZERO


@dataclass(frozen=True)
class ResolveReturn:
    """``credit``: how much less the order owes, as proposed when nothing is said. ``refund_to``: where the money goes,
    for a refund. ``goods``: for an exchange; a replacement sends the same again."""

    return_id: int
    resolution: Resolution
    credit: Money | None = None
    refund_to: RefundTo | None = None
    goods: NewGoods | None = None
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ReturnResolved:
    """``back``: what was asked back or given as credit; ``paid_there``: by the channel already; ``to_pay``: what the
    new order still lacks."""

    return_id: int
    number: str
    order_id: int
    credit: Money
    back: Money
    refund_number: str = ""
    new_order_id: int | None = None
    new_order: str = ""
    to_pay: Money = ZERO
    credit_note: str = ""
    paid_there: bool = False


@dataclass(frozen=True)
class SetTripCost:
    """What the carrier charged for the useless trip, both ways."""

    return_id: int
    amount: Money
    version: int | None = None


@dataclass(frozen=True)
class Proposal:
    """What settling would do to the money. ``value``: what the pieces cost; ``most``: what may be credited, what
    is still to be sent left out; ``held``: a carrier has the cash, so that it cannot go back yet; ``never_had``: the
    goods never reached the buyer."""

    value: Money
    most: Money
    offer: Consequence
    money: MoneyFacts
    waiting: Money
    held: bool
    never_had: bool = False
    paid_there: PaidThere | None = None

    def of(self, credit: Money) -> Consequence:
        """The same for another amount."""
        return consequence(self.money, self.waiting, credit)


def resolve_return(tx: Tx, cmd: ResolveReturn) -> ReturnResolved:
    """Settle a counted return, or one without goods. Raises TransitionRefused before the count, Refused where money
    would go back that never came in, InvalidInput for more credit than the order owes."""
    tx.actor.require("return.resolve")
    note = bounded(cmd.note, 500, "note")
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    move = "settle_without" if ret.status is ReturnStatus.APPROVED else "resolve"
    RETURN.check(ret, move)
    if ret.kind is ReturnKind.LOST and ret.shipment_id:
        refuse_parcels(tx, {order.id: order}, {ret.shipment_id: CodRefusal.LOST}, ret.number)
    offered = propose(tx, ret, order)
    ends = _checked(tx, cmd, offered, order)
    before = ret.status
    RETURN.fire(ret, move)
    ret.resolution, ret.credit, ret.resolution_note = cmd.resolution, ends.credit, note
    ret.resolved_at, ret.resolved_label = clock.now(), tx.actor.label[:120]
    derived.refresh(tx, [order])
    done = ReturnResolved(ret.id, ret.number, order.id, ends.credit, ends.back)
    if cmd.resolution in _SENDS:  # first what may be refused for want of stock
        done = _send_again(tx, ret, order, cmd, done)
    noted = credit_for_return(tx, order.id, _credited(ret), ends.credit, _code(ret), note or REASON_THAI[ret.reason])
    if noted is not None:
        ret.credit_note_id, ret.credit_note = noted.document_id, noted.number
        done = replace(done, credit_note=noted.number)
    done = _give_back(tx, ret, order, cmd, done)
    facts = {
        "resolution": cmd.resolution, "amount": ends.credit, "refund": done.refund_number, "new_order": done.new_order,
        "credit_note": done.credit_note,
    }  # fmt: skip
    finish(tx, ret, order, "return.resolved", {k: v for k, v in facts.items() if v}, note, before=before)
    complete_done(tx, [order])
    return done


def set_trip_cost(tx: Tx, cmd: SetTripCost) -> None:
    """Write down what the failed trip cost; it moves no money of the order."""
    tx.actor.require("return.resolve")
    amount = not_negative(cmd.amount, "amount")
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    before, ret.trip_cost = ret.trip_cost, amount
    facts = {"return": ret.number, "trip_cost": amount}
    audit.record(
        tx, "return.trip_cost", "order", order.id, order.number, before={"trip_cost": before}, after=facts
    )  # fmt: skip


def propose(tx: Tx, ret: Return, order: Order) -> Proposal:
    """What the form offers: what came back at what it cost; all that is owed when nothing stays with the buyer and he
    never had it. The order is at hand, locked or just read."""
    money = derived.read_facts(tx, [order])[order.id].money
    before = credited_before(tx.session, order.id)
    lines = [LineFacts(x.id, x.quantity, x.total, before.get(x.id, 0)) for x in order.lines]
    value = value_of(lines, order.discount, _credited(ret))
    to_send = value_of(lines, order.discount, {x.id: x.open for x in order.lines if x.open})
    most = max(creditable(money) - to_send, ZERO)
    never_had = ret.kind is not ReturnKind.CUSTOMER
    whole = never_had and _leaves_nothing(order.lines, before, _credited(ret))
    waiting = tx.session.scalar(
        select(func.sum(Refund.amount)).where(Refund.order_id == order.id, Refund.status.in_(OPEN_REFUNDS))
    )
    offer = consequence(money, waiting or ZERO, most if whole else min(value, most))
    held = order.payment_term is PaymentTerm.COD and money.cod is not CodState.PENDING and not offer.back
    there = paid_there(tx.session, ret.id)
    if there is not None and there.amount:
        offer = consequence(money, waiting or ZERO, min(there.amount, most))
    return Proposal(value, most, offer, money, waiting or ZERO, held, never_had, there)


def _credited(ret: Return) -> dict[int, int]:
    """Pieces per order line that the settlement is about."""
    found: dict[int, int] = {}
    for line in ret.lines:
        counts = {c: getattr(line, c.value) for c in Condition}
        pieces = line.quantity if ret.goods_stay else credited_pieces(ret.kind, ret.reason, counts)
        found[line.order_line_id] = found.get(line.order_line_id, 0) + pieces
    return {line_id: pieces for line_id, pieces in found.items() if pieces}


def _leaves_nothing(lines: list[OrderLine], before: Mapping[int, int], now: Mapping[int, int]) -> bool:
    """Whether the buyer keeps nothing of the order and waits for nothing."""
    return all(x.quantity - x.canceled <= before.get(x.id, 0) + now.get(x.id, 0) for x in lines)


def _code(ret: Return) -> str:
    return credit_code(ret.kind, ret.reason, goods_stay=ret.goods_stay)


def _checked(tx: Tx, cmd: ResolveReturn, offered: Proposal, order: Order) -> Consequence:
    """What this resolution does to the money, or the refusal."""
    kind = cmd.resolution
    _check_channel(kind, offered.paid_there)
    if kind not in _TAKES_CREDIT:
        if cmd.credit:
            raise InvalidInput(say("Nothing is credited this way"), field="credit", code="credit_not_taken")
        if kind is R.REPLACEMENT and order.payment_term is PaymentTerm.COD and offered.money.missing:
            raise Refused(
                say("Nothing was paid for this yet; exchange it for the same goods, to be paid at the door"),
                field="resolution", code="replacement_unpaid",
            )  # fmt: skip
        if kind is R.NOTHING and offered.never_had and offered.money.missing:
            raise Refused(
                say("The buyer never had the goods and still owes {amount}; let nothing be owed instead",
                    amount=offered.money.missing),
                field="resolution", code="still_owed",
            )  # fmt: skip
        return offered.of(ZERO)
    credit = offered.offer.credit if cmd.credit is None else cmd.credit
    if not ZERO <= credit <= offered.most or (not credit and kind is not R.EXCHANGE):
        raise InvalidInput(
            say("The amount must be from 0.01 to {most}", most=offered.most), field="credit", code="credit_range"
        )
    ends = offered.of(credit)
    if refusal := _money_refusal(kind, ends, offered):
        raise Refused(refusal, field="resolution", code="nothing_paid" if not ends.back else "money_paid")
    _check_way(tx, kind, cmd.refund_to, order, ends)
    return ends


def _check_channel(kind: Resolution, there: PaidThere | None) -> None:
    """What a channel has paid back is not paid a second time, and what it has not paid is not taken as paid."""
    if there is None and kind is R.PLATFORM:
        raise Refused(say("The channel has not paid the buyer back"), field="resolution", code="not_paid_there")
    if there is not None and kind not in _AFTER_PAID_THERE:
        raise Refused(
            say("{shop} has paid the buyer back already ({number})", shop=there.shop, number=there.number),
            field="resolution", code="paid_there",
        )  # fmt: skip


def _check_way(tx: Tx, kind: Resolution, to: RefundTo | None, order: Order, ends: Consequence) -> None:
    """Raise where the money cannot go the way that was chosen."""
    if kind is R.REFUND:
        tx.actor.require("refund.request")
        if to is None:
            raise InvalidInput(say("Say where the money goes"), field="to_method", code="refund_method")
        refunds.checked(to)
    if kind in {R.STORE_CREDIT, R.EXCHANGE} and ends.back:
        tx.actor.require("payment.verify")
        if order.customer_id is None:
            raise Refused(say("The order has no customer; refund the money instead"), code="no_customer")


def _money_refusal(kind: Resolution, ends: Consequence, offered: Proposal) -> Say | None:
    """Money that never came in does not go back; money that did is not let fall."""
    if kind in {R.REFUND, R.STORE_CREDIT} and not ends.back:
        if offered.held:
            return say("The carrier has not paid this cash to us yet; settle it when it has")
        return say("No money came in for this; nothing goes back")
    if kind is R.WAIVE and ends.back:
        return say("{amount} was paid; say where it goes", amount=ends.back)
    return None


def _give_back(tx: Tx, ret: Return, order: Order, cmd: ResolveReturn, done: ReturnResolved) -> ReturnResolved:
    """The money, where some goes back: asked back as a refund, or the customer's credit."""
    if cmd.resolution is R.REFUND and cmd.refund_to is not None:
        reason = cmd.note.strip() or _why(ret)
        asked = refunds.ask(tx, order, refunds.RequestRefund(order.id, done.back, reason, cmd.refund_to))
        ret.refund_id = asked.refund_id
        return replace(done, refund_number=asked.number)
    if cmd.resolution is R.PLATFORM and done.back:
        there = paid_there(tx.session, ret.id)
        told = there.number if there else ""
        noted = note_paid_there(tx, order, done.back, cmd.note.strip() or _why(ret), told)
        ret.refund_id = noted.refund_id
        return replace(done, refund_number=noted.number, paid_there=True)
    if cmd.resolution is R.STORE_CREDIT:
        ret.store_credit = make_credit(tx, MakeCredit(order.id, _why(ret), done.back)).amount
    return done


def _send_again(tx: Tx, ret: Return, order: Order, cmd: ResolveReturn, done: ReturnResolved) -> ReturnResolved:
    """Place the order that goes out instead, and pay it from what was paid for the old one, as far as that goes."""
    free = cmd.resolution is R.REPLACEMENT
    goods = _the_same(order, _credited(ret)) if free else cmd.goods
    if goods is None or not goods.lines:
        raise InvalidInput(say("Choose what goes out instead"), field="lines", code="lines_missing")
    # who settles returns may place the order that settles one, free of charge when it replaces what was paid
    lent = {"order.create", "order.confirm"} | ({"intake.import"} if free else set())
    able = replace(tx, actor=replace(tx.actor, actions=tx.actor.actions | lent))
    placed = place_order(able, PlaceOrder(
        shop_id=order.shop_id, lines=goods.lines, ship_to=_where_to(order), customer_id=order.customer_id,
        payment_term=goods.payment_term, shipping_fee=goods.shipping_fee, warehouse_id=order.warehouse_id,
        carrier=order.carrier, owner_id=order.owner_id, owner=order.owner, copied_from=order.id, confirm=True,
        priced_by_channel=free, idempotency_key=f"return:{ret.id}",
    ))  # fmt: skip
    ret.new_order_id = placed.order_id
    if done.back:
        ret.store_credit = make_credit(tx, MakeCredit(order.id, _why(ret), done.back)).amount
    new = tx.session.get_one(Order, placed.order_id)
    missing = derived.read_facts(tx, [new])[new.id].money.missing
    mine = tx.actor.user_id is not None and needs_second_person(tx.session, OWN_WORK)
    used = min(missing, ret.store_credit)
    if used and not mine:
        use_credit(tx, UseCredit(new.id, used, _why(ret)))
        missing -= used
    return replace(done, new_order_id=placed.order_id, new_order=placed.number, to_pay=missing)


def _the_same(order: Order, pieces: Mapping[int, int]) -> NewGoods:
    """The same pieces once more, for nothing."""
    lines = tuple(
        NewLine(line.sku_id, pieces[line.id], ZERO, name=line.name) for line in order.lines if pieces.get(line.id)
    )
    return NewGoods(lines)


def _where_to(order: Order) -> ShipTo:
    return ShipTo(
        order.ship_name, order.ship_phone, order.ship_line, order.ship_subdistrict, order.ship_district,
        order.ship_province, order.ship_postcode,
    )  # fmt: skip


def _why(ret: Return) -> str:
    return f"{ret.number} {REASON_THAI[ret.reason]}"
