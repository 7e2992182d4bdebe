"""What the entry screen asks while it is typed in: people, places, products, and what the order would come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import jsonify, request
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.catalog import finding
from oms.customers import queries as people
from oms.customers.models import CustomerAddress
from oms.db import Tx
from oms.errors import Say, say
from oms.inventory.availability import Place, available, places
from oms.thai.addresses import Area, area_line, suggest
from oms.thai.reading import take_apart
from oms.usecases.orders_preview import LinePreview, Preview, PreviewOrder, preview_order
from oms.usecases.privacy import customer_chosen
from views import order_entry_form
from views.base import OmsView, current_actor, may, page, unit
from views.filters import language, masked, money, phone, tr
from views.order_entry import order_url, shop_choices
from views.order_entry_form import Reading, Typed

_LONGEST = 300  # characters of a search; more is a paste into the wrong box
_LONGEST_PASTE = 2000


def _number(stored: str) -> str:
    """A number as it is put into the form of a new order."""
    return phone(stored, whole=may("customer.phone")) if stored else ""


def _asked(most: int = _LONGEST) -> str:
    return request.args.get("q", "")[:most]


def _address(address: CustomerAddress) -> dict[str, str]:
    """An address as the screen fills it in."""
    area = area_line(address.subdistrict, address.district, address.province, address.postcode)
    return {
        "name": address.recipient,
        "phone": _number(address.phone),
        "line": address.line,
        "subdistrict": address.subdistrict,
        "district": address.district,
        "province": address.province,
        "postcode": address.postcode,
        "text": f"{address.recipient} · {address.line} {area}",
    }


def _place(area: Area) -> dict[str, Any]:
    return {
        "id": area.code,
        "text": area.label("th").rsplit(" ", 1)[0],
        "hint": f"{area.label('en').rsplit(' ', 1)[0]} · {' / '.join(area.postcodes)}",
        "subdistrict": area.subdistrict,
        "district": area.district,
        "province": area.province,
        "postcodes": area.all_postcodes,
    }


class OrderEntryLookupView(OmsView):
    """JSON for the entry screen. Everything is limited to the rows the person may see."""

    route_base = "/entry/ask"
    requires = "order.create"

    @page("/customers")
    def customers(self) -> Response:
        """People by a part of phone, name or chat name; numbers by their last digits until one is chosen."""
        with unit() as tx:
            tx.actor.require("customer.view")
            hits = people.search(tx.session, _asked())
            items = [
                {
                    "id": hit.id,
                    "text": hit.name,
                    "hint": " · ".join([masked(hit.phone), *(v for k, v in hit.identities if k.value != "phone")]),
                }
                for hit in hits
            ]
        return jsonify(items=items)

    @page("/person")
    def person(self) -> Response:
        """The one who was chosen, with number and addresses for the form; that they were seen is on record."""
        asked = _asked()
        with unit() as tx:
            chosen = customer_chosen(tx, int(asked[:18]) if asked.isascii() and asked.isdecimal() else 0)
            addresses = people.addresses_of(tx.session, [chosen.id]).get(chosen.id, [])
            return jsonify(
                phone=_number(chosen.phone) if may("customer.phone") else "",
                addresses=[_address(address) for address in addresses],
            )

    @page("/places")
    def places(self) -> Response:
        """Subdistricts by any part of their names or postcodes."""
        return jsonify(items=[_place(area) for area in suggest(_asked())])

    @page("/apart")
    def apart(self) -> Response:
        """A pasted address taken apart."""
        pasted = take_apart(_asked(_LONGEST_PASTE))
        return jsonify(items=[_place(area) for area in pasted.areas], phones=pasted.phones, rest=pasted.rest)

    @page("/skus")
    def skus(self) -> Response:
        """Products by code, barcode or a part of their names, with what is free in each warehouse."""
        with unit() as tx:
            hits = finding.search(tx.session, _asked())
            stock = places(tx.session, tx.actor)
            free = available(tx.session, [hit.id for hit in hits], [place.id for place in stock])
            items = [sku_item(hit, free[hit.id], stock) for hit in hits]
        return jsonify(items=items)

    @page("/preview", methods=("POST",))
    def preview(self) -> Response:
        """What the form would come to: the server's own arithmetic, its warnings, and orders that look the same."""
        typed = order_entry_form.read(request.form)
        draft = request.form.get("draft_id", "")
        with unit() as tx:
            reading = Reading(typed)
            found = _preview(tx, typed, reading, int(draft) if draft.isdecimal() else None)
            problems = [*reading.problems, *found.problems]
            return jsonify(
                lines=[_line(line) for line in found.lines],
                goods=money(found.goods_total),
                total=money(found.total),
                percent=f"{found.percent:.1f}",
                over_limit=found.over_limit,
                over_text=tr(_over_limit(found)),
                problems=[{"field": p.field or "", "message": tr(p.message)} for p in problems],
                warnings=[{"field": p.field or "", "message": tr(p.message)} for p in found.warnings],
                twins=[{"number": t.number, "url": order_url(t.id), "total": money(t.total)} for t in found.twins],
                known=_known(found),
                language=language(),
            )


