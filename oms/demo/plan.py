"""What will happen in the 60 days of the demo shop: every order and its fate, decided before the first one is placed.

Time is cut into slots of six hours; slot 0 ends when the shop is loaded, slot -1 six hours earlier. A step of an order
whose slot would lie after 0 has not happened yet, which is how orders come to stand in every state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Final

from oms.demo import words
from oms.demo.goods import Goods, Item
from oms.demo.people import Person
from oms.orders.states import CancelReason, HoldReason, PaymentTerm

SLOT_HOURS: Final = 6
SLOTS_A_DAY: Final = 24 // SLOT_HOURS
JOINED: Final = 10 * 24 // SLOT_HOURS  # slots ago at which the marketplace shops were connected
SHOP_WEIGHTS: Final = (
    ("shopee-th", 26), ("lazada-th", 16), ("tiktok-th", 20), ("line-shopping", 6),
    ("web", 8), ("facebook", 9), ("instagram", 5), ("line", 10),
)  # fmt: skip
PLATFORMS: Final = frozenset({"shopee-th", "lazada-th", "tiktok-th", "line-shopping"})


@dataclass(frozen=True)
class Step:
    """One thing that happens to an order, in one slot, by one role."""

    slot: int
    verb: str
    by: str
    words: str = ""


@dataclass
class OrderPlan:
    """One order: who buys what where, and what becomes of it."""

    no: int
    slot: int
    shop: str
    person: Person
    items: list[tuple[Item, int]]
    term: PaymentTerm
    confirm: bool = True
    gone_before: bool = False
    may_wait: bool = False
    warehouse: str | None = None
    discount: int = 0
    tags: tuple[str, ...] = ()
    buyer_note: str = ""
    steps: list[Step] = field(default_factory=list)


def _round(slot: int, step: int) -> int:
    """The next slot that is a multiple of ``step``."""
    return -(-slot // step) * step


class Planner:
    """Draws orders from one stream of chance, so that the same seed gives the same shop."""

    def __init__(self, random: Random, goods: Goods, people: list[Person], days: int) -> None:
        self.random = random
        self.goods = goods
        self.people = people
        self.slots = days * 24 // SLOT_HOURS
        self.plain = [item for item in goods.items if not item.scarce]
        self.scarce = [item for item in goods.items if item.scarce]
        self.weights = [1 / (1 + i % 60) for i in range(len(self.plain))]

    def orders(self, count: int) -> list[OrderPlan]:
        """Orders over the whole time, later days a little busier, in the order they are placed."""
        draw = self.random
        slots = sorted(-int(self.slots * (1 - draw.random() ** 0.8)) for _ in range(count))
        buyers = self.people + [draw.choice(self.people[: len(self.people) // 4]) for _ in range(count)]
        plans = [self._order(no, slot, buyers[no % len(buyers)]) for no, slot in enumerate(slots)]
        self._arrange_recent(plans)
        return plans

    def _order(self, no: int, slot: int, person: Person) -> OrderPlan:
        draw = self.random
        shop = draw.choices([s for s, _ in SHOP_WEIGHTS], [w for _, w in SHOP_WEIGHTS])[0]
        term = self._term(shop, person)
        plan = OrderPlan(no, slot, shop, person, self._items(), term)
        plan.gone_before = shop in PLATFORMS and slot < -JOINED
        if plan.gone_before:
            plan.slot = _round(slot, SLOTS_A_DAY)  # taken in once a day, as files are
        elif slot < -JOINED:
            plan.slot = _round(slot, 2)
        plan.may_wait = shop in PLATFORMS
        plan.tags = (draw.choice(words.TAGS),) if draw.random() < 0.12 else ()
        plan.buyer_note = draw.choice(words.BUYER_NOTES) if draw.random() < 0.08 else ""
        plan.discount = draw.choice((10, 20, 30, 50)) if shop not in PLATFORMS and draw.random() < 0.1 else 0
        if plan.gone_before:
            self._cash(plan, plan.slot)
        else:
            self._fate(plan)
        return plan

    def _term(self, shop: str, person: Person) -> PaymentTerm:
        if shop in PLATFORMS:
            return (
                PaymentTerm.COD if shop == "line-shopping" and self.random.random() < 0.2 else PaymentTerm.MARKETPLACE
            )
        if person.company and self.random.random() < 0.7:
            return PaymentTerm.CREDIT
        return PaymentTerm.COD if self.random.random() < 0.28 else PaymentTerm.PREPAID

    def _items(self) -> list[tuple[Item, int]]:
        draw = self.random
        chosen = draw.choices(self.plain, self.weights, k=draw.choices((1, 2, 3, 4), (52, 28, 14, 6))[0])
        return [(item, draw.choices((1, 2, 3, 6), (70, 20, 7, 3))[0]) for item in dict.fromkeys(chosen)]

    def _fate(self, plan: OrderPlan) -> None:
        """The usual roads: paid, shipped, delivered; some never paid, some canceled on the way."""
        draw, at = self.random, plan.slot
        if draw.random() < 0.05:
            reason = draw.choice([CancelReason.CUSTOMER, CancelReason.OUT_OF_STOCK, CancelReason.ADDRESS])
            plan.steps.append(Step(at + 1, "cancel", "sales", reason.value))
            return
        if plan.term is PaymentTerm.PREPAID:
            if draw.random() < 0.13:
                return  # nobody pays; the sweep lets it expire
            at += draw.randint(0, 2) + 1
            plan.steps.append(Step(at, "claim", "sales"))
            at += 1
            plan.steps.append(Step(at, "verify", "cashier"))
        if plan.term is PaymentTerm.CREDIT:
            at += 1
            plan.steps.append(Step(at, "approve", "cashier"))
        self._remarks(plan)
        if plan.term is PaymentTerm.COD and draw.random() < 0.1:
            plan.steps.append(Step(at, "amend", "sales", "ลูกค้าขอเพิ่มอีก 1 ชิ้น"))
        at = _round(at + draw.randint(1, 2), 2)  # the carriers come twice a day
        plan.steps.append(Step(at, "ship", "warehouse", draw.choice(words.CARRIERS)))
        at = _round(at + draw.randint(5, 11), SLOTS_A_DAY)
        if plan.term is PaymentTerm.COD and plan.no % 19 == 4:
            plan.steps.append(Step(at, "refuse", "cashier"))
            return
        plan.steps.append(Step(at, "deliver", "warehouse"))
        self._cash(plan, at)

    @staticmethod
    def _cash(plan: OrderPlan, arrived: int) -> None:
        """The carrier pays in the week after it has held the cash for five days."""
        if plan.term is PaymentTerm.COD:
            plan.steps.append(Step(_round(arrived + 5 * SLOTS_A_DAY, SLOTS_A_DAY * 7), "remit", "cashier"))

    def _remarks(self, plan: OrderPlan) -> None:
        """Some orders are talked about."""
        draw = self.random
        if draw.random() < 0.12:
            plan.steps.insert(0, Step(plan.slot, "note", "sales", draw.choice(words.STAFF_NOTES)))
        if draw.random() < 0.05:
            plan.steps.insert(0, Step(plan.slot, "note", "sales", draw.choice(words.CUSTOMER_NOTES)))

    def _arrange_recent(self, plans: list[OrderPlan]) -> None:
        """Make sure that every state of work is there to be seen, among the orders of the last days."""
        recent = [p for p in plans if p.slot > -3 * 24 // SLOT_HOURS]
        self.random.shuffle(recent)
        chat = iter([p for p in recent if p.shop not in PLATFORMS])
        platform = iter([p for p in recent if p.shop in PLATFORMS and p.term is PaymentTerm.MARKETPLACE])
        for plan in islice(chat, 6):
            plan.term = PaymentTerm.PREPAID
            plan.steps = [Step(plan.slot, "claim_half", "sales"), Step(plan.slot + 1, "verify", "cashier")]
        for plan in islice(chat, 12):
            plan.term, plan.steps = PaymentTerm.PREPAID, [Step(plan.slot + 1, "claim", "sales")]
        for plan in islice(chat, 14):
            plan.confirm, plan.steps = False, []
        for reason in HoldReason:
            for plan in islice(platform, 2):
                if reason is HoldReason.COD_RISK:
                    plan.shop, plan.term = "line-shopping", PaymentTerm.COD
                plan.steps = [Step(min(plan.slot + 1, 0), "hold", "sales", reason.value)]
        for plan in islice(platform, 14):
            plan.items, plan.steps = [(self.random.choice(self.scarce), self.random.randint(2, 4))], []
        for plan in islice(platform, 40):
            plan.steps = []
        for i, plan in enumerate(islice(chat, 12)):
            hold = Step(plan.slot, "hold", "sales", HoldReason.CUSTOMER_REQUEST.value)
            release = Step(plan.slot, "release", "manager", "ลูกค้ายืนยันแล้ว ส่งได้")
            plan.steps = [hold, release, *plan.steps] if i % 2 else [hold]
