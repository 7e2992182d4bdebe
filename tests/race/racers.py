"""Runs one race: a process that forks clients, each with its own connection, and prints what they saw as JSON.

``python -m tests.race.racers '{"race": "last_piece", "url": ..., ...}'``. Forked from one warm process, so that forty
clients start at once.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from flask import Flask
from sqlalchemy.orm import configure_mappers

from app import create_worker_app
from oms import numbering, outbox
from oms.actor import system
from oms.db import Tx, db, transaction
from oms.errors import OmsError
from oms.inventory.models import AdjustReason
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import CancelReason, HoldReason
from oms.payments.states import PaymentMethod
from oms.settings import Settings
from oms.usecases.gate import OverrideGate, override_gate
from oms.usecases.orders_amend import OpenChange, open_change
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo, place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, reverse_claim, submit_claim, verify_claim
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from oms.usecases.stock import AdjustStock, ReceiveStock, adjust_stock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.race import (
    api_racers,
    cod_racers,
    document_racers,
    packing_racers,
    refund_racers,
    return_racers,
    routing_racers,
    shipping_racers,
    slip_racers,
)

ACTOR = system("racer")
SHIP_TO = ShipTo("ผู้ซื้อ แข่งขัน", "080-000-0001", "1 หมู่ 1", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
Seen = Counter[str]


class Client:
    """One forked process: its number, its chances, and what it saw."""

    def __init__(self, plan: dict[str, Any], no: int, barrier: Any) -> None:
        self.plan = plan
        self.no = no
        self.barrier = barrier
        self.random = random.Random(f"{plan['seed']} {no}")
        self.seen: Seen = Counter()
        self.actor = ACTOR

    def do(self, verb: Callable[..., Any], *arguments: Any) -> Any:
        """One verb in one transaction; what it answered is counted."""
        try:
            with transaction(ACTOR) as tx:
                answer = verb(tx, *arguments)
        except OmsError as refusal:
            self.seen[refusal.detail_code] += 1
            return None
        except BaseException as crash:  # noqa: BLE001  whatever it is, the test must hear of it
            self.seen[f"crash {type(crash).__name__}: {crash}"[:300]] += 1
            return None
        self.seen["ok"] += 1
        return answer

    def order(self, *skus: int, confirm: bool = True) -> PlaceOrder:
        lines = tuple(NewLine(sku, 1) for sku in skus)
        return PlaceOrder(self.plan["shop"], lines, SHIP_TO, confirm=confirm)


def last_piece(client: Client) -> None:
    """Every client wants one of each SKU of the round, in an order of its own."""
    for skus in client.plan["rounds"]:
        mine = client.random.sample(skus, len(skus))
        client.barrier.wait(60)
        client.do(place_order, client.order(*mine))


def flash_sale(client: Client) -> None:
    """Everybody buys one and the same SKU, one piece at a time, until it is gone."""
    client.do(place_order, client.order(client.plan["warm"]))  # the first order of a process is slow
    client.barrier.wait(120)
    while client.do(place_order, client.order(client.plan["sku"])):
        pass


def numbers(client: Client) -> None:
    """Draw numbers; some die by kill -9 with a number in hand."""
    for _ in range(client.plan["draws"]):
        dies = client.random.random() < 0.1
        with transaction(ACTOR) as tx:
            number = numbering.allot(tx, "RACE")
            outbox.add(tx, "test.number", f"race:{number}")
            tx.session.flush()
            if dies and client.no % 2:
                os._exit(9)
        client.seen["ok"] += 1


def amendments(client: Client) -> None:
    """All open a change set of the same order at once."""
    for order_id in client.plan["orders"]:
        client.barrier.wait(60)
        client.do(open_change, OpenChange(order_id, f"client {client.no}"))


def mixed(client: Client) -> None:
    """Work as eight clerks do, all over the same few goods and each other's orders."""
    end = time.monotonic() + client.plan["seconds"]
    draw, plan = client.random, client.plan
    recent: list[int] = []
    while time.monotonic() < end:
        skus = draw.sample(plan["skus"], draw.randint(1, 3))
        choice = draw.random()
        if choice < 0.35 or not recent:
            placed = client.do(place_order, client.order(*skus, confirm=draw.random() < 0.7))
            recent = [*recent[-30:], placed.order_id] if placed else recent
            continue
        order_id = draw.choice(recent) + draw.randint(-3, 3)  # often somebody else's
        if choice < 0.9:
            _work_on(client, order_id, draw.choice(ORDER_WORK))
        else:
            lines = tuple(StockLine(sku, draw.randint(1, 5)) for sku in skus)
            key = f"{client.no} {client.seen.total()}"
            if choice < 0.96:
                client.do(receive_stock, ReceiveStock(plan["warehouse"], lines, key))
            else:
                client.do(adjust_stock, AdjustStock(plan["warehouse"], lines, AdjustReason.COUNTED, key, note="x"))