def sku_item(hit: finding.SkuHit, free: Mapping[int, int], stock: Sequence[Place]) -> dict[str, Any]:
    """A product as the screen adds it to the order, with what is free in each warehouse."""
    return {
        "id": hit.id,
        "sku": hit.code,
        "name": _called(hit),
        "text": f"{hit.code} · {_called(hit)}",
        "price": money(hit.price, sign=False) if may("order.price") else "",
        "hint": " · ".join(f"{place.code} {free.get(place.id, 0):,}" for place in stock),
        "free": {str(place): count for place, count in free.items()},
        "exact": hit.exact,
    }


def _called(hit: finding.SkuHit) -> str:
    """The name with its option, once."""
    return hit.name if hit.option in hit.name else f"{hit.name} {hit.option}"


def _line(line: LinePreview) -> dict[str, Any]:
    total = "–" if line.total is None else money(line.total, sign=False)
    return {
        "sku_id": line.sku_id,
        "total": total,
        "short": line.is_short,
        "price": "" if line.listed is None or not may("order.price") else money(line.listed, sign=False),
        "why": gettext("Price of %(group)s", group=line.group) if line.group else "",
        "free": {str(place): count for place, count in line.free.items()},
    }


def _over_limit(found: Preview) -> Say:
    """Why the confirm button will refuse."""
    limit = current_actor().discount_limit
    return say("This is {percent}% off; your limit is {limit}%", percent=f"{found.percent:.1f}", limit=limit)


def _known(found: Preview) -> dict[str, Any] | None:
    """Whose phone was typed."""
    if found.known is None:
        return None
    hint = gettext("This phone belongs to %(name)s", name=found.known.name)
    return {"id": found.known.id, "text": found.known.name, "hint": hint}


def _preview(tx: Tx, typed: Typed, reading: Reading, draft_id: int | None) -> Preview:
    """The preview of a form; what cannot be read counts as empty and is among the reading's problems."""
    lines = reading.lines(finding.by_codes(tx.session, [row.sku for row in typed.lines]))
    ship_to = reading.ship_to()
    goods = order_entry_form.goods_before_discount(tx.session, typed, lines)
    cmd = PreviewOrder(
        lines=lines,
        ship_to=ship_to,
        warehouse_id=reading.number("warehouse_id") or _shop_warehouse(typed),
        customer_id=reading.number("customer_id"),
        discount=reading.money(typed.discount, "discount", goods),
        shipping_fee=reading.money(typed.shipping_fee, "shipping_fee"),
        draft_id=draft_id,
    )
    return preview_order(tx, cmd)


def _shop_warehouse(typed: Typed) -> int | None:
    return next((shop.warehouse_id for shop in shop_choices() if str(shop.id) == typed.shop_id), None)


VIEWS = (OrderEntryLookupView,)
