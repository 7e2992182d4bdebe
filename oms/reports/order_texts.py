"""Words for the customer's chat, made from an order as it stands: bill, reminder, slip received, shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oms.errors import Say, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.payments.models import ReceivingAccount
from oms.payments.rules import PAYABLE, MoneyFacts, asks_for_money

TEXT_LABELS: dict[str, str] = {
    "bill": "Bill with accounts",
    "remind": "Payment reminder",
    "slip": "Slip received",
    "paid": "Payment received",
    "shipped": "Shipped, with tracking",
}


@dataclass(frozen=True)
class ChatText:
    """One message: its lines, each translated by itself."""

    kind: str
    lines: Sequence[Say]

    @property
    def label(self) -> str:
        """What it is for."""
        return TEXT_LABELS[self.kind]


@dataclass(frozen=True)
class Sending:
    """What the words are made of. ``url`` is the order's page, "" while there is none; ``parcels``: carrier, number."""

    order: Order
    money: MoneyFacts
    accounts: Sequence[ReceivingAccount]
    parcels: Sequence[tuple[str, str]]
    url: str = ""


def chat_texts(found: Sending) -> list[ChatText]:
    """The messages that make sense for the order now."""
    order, money = found.order, found.money
    asks = asks_for_money(order.status, money)
    texts: list[ChatText] = []
    if order.status in PAYABLE and not found.parcels:
        texts.append(ChatText("bill", _bill(found, asks=asks)))
    if asks and not money.claim_waiting:
        texts.append(ChatText("remind", _reminder(found)))
    if money.claim_waiting:
        thanks = say("We have your slip for order {number}, thank you.", number=order.number)
        next_step = say("We are checking it and will send the goods as soon as the money is in.")
        texts.append(ChatText("slip", [thanks, next_step, *_link(found)]))
    elif order.payment_term is PaymentTerm.PREPAID and money.net > ZERO and not money.missing:
        facts = {"amount": _plain(money.net), "number": order.number}
        thanks = say("Your payment of {amount} baht for order {number} has arrived, thank you.", **facts)
        texts.append(ChatText("paid", [thanks, *_link(found)]))
    if found.parcels:
        texts.append(ChatText("shipped", _shipped(found)))
    return texts


def _bill(found: Sending, *, asks: bool) -> list[Say]:
    order, money = found.order, found.money
    lines = [say("Order {number} · {shop}", number=order.number, shop=order.shop.name)]
    for line in order.lines:
        if line.quantity > line.canceled:
            pieces = line.quantity - line.canceled
            lines.append(say("• {name} × {n} = {amount}", name=line.name, n=pieces, amount=_plain(line.total)))
    if order.discount:
        lines.append(say("Discount {amount}", amount=_plain(order.discount)))
    if order.shipping_fee:
        lines.append(say("Shipping {amount}", amount=_plain(order.shipping_fee)))
    lines.append(say("Total {amount} baht", amount=_plain(money.due)))
    if order.payment_term is PaymentTerm.COD:
        lines.append(say("Cash on delivery: please have {amount} baht ready", amount=_plain(money.missing)))
    if asks:
        if money.net > ZERO:
            lines.append(say("Still to pay {amount} baht", amount=_plain(money.missing)))
        lines += _accounts(found)
    return lines + _link(found)


def _reminder(found: Sending) -> list[Say]:
    order = found.order
    lines = [
        say("Hello {name}, order {number} still waits for {amount} baht.", name=order.ship_name, number=order.number,
            amount=_plain(found.money.missing)),
    ]  # fmt: skip
    if order.expires_at:
        lines.append(say("We keep it for you until {time}.", time=order.expires_at))
    return [*lines, *_accounts(found), *_link(found)]


def _shipped(found: Sending) -> list[Say]:
    lines = [say("Order {number} is on its way.", number=found.order.number)]
    lines += [say("{carrier} {tracking}", carrier=carrier, tracking=number) for carrier, number in found.parcels]
    if found.money.term is PaymentTerm.COD and found.money.missing:
        amount = _plain(found.money.missing)
        lines.append(say("Cash on delivery: please have {amount} baht ready", amount=amount))
    if found.url:
        lines.append(say("Follow it here: {link}", link=found.url))
    return lines


def _accounts(found: Sending) -> list[Say]:
    lines = [say("Transfer to:")] if found.accounts else []
    for account in found.accounts:
        facts = {"bank": account.bank, "no": account.account_no, "name": account.account_name}
        lines.append(say("{bank} {no} {name}", **facts))
        if account.promptpay:
            lines.append(say("PromptPay {id}", id=account.promptpay))
    return lines


def _link(found: Sending) -> list[Say]:
    if not found.url:
        return []
    if asks_for_money(found.order.status, found.money):
        return [say("QR code to pay, and place for the slip: {link}", link=found.url)]
    return [say("Your order: {link}", link=found.url)]


def _plain(amount: Money) -> str:
    return f"{amount.amount:,.2f}"
