"""What order screens share: labels and tones of states, the people orders are given to, chips of shops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app, url_for
from flask_appbuilder.security.sqla.models import User
from flask_babel import gettext
from sqlalchemy import select

from oms import clock
from oms.catalog.models import CHANNEL_LABELS, Channel, Shop
from oms.db import db
from oms.inventory.models import Warehouse
from oms.orders.states import (
    BOARD_LABELS,
    CANCEL_LABELS,
    HOLD_LABELS,
    PAYMENT_LABELS,
    TERM_LABELS,
    Board,
    HoldReason,
    PaymentStatus,
)
from oms.payments.states import CLAIM, METHOD_LABELS
from oms.permissions import ROLES
from oms.reports.worklists import BEFORE_HAND_OVER
from oms.shipping.states import SHIPMENT
from oms.thai.phone import tail_phone
from oms.usecases.sentences import unpack
from views.access import may
from views.base import current_actor
from views.filters import age, countdown, moment, money, short_moment, tr

SOON = timedelta(hours=24)
URGENT = timedelta(hours=3)

PAYMENT_TONES: dict[PaymentStatus, str] = {
    PaymentStatus.PAID: "ok",
    PaymentStatus.OVERPAID: "info",
    PaymentStatus.COD_PENDING: "info",
    PaymentStatus.COD_COLLECTED: "info",
    PaymentStatus.COD_REMITTED: "ok",
    PaymentStatus.CREDIT: "info",
    PaymentStatus.PENDING_REVIEW: "warn",
    PaymentStatus.PARTIAL: "bad",
    PaymentStatus.UNPAID: "warn",
    PaymentStatus.NOTHING_DUE: "mut",
}
BOARD_TONES: dict[Board, str] = {
    Board.ON_HOLD: "bad",
    Board.WAITING_PAYMENT: "warn",
    Board.SLIP_WAITING: "warn",
    Board.SHORT_PAYMENT: "bad",
    Board.WAITING_STOCK: "warn",
    Board.READY: "ok",
    Board.PICKING: "acc",
    Board.PACKED: "acc",
    Board.LABELED: "acc",
    Board.HANDED_OVER: "info",
    Board.OUT_FOR_DELIVERY: "info",
    Board.DELIVERY_PROBLEM: "bad",
    Board.RETURNING: "bad",
    Board.CAME_BACK: "warn",
    Board.DELIVERED: "ok",
    Board.COD_OUTSTANDING: "info",
    Board.COMPLETED: "ok",
}


@dataclass(frozen=True)
class Due:
    """The ship-by moment as a clerk reads it."""

    text: str
    tone: str


def due(row: Any) -> Due | None:
    """How urgent an order is: a countdown in the last day, the time before, nothing once goods have left."""
    ship_by: datetime | None = row.ship_by
    if ship_by is None or row.board not in BEFORE_HAND_OVER:
        return None
    left = ship_by - clock.now()
    if left > SOON:
        return Due(short_moment(ship_by), "")
    return Due(countdown(ship_by), "bad" if left < URGENT else "warn")


def payment_pill(row: Any) -> tuple[str, str]:
    """(label, tone) of the money state; the platform's own guarantee is named as such."""
    if row.payment_status is PaymentStatus.CREDIT and row.payment_term.value == "marketplace":
        return TERM_LABELS[row.payment_term], "ok"
    return PAYMENT_LABELS[row.payment_status], PAYMENT_TONES.get(row.payment_status, "mut")


def role_words(names: str) -> str:
    """Role names as the audit log keeps them, in words."""
    labels = {role.name: tr(role.label) for role in ROLES}
    return ", ".join(labels.get(name, name) for name in names.split(", ") if name not in {"", "system"})


def hold_label(value: str) -> str:
    """A stored hold reason in words."""
    return tr(HOLD_LABELS[HoldReason(value)])


def people() -> list[tuple[int, str]]:
    """The active logins, by name: whom an order can be given to."""
    rows = db.session.execute(
        select(User.id, User.first_name, User.last_name, User.username)
        .where(User.active.is_(True))
        .order_by(User.first_name, User.id)
        .limit(500)
    )
    return [(row.id, f"{row.first_name} {row.last_name}".strip() or row.username) for row in rows]


def person_name(user_id: int) -> str:
    """The name of an active login, empty when there is none."""
    return dict(people()).get(user_id, "")


def shops() -> dict[int, Shop]:
    """The shops this person sees, by id."""
    actor = current_actor()
    found = db.session.scalars(select(Shop).order_by(Shop.channel, Shop.code))
    return {shop.id: shop for shop in found if actor.sees_shop(shop.id)}


