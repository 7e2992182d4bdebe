"""How an order leaves Lazada: packed, ready to ship, labeled, or canceled; piece by piece, told together."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from oms.channels.asking import fetch_pdf, refused, silent, too_late, unknown, unreadable
from oms.channels.lazada.calls import Calls, inner
from oms.channels.port import ChannelRefused, Shipping
from oms.channels.reading import rows
from oms.net.reading import is_pdf, words
from oms.net.silence import Silence
from oms.net.transport import Transport

Row = Mapping[str, Any]
TO_PACK = frozenset({"pending", "topack", "repacked"})
PACKED = frozenset({"packed"})
READY = frozenset({"ready_to_ship", "ready_to_ship_pending", "toship"})
BEFORE = TO_PACK | PACKED | READY | {"unpaid"}


def items_of(calls: Calls, number: str) -> list[Row]:
    """The pieces of an order. Raises ChannelUnknown."""
    if not number.isdecimal():
        raise unknown()
    found = calls.get("/order/items/get", order_id=number)
    if not isinstance(found, list):
        raise unreadable()
    return rows(found)


def status(item: Row) -> str:
    """How far a piece is."""
    return words(item.get("status")).lower()


def _ours(items: Sequence[Row]) -> list[Row]:
    """Pieces that we send by Lazada's own way; others are sent by its warehouse or by our own car."""
    marks = ("is_fbl", "delivery_option_sof", "is_reroute")
    return [i for i in items if all(words(i.get(mark)) in {"", "0"} for mark in marks)]


def pack(calls: Calls, number: str) -> Shipping:
    """Have a parcel made for everything that waits; what is packed stays packed."""
    items = items_of(calls, number)
    waiting = [i for i in _ours(items) if status(i) in TO_PACK]
    if not waiting:
        if any(status(i) == "unpaid" for i in items):
            raise refused("unpaid", "unpaid")
        return _shipping(items)
    wanted = {
        "pack_order_list": [{"order_id": int(number), "order_item_list": [_id(i) for i in waiting]}],
        "delivery_type": "dropship", "shipping_allocate_type": "TFS",
    }  # fmt: skip
    answer = calls.post("/order/fulfill/pack", packReq=json.dumps(wanted))
    told = [i for o in rows(inner(answer, "data").get("pack_order_list")) for i in rows(o.get("order_item_list"))]
    bad = [i for i in told if words(i.get("item_err_code")) not in {"", "0"}]
    if bad or not told:
        items = items_of(calls, number)  # "packed already" is an error too
        if any(status(i) in TO_PACK for i in _ours(items)):
            raise _packing_problem(bad)
        return _shipping(items)
    return _shipping(told)


def _packing_problem(bad: Sequence[Row]) -> Exception:
    if not bad:
        return unreadable()
    code, text = words(bad[0].get("item_err_code")), words(bad[0].get("msg"), 300)
    return silent(Silence(code, text)) if all(i.get("retry") is True for i in bad) else refused(code, text)


def _shipping(items: Sequence[Row]) -> Shipping:
    """What the first parcel is called."""

    def first(*names: str) -> str:
        return next((found for i in items for name in names if (found := words(i.get(name), 80))), "")

    return Shipping(first("tracking_number", "tracking_code"), first("shipment_provider"), first("package_id"))


def _id(item: Row) -> int:
    text = words(item.get("order_item_id"))
    if not text.isdecimal():
        raise unreadable()
    return int(text)


def ready(calls: Calls, number: str) -> Shipping:
    """Say that the parcels can be taken; packed first where that was not done."""
    items = items_of(calls, number)
    if any(status(i) in TO_PACK for i in _ours(items)):
        pack(calls, number)
        items = items_of(calls, number)
    parcels = dict.fromkeys(words(i.get("package_id")) for i in _ours(items) if status(i) in PACKED)
    packages = [{"package_id": p} for p in parcels if p]
    if packages:
        try:
            calls.post("/order/package/rts", readyToShipReq=json.dumps({"packages": packages}))
        except ChannelRefused:
            if any(status(i) in PACKED | TO_PACK for i in _ours(items_of(calls, number))):
                raise
    return _shipping(items)


def cancel(calls: Calls, number: str, reason: str) -> None:
    """All pieces that are not canceled, for a reason out of those that Lazada offers."""
    items = items_of(calls, number)
    alive = [i for i in items if status(i) != "canceled"]
    if not alive:
        return
    asked = {"order_id": number, "order_item_id_list": json.dumps([_id(i) for i in alive])}
    try:
        options = rows(inner(calls.get("/order/reverse/cancel/validate", **asked)).get("reason_options"))
        if not options:
            raise refused("reason_options", "")
        chosen = _reason(options, reason)
        calls.post("/order/reverse/cancel/create", **asked, reason_id=words(chosen.get("reason_id")))
    except ChannelRefused as refusal:
        states = {status(i) for i in items_of(calls, number)}
        if states == {"canceled"}:
            return
        raise refusal if states <= BEFORE | {"canceled"} else too_late(refusal) from refusal


def _reason(options: Sequence[Row], reason: str) -> Row:
    """Out of stock when that is why: Lazada may then set the goods to zero. Else anything but that."""
    stock = [o for o in options if "stock" in words(o.get("reason_name")).lower()]
    others = [o for o in options if o not in stock]
    return (stock or options)[0] if reason in {"out_of_stock", "stock"} else (others or options)[0]


def label(calls: Calls, number: str, to: Callable[[str], Transport]) -> bytes:
    """The waybill of the order's parcels."""
    items = items_of(calls, number)
    parcels = dict.fromkeys(words(i.get("package_id")) for i in items if status(i) != "canceled")
    packages = [{"package_id": p} for p in parcels if p]
    if not packages:
        raise silent(Silence("not_ready", "package_id", retry_after=timedelta(minutes=5)))
    wanted = {"doc_type": "PDF", "packages": packages}
    answer = inner(calls.get("/order/package/document/get", getDocumentReq=json.dumps(wanted)))
    found = inner(answer, "data") or answer
    try:
        data = base64.b64decode(words(found.get("file"), 20_000_000), validate=True)
    except binascii.Error:
        data = b""
    if is_pdf(data):
        return data
    if address := words(found.get("pdf_url"), 2000):
        return fetch_pdf(to, address)
    raise silent(Silence("not_ready", retry_after=timedelta(seconds=20)))
