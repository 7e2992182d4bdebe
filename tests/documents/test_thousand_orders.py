"""A thousand random orders: every document of one comes to what the order comes to, to the satang."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

from oms import clock
from oms.catalog.models import VatClass
from oms.documents.content import Asked, build
from oms.documents.facts import Facts, OrderFacts
from oms.documents.kinds import KINDS
from oms.documents.parties import Buyer
from oms.documents.states import DocumentKind as K
from oms.documents.sums import vat_in
from oms.money import ZERO, Money
from oms.orders.rules import line_total
from tests.samples.papers import SELLER, order

PRICED = [K.ORDER_BILL, K.INVOICE, K.TAX_INVOICE, K.TAX_INVOICE_SHORT, K.RECEIPT_TAX_INVOICE, K.DELIVERY_TAX_INVOICE]


def random_order(draw: Random, number: int):
    """Lines with discounts, canceled pieces, a discount of the whole, a fee: anything the verbs let pass."""
    lines = []
    for i in range(draw.randint(1, 12)):
        quantity, price = draw.randint(1, 40), Money.satang(draw.randint(1, 500_000))
        discount = Money.satang(draw.choice([0, 0, draw.randint(0, price.in_satang * quantity)]))
        lines.append(
            SimpleNamespace(
                id=number * 100 + i, sku_id=i, sku_code=f"S{i}", name=f"สินค้า {i}", quantity=quantity, shipped=0,
                canceled=draw.choice([0, 0, 0, draw.randint(0, quantity)]), returned=0, open=quantity,
                unit_price=price, discount=discount, total=line_total(quantity, price, discount),
            )
        )  # fmt: skip
    goods = sum((line.total for line in lines), start=ZERO)
    left = sum(line.total.in_satang - line.total.in_satang * line.canceled // line.quantity for line in lines)
    discount = Money.satang(draw.choice([0, draw.randint(0, min(left, goods.in_satang))]))
    fee = Money.satang(draw.choice([0, 5_000, draw.randint(0, 30_000)]))
    made = order(number, 0, discount=discount, shipping_fee=fee)
    made.lines = lines
    return made


def test_a_thousand_orders_add_up_to_the_satang():
    draw, kinds = Random(2569), 0
    for number in range(1, 1001):
        made = random_order(draw, number)
        canceled = sum(line.total.in_satang * line.canceled // line.quantity for line in made.lines)
        total = sum(line.total.in_satang for line in made.lines) - canceled
        due = total - made.discount.in_satang + made.shipping_fee.in_satang
        classes = {i: draw.choice([VatClass.STANDARD] * 4 + [VatClass.EXEMPT, VatClass.ZERO]) for i in range(12)}
        facts = Facts(SELLER, [OrderFacts(made, classes, paid=Money.satang(10**12))])
        assert facts.orders[0].due == Money.satang(due)
        if due <= 0:
            continue
        rate = draw.choice([700, 700, 1000, None])
        for kind in PRICED:
            draft = build(KINDS[kind], facts, Buyer("x", address="y"), Asked(clock.today()), rate)
            kept, sums = draft.content, draft.sums
            assert draft.total == Money.satang(due)
            assert sum(line["amount"] for line in kept["lines"]) == due == sums.total
            assert sum(line["net"] for line in kept["lines"]) == sums.base + sums.zero + sums.exempt
            assert sums.vat == (0 if rate is None else vat_in(sums.base + sums.vat, rate))
            assert sum(share.in_satang for share in draft.shares.values()) == due
            kinds += 1
    assert kinds > 5000
