"""The demo shop speaks: its message routes lead to played providers, people write to its chats, and buyers of its live
orders hear what they would have heard.

Only while no route to anything real is set up; what is played says so wherever it shows.
"""

from __future__ import annotations

import http.client
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Flask
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.catalog.models import Channel, Shop, Sku
from oms.customers.models import Customer, IdentityKind
from oms.db import Tx, transaction
from oms.inventory.models import StockLevel
from oms.notifications.catalogue import Event, Route
from oms.notifications.models import MessageAccount, MessageSettings
from oms.orders.models import Order
from oms.orders.states import OrderStatus, PaymentStatus
from oms.sealing import Sealer
from oms.usecases.customers import AddIdentity, IdentityInput, add_identity
from oms.usecases.masters import Edit
from oms.usecases.message_routes import RouteFacts, Rules, create_route, edit_route, save_rules
from oms.usecases.notices import ONCE, tell
from views.sandbox.messages import LineSandbox, MetaSandbox, SmsMktSandbox, ThaiBulkSmsSandbox

log = logging.getLogger(__name__)
WHO = system("demo", source="cli")
PAUSE: Final = 75.0  # seconds between two messages somebody writes
CHATS: Final = (Channel.LINE, Channel.FACEBOOK, Channel.INSTAGRAM)
TOLD: Final = 14  # live orders whose buyers hear at once
LINKED: Final = 4  # of them, buyers whose LINE is known
PEOPLE: Final = ("Nan 🌷", "คุณเอ๋ สายบุญ", "Ploy_P", "พี่หมู ร้านชำ", "แม่น้องข้าวหอม", "Beer Th.")
LINES: Final = (
    "สวัสดีค่ะ {a} ยังมีไหมคะ",
    "รับ {a} 2 ชิ้นค่ะ โอนเลย\nพรทิพย์ มีสุข 0820004411\n88/12 หมู่ 5 ต.บางพูด อ.ปากเกร็ด นนทบุรี 11120",
    "{a} 1 {b} 1 เก็บปลายทางนะครับ\nส่ง วีระ ทองดี 0890007733 9/1 ม.3 ต.ในเมือง อ.เมือง ขอนแก่น 40000",
    "ของถึงแล้วค่ะ ขอบคุณมากนะคะ",
    "สั่งเพิ่ม {b} 3 ชิ้นครับ ส่งที่อยู่เดิม",
    "ถ้าซื้อ {a} 5 ชิ้น ลดได้ไหมคะ",
)


def _user(number: int) -> str:
    return f"U{number:032x}"


@dataclass
class Phones:
    """The played providers, and whose hook is which."""

    line: LineSandbox = field(default_factory=LineSandbox)
    meta: MetaSandbox = field(default_factory=MetaSandbox)
    hooks: dict[Route, str] = field(default_factory=dict)
    goods: tuple[str, ...] = ()
    turn: int = 0

    def __post_init__(self) -> None:
        self.bulk, self.mkt = ThaiBulkSmsSandbox(), SmsMktSandbox()
        self.bulk.book.credit = self.mkt.book.credit = 100_000
        self.line.book.names = {_user(n): name for n, name in enumerate(PEOPLE, 1)}
        self.meta.book.names = {"24680135791": "สุดา ใจงาม", "24680135792": "Mark Somboon"}
        self.meta.open_to |= set(self.meta.book.names)

    @property
    def mounted(self) -> dict[str, Any]:
        """Each provider below its name."""
        return {"msg-line": self.line, "msg-meta": self.meta, "msg-bulk": self.bulk, "msg-mkt": self.mkt}


def speak(app: Flask, phones: Phones, address: str, panel: str) -> None:
    """Set the routes up, or lead them to where the providers are now; the first time, buyers of live orders hear."""
    sealer: Sealer = app.extensions["oms.sealer"]
    with transaction(WHO) as tx:
        known = tx.session.scalars(select(MessageAccount).order_by(MessageAccount.id)).all()
        if any(row.host and not row.is_play for row in known):
            return
        for facts in _routes(tx, address):
            _lead(tx, facts, known, sealer)
        rows = tx.session.scalars(select(MessageAccount).where(MessageAccount.is_active))
        phones.hooks = {row.route: row.hook_token for row in rows if row.is_play}
        phones.goods = _goods(tx)
    if not known:
        with transaction(WHO) as tx:
            _say_rules(tx, panel)
            _tell_live(tx, phones)