def _work_on(client: Client, order_id: int, work: str) -> None:
    if work == "pay":
        _pay(client, order_id)
    elif work == "confirm":
        client.do(confirm_order, ConfirmOrder(order_id))
    elif work == "cancel":
        client.do(cancel_order, CancelOrder(order_id, CancelReason.CUSTOMER))
    elif work == "hold":
        client.do(hold_order, HoldOrder(order_id, HoldReason.ADDRESS))
    elif work == "release":
        client.do(release_hold, ReleaseHold(order_id))
    elif work == "ship":
        client.do(mark_shipped, MarkShipped(order_id))
    else:
        client.do(mark_delivered, order_id)


ORDER_WORK = ("pay", "pay", "confirm", "cancel", "hold", "release", "ship", "ship", "deliver")


def _pay(client: Client, order_id: int) -> None:
    with transaction(ACTOR) as tx:
        order = tx.session.get(Order, order_id)
        amount = order.total if order else Money(Decimal(1))
    claim = client.do(submit_claim, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),)))
    if claim:
        client.do(verify_claim, DecideClaim(claim.claim_id))


def gate(client: Client) -> None:
    """One hands over, one reverses the payment, one overrides what is missing, all at once."""
    for order_id, claim_id in client.plan["rounds"]:
        client.barrier.wait(60)
        if client.no % 3 == 0:
            client.do(mark_shipped, MarkShipped(order_id))
        elif client.no % 3 == 1:
            client.do(reverse_claim, DecideClaim(claim_id, note="taken back"))
        else:
            client.do(_override, order_id)


def _override(tx: Tx, order_id: int) -> object:
    person = replace(tx, actor=replace(tx.actor, user_id=9))
    return override_gate(person, OverrideGate(order_id, "old customer"))


def boxes(client: Client) -> None:
    """Orders that share a box: one is handed over while the other's gate closes, or both close at once."""
    for kind, orders, claims in client.plan["rounds"]:
        client.barrier.wait(60)
        if kind == "close" or client.no:
            client.do(reverse_claim, DecideClaim(claims[client.no], note="taken back"))
        else:
            client.do(mark_shipped, MarkShipped(orders[0]))


RACES: dict[str, Callable[[Client], None]] = {
    "gate": gate, "boxes": boxes,
    "last_piece": last_piece, "flash_sale": flash_sale, "numbers": numbers, "amendments": amendments, "mixed": mixed,
    **api_racers.RACES, **cod_racers.RACES, **document_racers.RACES, **packing_racers.RACES, **refund_racers.RACES,
    **return_racers.RACES, **routing_racers.RACES, **shipping_racers.RACES, **slip_racers.RACES,
}  # fmt: skip


class Undone(Exception):
    """The end of what was only rehearsed."""


class Rehearsal(Client):
    """The first client alone, before the others are there: each verb is done and taken back."""

    def __init__(self, plan: dict[str, Any]) -> None:
        super().__init__(plan | {"rounds": plan["rounds"][:1]}, 0, Mock())

    def do(self, verb: Callable[..., Any], *arguments: Any) -> Any:
        with suppress(Undone), transaction(ACTOR) as tx:
            verb(tx, *arguments)
            tx.session.flush()
            raise Undone


REHEARSED = {"last_piece", "document_issue"}  # races of very many


def _run(app: Flask, plan: dict[str, Any], no: int, barrier: Any, results: Any) -> None:
    with app.app_context():
        client = Client(plan, no, barrier)
        RACES[plan["race"]](client)
        db.session.remove()
        db.engine.dispose()
    results.put(dict(client.seen))


def _warm(plan: dict[str, Any]) -> Flask:
    """The program that all clients are forked from. What its verbs ask is put together once, not by each of forty."""
    settings = Settings(data_dir=Path(), database_url=plan["url"], secret_key="race", testing=True, web_threads=1)
    app = create_worker_app(settings)
    configure_mappers()
    if plan["race"] in REHEARSED:
        with app.app_context():
            RACES[plan["race"]](Rehearsal(plan))
            db.session.remove()
            db.engine.dispose()
    gc.freeze()
    return app


def main() -> None:
    plan = json.loads(sys.argv[1])
    app = _warm(plan)
    fork = multiprocessing.get_context("fork")
    barrier, results = fork.Barrier(plan["clients"]), fork.SimpleQueue()
    racers = [fork.Process(target=_run, args=(app, plan, no, barrier, results)) for no in range(plan["clients"])]
    for racer in racers:
        racer.start()
    seen: Seen = Counter()
    for racer in racers:
        racer.join()
        seen[f"exit {racer.exitcode}"] += 1
    while not results.empty():
        seen.update(results.get())
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
