"""The public page of an order's parcels: for whoever has its link, without a login, without a script, masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.actor import system
from oms.db import Tx, transaction
from oms.errors import NotFound
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.reports.parcels import PublicParcel, public_parcels
from oms.usecases.tracking_links import open_link
from views.public_pages import masked, open_to_all, public_page

ENDPOINT = "public_parcel"


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
    shown: Shown | None = None
    try:
        with transaction(system("public page", source="public")) as tx:
            shown = _shown(tx, open_link(tx, token))
    except NotFound:
        return gone()
    return public_page("public/parcel.html", 200, lambda: gettext("Your parcel"), shown=shown, token=token)


def gone() -> Response:
    """The one answer for every link that leads nowhere."""
    return public_page("public/gone.html", 404, lambda: gettext("This link is not valid any more"))


def install(app: Flask) -> None:
    """The address, open to all who have a link."""
    open_to_all(app, "/t/<token>", ENDPOINT, parcel)
