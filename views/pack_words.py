"""The words and facts of the packing station, as its script gets them."""

from __future__ import annotations

from typing import Any

import segno
from flask import current_app, url_for
from flask_babel import lazy_gettext
from markupsafe import Markup

from oms.catalog.models import CHANNEL_LABELS
from oms.reports.packing import Item, Labels, OpenBox
from oms.shipping.floor.queries import Pace
from views.base import may
from views.filters import tr

LABEL_ENDPOINT = "LabelPrintView.shipment"  # the PDF of one shipment's labels; counts as printed when it is fetched

WORDS: dict[str, Any] = {
    "scan_order": lazy_gettext("Scan an order or a label"),
    "scan_order_hint": lazy_gettext("Barcode gun, camera or keyboard. Press ? for all keys"),
    "scan_item": lazy_gettext("Scan the items"),
    "weigh": lazy_gettext("All in. Type the grams"),
    "seen": lazy_gettext("Press Enter or scan OK when you have seen it"),
    "done": lazy_gettext("Packed"),
    "all_in": lazy_gettext("Everything is in"),
    "online": lazy_gettext("Connected"),
    "offline": lazy_gettext("No connection: {n} scans wait here and are judged later"),
    "sending": lazy_gettext("Judging {n} …"),
    "slow": lazy_gettext("The connection is slow; go on, nothing is lost"),
    "login": lazy_gettext("Your login has ended. Log in again; your scans are kept here"),
    "no_place": lazy_gettext("Choose the warehouse and name this station"),
    "box": lazy_gettext("box {n}"),
    "boxes": lazy_gettext("{n} boxes"),
    "grams": lazy_gettext("{n} g"),
    "no_carrier": lazy_gettext("No carrier yet"),
    "of": lazy_gettext("of {n}"),
    "mine": lazy_gettext("{n} by you"),
    "misses": lazy_gettext("{n} scans stopped"),
    "no_misses": lazy_gettext("No scan stopped today"),
    "note": lazy_gettext("The buyer says"),
    "in_set": lazy_gettext("part of {set}"),
    "times": lazy_gettext("The next scan counts {n}"),
    "label_print": lazy_gettext("The label is printed when the last piece is in"),
    "label_on": lazy_gettext("The label is printed already: stick it on"),
    "label_later": lazy_gettext("Labels are printed later, in one batch"),
    "label_none": lazy_gettext("No label is printed for it yet; print it with F9"),
    "printing": lazy_gettext("Printing the label of {number}"),
    "print_failed": lazy_gettext("The label of {number} could not be printed; try again with F9"),
    "why_again": lazy_gettext("The label of {number} was printed already. Why is it printed again?"),
    "put_aside": lazy_gettext("put aside"),
    "take_over": lazy_gettext("F7: take it over and count from the start"),
    "camera_denied": lazy_gettext("The camera is not open to this page; allow it in the browser"),
    "camera_on": lazy_gettext("Point the camera at a code"),
    "nothing_before": lazy_gettext("What you pack today is listed here"),
    "location_none": lazy_gettext("no shelf"),
    "photo_of": lazy_gettext("Photo of {number}"),
    "photos": lazy_gettext("photos: {n}"),
    "photo_sending": lazy_gettext("Sending the photo …"),
    "photo_waits": lazy_gettext("{n} photos wait for the connection"),
    "photo_failed": lazy_gettext("The photo was not taken; try again"),
}
COMMAND_LABELS: dict[str, Any] = {
    "RUAM-OK": lazy_gettext("OK, seen"),
    "RUAM-UNDO": lazy_gettext("Undo the last scan"),
    "RUAM-BOX": lazy_gettext("Next box"),
    "RUAM-ASIDE": lazy_gettext("Leave for later"),
}


def drawn(code: str) -> Markup:
    """A code as a picture."""
    picture = segno.make(code, error="m").svg_inline(scale=5, border=3, omitsize=True, light="#fff")
    return Markup(picture)  # noqa: S704  squares drawn by us


def label_url(shipment_id: int) -> str:
    """Where the label of a shipment is printed from; empty when it cannot be, or not by this person."""
    if LABEL_ENDPOINT not in current_app.view_functions or not may("shipment.label"):
        return ""
    return url_for(LABEL_ENDPOINT, shipment_id=shipment_id)


def photo_url(shipment_id: int) -> str:
    """Where photos of a packed box are sent."""
    return url_for("AttachmentView.photo", shipment_id=shipment_id)


def _item(item: Item) -> dict[str, Any]:
    return {
        "sku": item.goods.id, "code": item.goods.code, "name": item.goods.name, "option": item.goods.option,
        "location": item.goods.location, "wanted": item.wanted, "counted": item.counted, "sets": list(item.sets),
    }  # fmt: skip


def labels_as_json(labels: Labels) -> dict[str, Any]:
    """The labels of a shipment."""
    return {"boxes": labels.boxes, "printed": labels.printed, "on": labels.is_on, "tracking": list(labels.tracking)}


def box_as_json(lying: OpenBox, photos: int) -> dict[str, Any]:
    """The open shipment, with every word in the reader's language."""
    return {
        "shipment": lying.shipment.id, "number": lying.shipment.number, "carrier": lying.carrier,
        "service": lying.shipment.service, "tote": lying.tote, "last": lying.last_sku,
        "orders": [
            {
                "number": o.number, "external": o.external_no, "channel": o.channel.value,
                "channel_text": tr(CHANNEL_LABELS[o.channel]), "note": o.note, "name": o.name, "place": o.province,
            }
            for o in lying.orders
        ],
        "items": [_item(item) for item in lying.items],
        "boxes": [{"n": b.number, "pieces": b.pieces, "grams": b.grams} for b in lying.boxes],
        "counted": lying.counted, "wanted": lying.wanted, "weigh": lying.needs_weight,
        "by_hand": lying.rules.by_hand, "quantity_from": lying.rules.quantity_from,
        "labels": labels_as_json(lying.labels), "label_url": label_url(lying.shipment.id),
        "photos": photos, "photo_url": photo_url(lying.shipment.id),
        "stopped": {"code": lying.stopped_code, "message": tr(lying.stopped)} if lying.session.stopped_by else None,
    }  # fmt: skip


def pace_as_json(pace: Pace) -> dict[str, int]:
    """How the day goes."""
    return {"packed": pace.packed, "mine": pace.mine, "total": pace.total, "misses": pace.misses}


BATCH_ENDPOINT = "LabelView.start"  # labels of many shipments in one PDF


def batch_label_url() -> str:
    """Where labels of many are printed; empty when they cannot be, or not by this person."""
    return url_for(BATCH_ENDPOINT) if BATCH_ENDPOINT in current_app.view_functions and may("shipment.label") else ""
