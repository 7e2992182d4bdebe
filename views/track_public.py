"""The public page of an order's parcels: for whoever has its link, without a login, without a script, masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, render_template, request, session
from flask_babel import force_locale, get_locale, gettext
from werkzeug.wrappers import Response

from oms.actor import system
from oms.db import Tx, transaction
from oms.errors import NotFound
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.reports.parcels import PublicParcel, public_parcels
from oms.usecases.tracking_links import open_link
from views import web

ENDPOINT = "public_parcel"
LANGUAGES = ("th", "en")
RATE = "60 per minute"  # of one reader: enough for people, little for guessing 128 bits


@dataclass(frozen=True)
class Shown:
    """What a stranger with the link sees of an order."""

    number: str
    shop: str
    contact: str
    who: str
    where: str
    pieces: int
    placed_at: datetime
    cash: Money
    board: str
    parcels: Sequence[PublicParcel]


def masked(name: str) -> str:
    """A name as the buyer recognizes it and nobody else reads it: the first letters of each part."""
    return " ".join(part[:2] + "***" for part in name.split()[:3])


def language() -> str:
    """The asked language, else the browser's, else Thai."""
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "th"


def _shown(tx: Tx, order: Order) -> Shown:
    parcels = public_parcels(tx, order.id)
    contact = order.shop.contact_url
    return Shown(
        order.number, order.shop.name, contact if contact.startswith("https://") and "{" not in contact else "",
        masked(order.ship_name), " ".join(x for x in (order.ship_district, order.ship_province) if x),
        order.item_count, order.placed_at, sum((p.cash for p in parcels), start=ZERO), order.board.value, parcels,
    )  # fmt: skip


def parcel(token: str) -> Response:
    """The page, or one answer for every link that leads nowhere."""
    shown, status = None, 200
    get_locale()  # asked once, so that nobody asks later and marks the session as changed
    try:
        with transaction(system("public page", source="public")) as tx:
            shown = _shown(tx, open_link(tx, token))
    except NotFound:
        status = 404
    spoken = language()
    with force_locale(spoken):
        title = gettext("Your parcel") if shown else gettext("This link is not valid any more")
        text = render_template("public/parcel.html", title=title, shown=shown, spoken=spoken, token=token)
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Content-Language"] = spoken
    response.headers["Vary"] = "Accept-Language"
    session.modified = False  # a stranger gets no cookie
    return response


def install(app: Flask) -> None:
    """The address, open to all who have a link."""
    limited = app.appbuilder.sm.limiter.limit(RATE)(parcel)  # type: ignore[attr-defined]
    app.add_url_rule("/t/<token>", ENDPOINT, limited, methods=["GET"])
    web.public(app, ENDPOINT)
