"""``load``: the whole demo shop in one go, for an empty installation. The same seed gives the same shop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy import select

from oms import audit, clock, permissions
from oms.actor import Actor, system
from oms.audit import AuditLog
from oms.catalog.models import Shop
from oms.customers.models import Customer
from oms.db import Tx, transaction
from oms.demo import floor, incoming, kept, life_money, life_returns, papers, places, shelves, slips, statement
from oms.demo import goods as shop_goods
from oms.demo.goods import Goods
from oms.demo.life import Life
from oms.demo.people import Person, people
from oms.demo.plan import SLOT_HOURS, Planner
from oms.usecases.customers import Address, CreateCustomer, TaxIdentity, create_customer
from oms.usecases.masters_staff import SetLimits, set_limits

SEED: Final = 2569
ORDERS, DAYS, PEOPLE, REGULARS = 3000, 60, 1500, 150
Progress = Callable[[str], None]
Users = Mapping[str, tuple[int, str]]  # role -> (login id, name)


@dataclass(frozen=True)
class Loaded:
    """What was made, for the line that says so. ``refused``: steps the rules turned down, as in real life."""

    orders: int
    customers: int
    skus: int
    refused: tuple[str, ...]


class Stage(StrEnum):
    """What an installation holds: nothing, a demo shop that was interrupted, a whole one, or real work."""

    EMPTY = "empty"
    STARTED = "started"
    LOADED = "loaded"
    OTHER = "other"


def stage() -> Stage:
    """What is there already: the demo goes into an empty installation, and an interrupted load goes on."""
    with transaction(system("demo", source="cli")) as tx:
        said = set(
            tx.session.scalars(select(AuditLog.action).where(AuditLog.action.in_(["demo.started", "demo.loaded"])))
        )
        if "demo.loaded" in said:
            return Stage.LOADED
        if said:
            return Stage.STARTED
        return Stage.OTHER if tx.session.scalar(select(Shop.id).limit(1)) else Stage.EMPTY


def staff(users: Users) -> dict[str, Actor]:
    """One actor per role, as the login of that name where there is one."""
    made = {
        role.name: Actor(
            "user", users.get(role.name, (0, role.label))[1], users.get(role.name, (None, ""))[0], role.name,
            role.actions, discount_limit=role.discount_limit, source="screen",
        )
        for role in permissions.ROLES
    }  # fmt: skip
    return made | {"system": system("demo", source="job")}


def load(
    users: Users, files: Path, progress: Progress, *, seed: int = SEED, orders: int = ORDERS, days: int = DAYS
) -> Loaded:
    """Make everything, or the rest of it after an interruption. Raises RuntimeError when real work is there.

    ``files`` is the folder of the file store.
    """
    found = stage()
    if found in {Stage.LOADED, Stage.OTHER}:
        raise RuntimeError("the demo shop goes into an empty installation only")
    actors = staff(users)
    if found is Stage.EMPTY:
        progress("products")
        _begin(actors["owner"], seed, days)
    goods, end = _begun(actors["system"])
    start = end - timedelta(days=days, hours=SLOT_HOURS)
    buyers = people(_chance(seed, "people"), min(PEOPLE, max(orders // 2, 20)))
    with clock.at(start):
        _regulars(actors["sales"], buyers)
        with transaction(actors["warehouse"]) as tx:
            shelves.opening(tx, goods, _chance(seed, "opening"))
    for round_no, share in enumerate((0.35, 0.7), 1):
        with clock.at(start + (end - start) * share), transaction(actors["warehouse"]) as tx:
            shelves.delivery(tx, goods, _chance(seed, f"delivery {round_no}"), round_no)
    plans = Planner(_chance(seed, "plan"), goods, buyers, days).orders(orders)
    life = Life(actors, goods, _chance(seed, "life"), end)
    life.run(plans, lambda done: progress(f"orders {done}/{orders}"))
    with clock.at(end), transaction(actors["warehouse"]) as tx:
        shelves.corrections(tx, goods, _chance(seed, "corrections"))
    slips.send_in(actors["sales"], goods, buyers, files, _chance(seed, "slips"), end)
    statement.take_in(actors["cashier"].via("csv"), _chance(seed, "statement"), files, end)
    life_returns.take_back(actors, goods, _chance(seed, "returns"), end)
    life_money.money_life(actors, goods, files, end)
    papers.papers(actors, goods, end)
    places.between(actors, goods, _chance(seed, "places"), end)
    floor.morning(actors, _chance(seed, "floor"), end)
    kept.pictures(actors, files, end)
    incoming.take_in(actors["sales"].via("csv"), goods, buyers, _chance(seed, "file"), files)
    with transaction(actors["system"]) as tx:
        _limit_warehouse(tx, users, goods)
        audit.record(tx, "demo.loaded", "installation", None, "demo", after={"orders": orders, "seed": seed})
    return Loaded(
        len(life.standing) + slips.COUNT, len(buyers), len(goods.items) + len(goods.bundles), tuple(life.refused)
    )


def _limit_warehouse(tx: Tx, users: Users, goods: Goods) -> None:
    """The demo's warehouse login works in Bangkok and sees nothing of the other two places."""
    if found := users.get("warehouse"):
        set_limits(tx, SetLimits(found[0], "warehouse", 0, warehouses=frozenset({goods.warehouses["BKK"]})))


def _chance(seed: int, part: str) -> Random:
    """A stream of its own for every part, so that a part done before an interruption shifts no other."""
    return Random(f"{seed} {part}")  # noqa: S311  chance that repeats is the point


def _begin(owner: Actor, seed: int, days: int) -> None:
    """The masters, whole or not at all, and the moment at which the 60 days end."""
    end, random = clock.now(), _chance(seed, "goods")
    with clock.at(end - timedelta(days=days, hours=SLOT_HOURS)), transaction(owner) as tx:
        goods = shop_goods.places(tx)
        shop_goods.catalog(tx, goods, random)
        shop_goods.channel_names(tx, goods)
        audit.record(tx, "demo.started", "installation", None, "demo", after={"end": end, "seed": seed})


def _begun(actor: Actor) -> tuple[Goods, datetime]:
    with transaction(actor) as tx:
        said = tx.session.scalars(select(AuditLog.after).where(AuditLog.action == "demo.started")).one()
        return shop_goods.read(tx), datetime.fromisoformat((said or {})["end"])


def _regulars(actor: Actor, buyers: Sequence[Person]) -> None:
    """Buyers the staff entered by hand, companies among them; the rest come in with their first order."""
    entered = [p for i, p in enumerate(buyers) if p.company or i < REGULARS]
    with transaction(actor) as tx:
        if tx.session.scalar(select(Customer.id).limit(1)):
            return  # entered before an interruption
        for person in entered:
            to = person.home
            home = Address(to.name, to.phone, to.line, to.subdistrict, to.district, to.province, to.postcode)
            where = f"{to.line} {to.subdistrict} {to.district} {to.province} {to.postcode}"
            tax = TaxIdentity(person.company, person.tax_id, "00000", where) if person.company else TaxIdentity()
            create_customer(tx, CreateCustomer(person.name, person.phone, group=person.group, tax=tax, address=home))
