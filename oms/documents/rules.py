"""When a kind of document may not be issued, and what to think of before it is. Pure functions of plain facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from oms import clock
from oms.catalog.models import VatClass
from oms.documents.facts import Facts, OrderFacts
from oms.documents.kinds import KINDS, Kind, Layout, Need
from oms.documents.parties import Buyer
from oms.documents.states import DocumentKind as K
from oms.errors import Problem, Say, say
from oms.money import ZERO
from oms.orders.states import OrderStatus, PaymentTerm

_DEAD = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})
_GOING_BACK = frozenset({K.RETURN_RECEIPT, K.REFUND_VOUCHER})  # also of a sale that was called off
SETUP = say("Shop setup → Company and documents")


def refusal(kind: Kind, facts: Facts, buyer: Buyer, tax_point: date) -> Problem | None:
    """The first reason against it that no form field can mend, or None."""
    for rule in (_by_order, _by_seller, _by_history, _by_money, _by_parts):
        if found := rule(kind, facts):
            return found
    if kind.is_tax and not facts.seller.bears_vat(tax_point):
        return Problem("before_vat", say("The company was not registered for VAT on {day} yet", day=tax_point))
    if kind.is_short and (buyer.tax_id or (facts.customer is not None and facts.customer.tax_id)):
        return Problem(
            "full_wanted", say("This buyer has given a tax id and is owed a full tax invoice, not an abbreviated one")
        )
    return None


def field_problems(kind: Kind, buyer: Buyer, tax_point: date) -> list[Problem]:
    """What is missing or wrong in what the form asks for, all of it."""
    found = []
    if Need.BUYER_NAME in kind.needs and not buyer.name:
        found.append(Problem("buyer_name_missing", say("Enter the buyer's name"), "buyer_name"))
    if Need.BUYER_ADDRESS in kind.needs and not buyer.address:
        found.append(Problem("buyer_address_missing", say("Enter the buyer's address"), "buyer_address"))
    if kind.bills_goods and not kind.is_short and buyer.is_masked:
        masked = say("The channel hides the buyer's name or address; ask the buyer for them")
        found.append(Problem("buyer_masked", masked, "buyer_name" if "*" in buyer.name else "buyer_address"))
    if tax_point > clock.today():
        found.append(Problem("tax_point_future", say("The tax point has not come yet"), "tax_point"))
    return found


def _by_order(kind: Kind, facts: Facts) -> Problem | None:
    if not kind.many_orders and len(facts.orders) > 1:
        return Problem("one_order", say("This document is of one order only"))
    if len({o.order.customer_id for o in facts.orders}) > 1 and kind.layout is not Layout.PARCELS:
        return Problem("different_buyers", say("These orders are of different customers"))
    for of in facts.orders:
        number, status = of.order.number, of.order.status
        if status in _DEAD and kind.kind not in _GOING_BACK:
            return Problem("order_dead", say("{number} was called off; nothing is billed for it", number=number))
        if status is OrderStatus.DRAFT and not kind.of_drafts:
            return Problem("order_draft", say("{number} is a draft; confirm it first", number=number))
        if kind.has_prices and kind.layout is not Layout.VOUCHER and of.due <= ZERO:
            return Problem("nothing_to_bill", say("{number} comes to nothing", number=number))
    return None


def _by_seller(kind: Kind, facts: Facts) -> Problem | None:
    seller = facts.seller
    if kind.is_tax and not seller.is_vat and seller.name:
        no = say("The company is not registered for VAT, so it may not issue tax documents. See {where}", where=SETUP)
        return Problem("not_vat", no)
    missing = [
        word
        for need, value, word in (
            (Need.SELLER_NAME, seller.name, say("company name")),
            (Need.SELLER_TAX_ID, seller.tax_id, say("tax id")),
            (Need.SELLER_ADDRESS, seller.address, say("address of the branch")),
        )
        if need in kind.needs and not value
    ]
    if not missing:
        return None
    return Problem(
        "seller_incomplete", say("Missing: {what}. Enter it under {where}", what=_listed(missing), where=SETUP)
    )


def _listed(words: Sequence[Say]) -> Say:
    first, *rest = words
    return say("{first}, {rest}", first=first, rest=_listed(rest)) if rest else first


def _by_history(kind: Kind, facts: Facts) -> Problem | None:
    """One live tax invoice for the same goods."""
    if not kind.bills_goods:
        return None
    for of in facts.orders:
        there = of.tax_invoice
        if there is None:
            continue
        if KINDS[there.kind].is_short and not kind.is_short:
            return Problem(
                "use_replace",
                say("{order} has the abbreviated tax invoice {number}: replace that one by a full one",
                    order=of.order.number, number=there.number),
            )  # fmt: skip
        return Problem(
            "tax_invoice_exists",
            say("{order} has the tax invoice {number} already; void or replace that one",
                order=of.order.number, number=there.number),
        )  # fmt: skip
    if not any(line.vat is not VatClass.EXEMPT for of in facts.orders for line in of.lines() if line.amount):
        return Problem("nothing_taxed", say("Everything in it is exempt from VAT; a receipt is enough"))
    return None


def _by_money(kind: Kind, facts: Facts) -> Problem | None:
    """A receipt is for verified money alone; one that is the tax invoice as well for all of it."""
    if not kind.takes_money:
        return None
    for of in facts.orders:
        if of.receivable <= ZERO:
            return Problem("no_money", _why_no_money(of))
        if kind.bills_goods and of.receivable < of.due:
            short = say(
                "{number}: only {paid} of {due} is verified and without a receipt; issue tax invoice and receipt apart",
                number=of.order.number, paid=of.receivable, due=of.due,
            )  # fmt: skip
            return Problem("money_short", short)
    return None


def _why_no_money(of: OrderFacts) -> Say:
    number = of.order.number
    if of.receipted > ZERO:
        return say("{number}: there is a receipt for all the money that came in", number=number)
    if of.order.payment_term is PaymentTerm.COD:
        return say(
            "{number}: the carrier has not paid the cash yet; a receipt is for money that came in", number=number
        )
    if of.order.payment_term is PaymentTerm.MARKETPLACE:
        return say("{number}: the platform has not paid yet; a receipt is for money that came in", number=number)
    return say("{number}: no money is verified yet; a receipt is for money that came in", number=number)


def _by_parts(kind: Kind, facts: Facts) -> Problem | None:
    if kind.sign:
        return Problem("note_of_invoice", say("Credit and debit notes start on the page of their tax invoice"))
    if kind.layout is Layout.VOUCHER and (facts.refund is None or facts.refund.paid_at is None):
        return Problem("refund_not_paid", say("A refund voucher is for a refund that was paid"))
    if kind.layout is Layout.PARCELS and not facts.boxes:
        return Problem("no_parcels", say("No parcel of these orders is packed yet"))
    return None


def warnings(kind: Kind, facts: Facts, buyer: Buyer, tax_point: date) -> list[Say]:
    """What the law or good sense would have one think of; nothing here forbids."""
    found: list[Say] = []
    today = clock.today()
    left = any(o.first_left for o in facts.orders)
    paid = any(o.paid > ZERO for o in facts.orders)
    if kind.bills_goods:
        if (tax_point.year, tax_point.month) != (today.year, today.month):
            found.append(
                say("The tax point {day} lies in an earlier month: VAT was due with that month's return", day=tax_point)
            )
        elif tax_point < today:
            found.append(say("A tax invoice is due at delivery or payment; the tax point was {day}", day=tax_point))
        if not left and not paid:
            found.append(say("Neither have goods left nor money come in: issuing it makes the VAT due now"))
        if not kind.is_short and not buyer.tax_id:
            found.append(say("Without the buyer's tax id a company cannot claim the VAT back"))
    if kind.kind is K.DELIVERY_NOTE and not left:
        found.append(say("Nothing has left yet; a delivery note goes with the goods"))
    if kind.kind is K.RECEIPT and facts.seller.is_vat and not all(o.tax_invoice for o in facts.orders):
        found.append(say("There is no tax invoice of this sale yet; money that came in makes the VAT due"))
    if facts.override is not None:
        found.append(say("The goods left before payment; the paper says so"))
    return found