def _routes(tx: Tx, address: str) -> list[RouteFacts]:
    shops = dict(tx.session.execute(select(Shop.code, Shop.id)).all())
    keys, page = {"access_token": "LINE-token", "channel_secret": "linechannelsecret"}, {"page_id": "1234567890"}
    meta = {"access_token": "EAAtoken", "app_secret": "metaappsecret"}
    found = [
        RouteFacts(Route.LINE.value, "LINE OA @ruammit", f"{address}/msg-line", secrets=keys),
        RouteFacts(Route.MESSENGER.value, "เพจ Ruammit", f"{address}/msg-meta", options=page, secrets=meta),
        RouteFacts(Route.COPY.value, "ทีมตอบแชต"),
    ]
    sms = (
        ("web", Route.THAIBULKSMS, "SMS ร้านหน้าเว็บ", "msg-bulk", {"api_key": "apikey", "api_secret": "apisecret"}),
        (
            "line-shopping",
            Route.SMSMKT,
            "SMS LINE SHOPPING",
            "msg-mkt",
            {"api_key": "mktkey", "secret_key": "mktsecret"},
        ),
    )
    return found + [
        RouteFacts(
            route.value, name, f"{address}/{path}", shops[shop], options={"sender": "RUAM"}, secrets=secrets
        )
        for shop, route, name, path, secrets in sms
        if shop in shops
    ]  # fmt: skip


def _lead(tx: Tx, facts: RouteFacts, known: Sequence[MessageAccount], sealer: Sealer) -> None:
    """Set a route up once; afterwards only its port may be another one."""
    row = next((r for r in known if r.route.value == facts.route and r.name == facts.name), None)
    if row is None and not known:
        create_route(tx, facts, sealer)
    elif row is not None and row.is_active and row.host != facts.host:
        edit_route(tx, Edit(row.id, row.version), facts, sealer)


def _say_rules(tx: Tx, panel: str) -> None:
    """Messages leave at any hour, with links to this panel where its address can be one."""
    if tx.session.get(MessageSettings, 1) is None:
        local = panel.startswith(("https://", "http://localhost", "http://127.0.0.1"))
        save_rules(tx, Rules(frozenset(Event), 0, 0, panel if local else ""))


def _tell_live(tx: Tx, phones: Phones) -> None:
    """What buyers of the latest open chat orders would have heard; some of them are known on LINE."""
    rows = tx.session.scalars(
        select(Order)
        .where(
            Order.channel.in_(CHATS), Order.status == OrderStatus.CONFIRMED, Order.closed_at.is_(None),
            Order.customer_id.is_not(None),
        )
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(TOLD)
    ).all()  # fmt: skip
    for number, order in enumerate([o for o in rows if o.channel is Channel.LINE][:LINKED], len(PEOPLE) + 1):
        person = tx.session.get_one(Customer, order.customer_id)
        phones.line.book.names[_user(number)] = person.name
        add_identity(tx, AddIdentity(person.id, IdentityInput(IdentityKind.LINE, _user(number), person.name)))
    paid = [o for o in rows if o.payment_status is PaymentStatus.PAID]
    tell(tx, Event.CONFIRMED, [(o.id, ONCE) for o in rows])
    tell(tx, Event.PAID, [(o.id, ONCE) for o in paid])


def _goods(tx: Tx) -> tuple[str, ...]:
    """Codes of goods that are on the shelf, as buyers copy them from posts."""
    rows = select(Sku.code).join(StockLevel, StockLevel.sku_id == Sku.id).where(
        Sku.is_active, Sku.is_bundle.is_(False), StockLevel.on_hand - StockLevel.reserved > 5
    )  # fmt: skip
    return tuple(dict.fromkeys(tx.session.scalars(rows.order_by(Sku.code).limit(40))))


def write_until(stop: threading.Event, phones: Phones, panel: str) -> None:
    """People write: all of them at the start, then one now and then, until told to stop."""
    if not phones.hooks or len(phones.goods) < 2:
        stop.wait()
        return
    waiting = 8
    while not stop.wait(2.0 if waiting else PAUSE):
        if _write(phones, panel):
            waiting = max(waiting - 1, 0)


def _write(phones: Phones, panel: str) -> bool:
    """One message, as its platform tells of it; False while the panel does not answer."""
    turn, goods = phones.turn, phones.goods
    text = LINES[turn % len(LINES)].format(a=goods[turn % len(goods)], b=goods[(turn + 1) % len(goods)])
    at = int(clock.now().timestamp() * 1000)
    told = f"demo-{at}"
    if turn % 4 == 3 and Route.MESSENGER in phones.hooks:
        route, users = Route.MESSENGER, sorted(phones.meta.book.names)
        said = {
            "sender": {"id": users[turn // 4 % len(users)]},
            "timestamp": at,
            "message": {"mid": told, "text": text},
        }
        body, head = phones.meta.webhook([said])
    else:
        route, user = Route.LINE, _user(turn % len(PEOPLE) + 1)
        event = {
            "type": "message", "mode": "active", "timestamp": at, "source": {"type": "user", "userId": user},
            "message": {"id": told, "type": "text", "text": text},
        }  # fmt: skip
        body, head = phones.line.webhook([event])
    if route not in phones.hooks:
        return False
    wanted = urllib.request.Request(f"{panel}/hooks/messages/{phones.hooks[route]}", body, head)  # noqa: S310  our own panel
    try:
        with urllib.request.urlopen(wanted, timeout=10):  # noqa: S310
            phones.turn += 1
            return True
    except (urllib.error.URLError, http.client.HTTPException, OSError) as silence:
        log.info("the panel does not hear chats yet: %s", silence)
        return False
