"""``load``: the whole demo shop in one go, for an empty installation. The same seed gives the same shop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from sqlalchemy import select

from oms import audit, clock, permissions
from oms.actor import Actor, system
from oms.catalog.models import Shop
from oms.db import transaction
from oms.demo import goods as shop_goods
from oms.demo import shelves
from oms.demo.goods import Goods
from oms.demo.life import Life
from oms.demo.people import Person, people
from oms.demo.plan import SLOT_HOURS, Planner
from oms.usecases.customers import Address, CreateCustomer, TaxIdentity, create_customer

SEED: Final = 2569
ORDERS, DAYS, PEOPLE, REGULARS = 3000, 60, 1500, 150
STAFF = {
    "owner": "คุณรวม (เจ้าของ)", "manager": "คุณแก้ว (ผู้จัดการ)", "sales": "มิ้นท์ (ขาย)", "cashier": "พี่นุช (การเงิน)",
    "warehouse": "เอก (คลัง)", "accountant": "คุณบัว (บัญชี)", "viewer": "ผู้เข้าชม",
}  # fmt: skip
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Loaded:
    """What was made, for the line that says so. ``refused``: steps the rules turned down, as in real life."""

    orders: int
    customers: int
    skus: int
    refused: tuple[str, ...]


def is_loaded() -> bool:
    """Whether there is a shop already: the demo is for empty installations."""
    with transaction(system("demo", source="cli")) as tx:
        return tx.session.scalar(select(Shop.id).limit(1)) is not None


def staff(user_ids: Mapping[str, int]) -> dict[str, Actor]:
    """One actor per role, with the login's id where there is a login of that name."""
    made = {
        role.name: Actor(
            "user", STAFF[role.name], user_ids.get(role.name), role.name, role.actions,
            discount_limit=role.discount_limit, source="screen",
        )
        for role in permissions.ROLES
    }  # fmt: skip
    return made | {"system": system("demo", source="job")}


def load(
    user_ids: Mapping[str, int], progress: Progress, *, seed: int = SEED, orders: int = ORDERS, days: int = DAYS
) -> Loaded:
    """Make everything. Raises RuntimeError when there is a shop already."""
    if is_loaded():
        raise RuntimeError("the demo shop goes into an empty installation only")
    random, actors, end = Random(seed), staff(user_ids), clock.now()  # noqa: S311  chance that repeats is the point
    start = end - timedelta(days=days, hours=SLOT_HOURS)
    with clock.at(start):
        goods = _masters(actors["owner"], random, progress)
        buyers = people(random, min(PEOPLE, max(orders // 2, 20)))
        _regulars(actors["sales"], buyers)
        with transaction(actors["warehouse"]) as tx:
            shelves.opening(tx, goods, random)
    for round_no, share in enumerate((0.35, 0.7), 1):
        with clock.at(start + (end - start) * share), transaction(actors["warehouse"]) as tx:
            shelves.delivery(tx, goods, random, round_no)
    plans = Planner(random, goods, buyers, days).orders(orders)
    life = Life(actors, goods, random, end)
    life.run(plans, lambda done: progress(f"orders {done}/{orders}"))
    with transaction(actors["warehouse"]) as tx:
        shelves.corrections(tx, goods, random)
    with transaction(actors["system"]) as tx:
        audit.record(tx, "demo.loaded", "installation", None, "demo", after={"orders": orders, "seed": seed})
    return Loaded(len(life.standing), len(buyers), len(goods.items) + len(goods.bundles), tuple(life.refused))


def _masters(owner: Actor, random: Random, progress: Progress) -> Goods:
    with transaction(owner) as tx:
        goods = shop_goods.places(tx)
        progress("products")
        shop_goods.catalog(tx, goods, random)
        shop_goods.channel_names(tx, goods)
    return goods


def _regulars(actor: Actor, buyers: Sequence[Person]) -> None:
    """Buyers the staff entered by hand, companies among them; the rest come in with their first order."""
    entered = [p for i, p in enumerate(buyers) if p.company or i < REGULARS]
    with transaction(actor) as tx:
        for person in entered:
            to = person.home
            home = Address(to.name, to.phone, to.line, to.subdistrict, to.district, to.province, to.postcode)
            where = f"{to.line} {to.subdistrict} {to.district} {to.province} {to.postcode}"
            tax = TaxIdentity(person.company, person.tax_id, "00000", where) if person.company else TaxIdentity()
            create_customer(tx, CreateCustomer(person.name, person.phone, group=person.group, tax=tax, address=home))
