"""What a customer needs to pay an order: a QR code per receiving account, and the words to send along.

Made anew from what is missing at this moment and never stored, so that a changed amount changes the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from oms.banks.promptpay import Bill, bill_payment, read_target, reference_of, transfer
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Say, say
from oms.money import Money
from oms.orders.models import Order
from oms.payments.models import ReceivingAccount
from oms.payments.rules import MoneyFacts, asks_for_money
from oms.reports.order_page import find_order
from oms.thai.phone import format_phone
from oms.thai.tax_id import format_tax_id
from oms.usecases import derived

TRANSFER, BILL = "transfer", "bill"
LABELS = {TRANSFER: "PromptPay QR", BILL: "Bill payment QR"}


@dataclass(frozen=True)
class PayCode:
    """One QR code. ``reference`` is what the bank hands back with the money; a transfer has none."""

    account: ReceivingAccount
    kind: str
    label: str
    shown_id: str
    payload: str
    amount: Money
    reference: str

    @property
    def key(self) -> str:
        """Names the code on its page."""
        return f"{self.account.id}-{self.kind}"


@dataclass(frozen=True)
class PayCodes:
    """The codes of one order. ``problems`` say which account cannot be paid by QR, and why."""

    amount: Money
    number: str
    codes: tuple[PayCode, ...]
    problems: tuple[Say, ...]


def pay_codes(order: Order, money: MoneyFacts, accounts: Iterable[ReceivingAccount]) -> PayCodes | None:
    """The codes that ask for what is missing; None when nothing is."""
    if not asks_for_money(order.status, money):
        return None
    codes: list[PayCode] = []
    problems: list[Say] = []
    for account in accounts:
        if not account.is_active:
            continue
        for make in (_bill_code, _transfer_code):
            try:
                made = make(account, order.number, money.missing)
            except InvalidInput as refusal:
                problems.append(say("{account}: {why}", account=account.code, why=refusal.message))
            else:
                codes += [made] if made is not None else []
    codes.sort(key=lambda code: code.kind != BILL)  # money with the order's number in it matches itself
    return PayCodes(money.missing, order.number, tuple(codes), tuple(problems))


def _transfer_code(account: ReceivingAccount, number: str, amount: Money) -> PayCode | None:  # noqa: ARG001
    if not account.promptpay:
        return None
    target = read_target(account.promptpay)
    shown = {10: format_phone, 13: format_tax_id}.get(len(target.id), str)(target.id)
    return PayCode(account, TRANSFER, LABELS[TRANSFER], shown, transfer(target, amount), amount, "")


def _bill_code(account: ReceivingAccount, number: str, amount: Money) -> PayCode | None:
    if not account.biller_id:
        return None
    bill = Bill(account.biller_id, reference_of(number), ref3=account.ref3_prefix)
    return PayCode(account, BILL, LABELS[BILL], account.biller_id, bill_payment(bill, amount), amount, bill.ref1)


def pay_code(tx: Tx, order_id: int, key: str) -> PayCode:
    """One code of an order, for a file of its own. Raises NotFound when the order is not this person's to see, is paid
    meanwhile, or has no such code."""
    tx.actor.require("order.price")
    order = find_order(tx, order_id)
    accounts = tx.session.scalars(select(ReceivingAccount).order_by(ReceivingAccount.code))
    found = pay_codes(order, derived.read_facts(tx, [order])[order.id].money, accounts)
    for code in found.codes if found else ():
        if code.key == key:
            return code
    raise NotFound(say("Nothing is to be paid by this code any more; reload the order"), code="pay_code_gone")


def message(found: PayCodes, code: PayCode) -> Say:
    """The words to send to the customer with the picture."""
    facts = {
        "bank": code.account.bank, "account_no": code.account.account_no, "name": code.account.account_name,
        "id": code.shown_id, "amount": f"{found.amount.amount:,.2f}", "number": found.number,
    }  # fmt: skip
    if code.kind == BILL:
        return say("Please pay {amount} baht for order {number} by scanning this QR code. Payee: {name}", **facts)
    return say(
        "Please transfer {amount} baht for order {number}\nPromptPay {id} or {bank} {account_no}\nName: {name}\n"
        "Then send us the slip",
        **facts,
    )
