"""A shop whose messages go to simulated providers on their own ports, and a worker that sends them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from flask import Flask
from sqlalchemy import select, text

from jobs.relay import carry_out
from jobs.schedule import MESSAGES
from oms import clock, outbox
from oms.actor import system
from oms.customers.models import Customer, CustomerIdentity, IdentityKind
from oms.db import db, transaction
from oms.net.kept import Kept
from oms.net.transport import Patience
from oms.notifications.catalogue import Event, Route
from oms.notifications.models import Message, MessageAccount, MessageSettings, Notice
from oms.notifications.registry import open_sender
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.orders_place import PlaceOrder, place_order
from tests.shop import SmallShop, small_shop
from views.sandbox.messages import LineSandbox, MetaSandbox, SmsMktSandbox, ThaiBulkSmsSandbox
from views.sandbox.server import running

WHO = system("test")
IMPATIENT = Patience(connect=1.0, read=0.6, whole=2.0)
_TURNS = itertools.count(1)
MADE: dict[Route, type[Any]] = {
    Route.LINE: LineSandbox, Route.THAIBULKSMS: ThaiBulkSmsSandbox, Route.SMSMKT: SmsMktSandbox,
    Route.MESSENGER: MetaSandbox, Route.INSTAGRAM: MetaSandbox,
}  # fmt: skip
SETTINGS: dict[Route, tuple[dict[str, str], dict[str, str]]] = {
    Route.LINE: ({}, {"access_token": "LINE-token", "channel_secret": "linechannelsecret"}),
    Route.THAIBULKSMS: ({"sender": "RUAM"}, {"api_key": "apikey", "api_secret": "apisecret"}),
    Route.SMSMKT: ({"sender": "RUAM"}, {"api_key": "mktkey", "secret_key": "mktsecret"}),
    Route.MESSENGER: ({"page_id": "1234567890"}, {"access_token": "EAAtoken", "app_secret": "metaappsecret"}),
    Route.INSTAGRAM: ({"page_id": "1234567890"}, {"access_token": "EAAtoken", "app_secret": "metaappsecret"}),
    Route.EMAIL: ({"sender": "shop@example.com", "security": "plain"}, {}),
    Route.COPY: ({}, {}),
}


class Mailbox:
    """What a real SMTP server took; ``say`` answers the next letters otherwise."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.say: list[str] = []
        self.at_rcpt: list[str] = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  the library's name
        if self.at_rcpt:
            return self.at_rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  the library's name
        said = self.say.pop(0) if self.say else ""
        if said and not said.startswith("250"):
            return said
        self.letters.append(envelope)
        if said == "250 silence":
            session.peer = None
            server.transport.close()
        return "250 OK"