def warehouses() -> dict[int, Warehouse]:
    """The warehouses this person sees, by id."""
    actor = current_actor()
    found = db.session.scalars(select(Warehouse).order_by(Warehouse.rank, Warehouse.code))
    return {place.id: place for place in found if actor.sees_warehouse(place.id)}


@dataclass(frozen=True)
class Chip:
    text: str
    url: str
    on: bool
    count: int | None = None


def channel_groups(counts: Mapping[int, int], known: Mapping[int, Shop]) -> list[tuple[Channel, int]]:
    """Orders per channel, the fullest first."""
    found: dict[Channel, int] = {}
    for shop_id, n in counts.items():
        if shop_id in known:
            found[known[shop_id].channel] = found.get(known[shop_id].channel, 0) + n
    return sorted(found.items(), key=lambda item: -item[1])


def sequence_text(first: int, shown: int, total_text: str) -> str:
    """``1-50 of 86`` in the reader's language."""
    return gettext("%(first)s–%(last)s of %(total)s", first=first, last=first + shown - 1, total=total_text)


def options(labels: Mapping[Any, str]) -> Sequence[tuple[str, str]]:
    """A table of labels as (value, translated text) for a drop-down."""
    return [(key.value, tr(label)) for key, label in labels.items()]


@dataclass(frozen=True)
class RowText:
    """One order as a list shows it, every word ready: fifty of these are cheaper than fifty templates."""

    id: int
    url: str
    number: str
    external_no: str
    channel: str
    channel_text: str
    name: str
    place: str
    phone: str
    items: str
    tags: Sequence[str]
    owner: str
    total: str
    money: tuple[str, str]
    board: tuple[str, str]
    holds: Sequence[str]
    is_held: bool
    due: Due | None
    age: str
    placed: str
    sent_from: str
    is_urgent: bool


def row_texts(rows: Sequence[Any]) -> list[RowText]:
    """The rows of a list in the reader's language; each label is translated once."""
    words: dict[str, str] = {}

    def say(label: str) -> str:
        if label not in words:
            words[label] = tr(label)
        return words[label]

    prices = may("order.price")
    base = url_for("OrderView.show", pk=0).removesuffix("0")
    found = []
    for row in rows:
        label, tone = payment_pill(row)
        found.append(
            RowText(
                id=row.id, url=f"{base}{row.id}", number=row.number, external_no=row.external_no or "",
                channel=row.channel.value, channel_text=say(CHANNEL_LABELS[row.channel]), name=row.ship_name,
                place=row.ship_province, phone=tail_phone(row.ship_phone), items=row.items_summary, tags=row.tags,
                owner=row.owner, total=money(row.total) if prices else "", money=(say(label), tone),
                board=(say(BOARD_LABELS[row.board]), BOARD_TONES.get(row.board, "mut")),
                holds=[say(HOLD_LABELS[HoldReason(h)]) for h in row.hold_reasons],
                is_held=row.board is Board.ON_HOLD, due=due(row), age=age(row.placed_at), placed=moment(row.placed_at),
                sent_from=tr(unpack(row.warehouse_reason)), is_urgent=row.is_urgent,
            )
        )  # fmt: skip
    return found


def local_input(value: datetime | None) -> str:
    """A moment as a browser's date and time field takes it."""
    return clock.local(value).strftime("%Y-%m-%dT%H:%M") if value else ""


def slip_url(slip_id: int) -> str:
    """Where a slip is looked at; empty while no such screen is there."""
    if "SlipReviewView.review" not in current_app.view_functions or not may("payment.claim"):
        return ""
    return url_for("SlipReviewView.review", slip_id=slip_id)


def install(app: Flask) -> None:
    """Give the templates the labels."""
    app.jinja_env.filters["hold_word"] = hold_label
    app.jinja_env.globals.update(
        BOARD_LABELS=BOARD_LABELS, BOARD_TONES=BOARD_TONES, CHANNEL_LABELS=CHANNEL_LABELS, HOLD_LABELS=HOLD_LABELS,
        CANCEL_LABELS=CANCEL_LABELS, TERM_LABELS=TERM_LABELS, METHOD_LABELS=METHOD_LABELS,
        CLAIM_LABELS=CLAIM.labels, SHIPMENT_LABELS=SHIPMENT.labels,
        order_due=due, row_texts=row_texts, role_words=role_words, payment_pill=payment_pill, hold_label=hold_label,
        options=options, local_input=local_input, slip_url=slip_url,
    )  # fmt: skip