@contextmanager
def mail_server(mailbox: Mailbox, password: str = "") -> Iterator[str]:
    """The address of a mail server on this machine."""

    def login(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and data.password.decode() == password
        return AuthResult(success=good, handled=False)

    more = {"authenticator": login, "auth_require_tls": False} if password else {}
    controller = Controller(mailbox, hostname="127.0.0.1", port=0, **more)
    # the library asks its own port; a free one is taken first
    from tests.live import free_port

    controller.port = free_port()
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()


class Office:
    """The shop, its routes, and a worker."""

    def __init__(self, app: Flask, stack: ExitStack) -> None:
        self.app, self.stack = app, stack
        self.stages: dict[Route, Any] = {}
        self.mail = Mailbox()
        stack.callback(self._close)
        app.extensions["oms.senders"] = Kept(lambda c, h, s: open_sender(c, h, s, IMPATIENT))
        with transaction(WHO) as tx:
            self.shop: SmallShop = small_shop(tx, pieces=5000)
            tx.session.add(MessageSettings(id=1, events_off=[], quiet_from=0, quiet_to=0))

    def _close(self) -> None:
        self.app.extensions.pop("oms.senders").close()

    def route(self, route: Route, **facts: Any) -> int:
        """Switch a route on; returns its account."""
        if route is Route.EMAIL:
            host = self.stack.enter_context(mail_server(self.mail))
        elif route in MADE:
            sandbox = self.stages[route] = MADE[route]()
            host = self.stack.enter_context(running(sandbox))
        else:
            host = ""
        options, secrets = SETTINGS[route]
        given = {"options": options, "secrets": secrets} | facts
        with transaction(WHO) as tx:
            wanted = RouteFacts(
                route.value, facts.pop("name", route.value), host, **{k: v for k, v in given.items() if k != "name"}
            )
            return create_route(tx, wanted, self.app.extensions["oms.sealer"]).id

    def buyer(self, order_id: int, kind: IdentityKind, external_id: str) -> int:
        """The buyer of an order is known under this id too; returns the customer."""
        with transaction(WHO) as tx:
            order = tx.session.get_one(Order, order_id)
            tx.session.add(CustomerIdentity(customer_id=order.customer_id, kind=kind, external_id=external_id))
            return order.customer_id

    def email(self, order_id: int, address: str) -> None:
        with transaction(WHO) as tx:
            customer_id = tx.session.get_one(Order, order_id).customer_id
            tx.session.get_one(Customer, customer_id).email = address

    def place(self, *, line: str = "", email: str = "", phone: str = "", **facts: Any) -> int:
        """A confirmed order of a buyer of its own; nobody has been told yet."""
        turn = next(_TURNS)
        cmd: PlaceOrder = self.shop.order(**({"confirm": True} | facts))
        from dataclasses import replace

        cmd = replace(cmd, ship_to=replace(cmd.ship_to, phone=phone or f"08{turn:08d}", name=f"ผู้ซื้อ {turn}"))
        with transaction(WHO) as tx:
            placed = place_order(tx, cmd)
        if line:
            self.buyer(placed.order_id, IdentityKind.LINE, line)
        if email:
            self.email(placed.order_id, email)
        return placed.order_id

    def work(self, *topics: str, later: timedelta | None = None) -> int:
        """Carry out what is due, until nothing is; returns how many rows were finished."""
        done = 0
        while True:
            with transaction(WHO) as tx:
                rows = [d for d in outbox.due(tx, 500) if not topics or d.topic in topics]
            finished = sum(carry_out(row.id) for row in rows)
            done += finished
            if not finished:
                return done

    def later(self, how_long: timedelta) -> Any:
        """Some time has passed."""
        return clock.at(clock.now() + how_long)

    def messages(self, order_id: int | None = None, event: Event | None = None) -> list[Message]:
        db.session.rollback()
        rows = select(Message).order_by(Message.id).execution_options(populate_existing=True)
        if order_id is not None:
            rows = rows.where(Message.order_id == order_id)
        if event is not None:
            rows = rows.where(Message.event == event)
        return list(db.session.scalars(rows))

    def notices(self, order_id: int | None = None) -> list[Notice]:
        db.session.rollback()
        rows = select(Notice).order_by(Notice.id).execution_options(populate_existing=True)
        if order_id is not None:
            rows = rows.where(Notice.order_id == order_id)
        return list(db.session.scalars(rows))

    def account(self, route: Route) -> MessageAccount:
        db.session.rollback()
        rows = select(MessageAccount).where(MessageAccount.route == route).execution_options(populate_existing=True)
        return db.session.scalars(rows).one()

    def taken(self, route: Route) -> list[Any]:
        """What the provider's own books say."""
        return self.stages[route].book.messages

    def stuck(self) -> int:
        db.session.rollback()
        rows = select(Outbox).where(Outbox.status == OutboxStatus.NEEDS_PERSON)
        return len(db.session.scalars(rows).all())

    def ready_again(self) -> None:
        """Leases end and pauses are over: for tests that do not wait."""
        with transaction(WHO) as tx:
            tx.session.execute(
                text("UPDATE messages SET lease_until = now() - interval '1 second' WHERE state = 'sending'")
            )
            tx.session.execute(
                text("UPDATE messages SET next_try_at = now() - interval '1 second' WHERE state = 'queued'")
            )
            tx.session.execute(text("UPDATE message_accounts SET closed_until = NULL"))
            outbox.add(tx, MESSAGES, f"{MESSAGES}@test{next(_TURNS)}")  # a minute has passed
            tx.session.execute(
                text(
                    "UPDATE outbox SET next_try_at = now() - interval '1 second', lease_until = NULL WHERE status IN ('waiting','running')"
                )
            )


def user(n: int) -> str:
    """A LINE user id."""
    return f"U{n:032x}"


def office_of(app: Flask) -> Iterator[Office]:
    """An office that is closed afterwards."""
    with ExitStack() as stack:
        yield Office(app, stack)
