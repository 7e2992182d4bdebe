"""The packing station: a page that stays, and the judge it asks scan by scan."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import jsonify, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.db import Tx, db
from oms.errors import Conflict, InvalidInput, OmsError, say
from oms.inventory.availability import places
from oms.reports import packing as desk
from oms.shipping.floor.camera import CameraReader
from oms.shipping.floor.states import ScanKind
from oms.shipping.pictures import photos_of
from oms.usecases.packing import Scan, Scanned, scan
from oms.usecases.packing_rules import SetPackingRules, set_packing_rules
from views import nav
from views.base import OmsView, current_actor, page, unit
from views.fields import whole_number
from views.filters import tr
from views.pack_words import (
    COMMAND_LABELS,
    WORDS,
    box_as_json,
    drawn,
    label_url,
    labels_as_json,
    pace_as_json,
    photo_url,
)

MOST_AT_ONCE = 50  # scans in one request; a station that was offline sends several
TRIES = 3  # when two people meet on the same rows
_READERS = threading.local()  # one reading process for each thread that is ever asked
FRAME_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-src blob:; frame-ancestors 'none'; base-uri 'none'; "
    "manifest-src 'self'; media-src 'self' blob:"
)  # the label is printed from a frame that shows the fetched file


def _moment(raw: Any) -> datetime | None:
    """The station's clock, in milliseconds."""
    if not isinstance(raw, int | float) or not 0 < raw < 1e14:
        return None
    return datetime.fromtimestamp(raw / 1000, UTC)


def _scan(raw: Any, station: str, warehouse_id: int) -> Scan:
    """One scan of a request. Raises InvalidInput for what is none."""
    facts = raw if isinstance(raw, dict) else {}
    kind, quantity = facts.get("kind") or None, facts.get("quantity", 1)
    if (kind is not None and kind not in {k.value for k in ScanKind}) or type(quantity) is not int:
        raise InvalidInput(say("This is no scan"), code="scan_shape")
    return Scan(
        str(facts.get("key", "")), station, warehouse_id, str(facts.get("code", "")),
        ScanKind(kind) if kind else None, quantity, bool(facts.get("by_hand")), _moment(facts.get("at")),
    )  # fmt: skip


def _judged(cmd: Scan) -> Scanned:
    """One scan, one transaction. Two people on the same rows: nothing was judged, so it is judged again."""
    for turn in range(TRIES):
        try:
            with unit() as tx:
                return scan(tx, cmd)
        except Conflict:
            if turn == TRIES - 1:
                raise
    raise AssertionError("unreachable")


class PackView(OmsView):
    """The station."""

    route_base = "/pack"
    requires = "shipment.pack"
    requires_for = {"settings": "shop.edit", "keep_settings": "shop.edit"}
    default_view = "station"

    @page("/")
    def station(self) -> Response:
        """The page. What lies on the table is asked by its script, so that a reload loses nothing."""
        mine = places(db.session(), current_actor())
        answer = Response(
            self.show_page(
                "pack/station.html", title=gettext("Packing station"), places=mine,
                words={key: str(text) for key, text in WORDS.items()}, user=current_actor().user_id,
            ),
            mimetype="text/html",
        )  # fmt: skip
        answer.headers["Content-Security-Policy"] = FRAME_CSP
        return answer

    @page("/state")
    def state(self) -> Response:
        """What lies on this table now."""
        station, warehouse_id = request.args.get("station", "")[:40], request.args.get("warehouse", 0, type=int)
        with unit() as tx:
            return jsonify(_facts(tx, station, warehouse_id))

    @page("/scan", methods=("POST",))
    def scan(self) -> Response:
        """Judge scans in their order. One that cannot be judged now (two people on the same rows) ends the row: the
        station sends it and what follows again."""
        body = request.get_json(silent=True)
        facts: Mapping[str, Any] = body if isinstance(body, dict) else {}
        scans, station = facts.get("scans"), str(facts.get("station", ""))[:40]
        warehouse_id = facts.get("warehouse") if type(facts.get("warehouse")) is int else 0
        if not isinstance(scans, list) or not 1 <= len(scans) <= MOST_AT_ONCE:
            raise InvalidInput(say("This is no scan"), code="scan_shape")
        answers = []
        for raw in scans:
            key = str(raw.get("key", "")) if isinstance(raw, dict) else ""
            try:
                answers.append(_answer(key, _judged(_scan(raw, station, int(warehouse_id or 0)))))
            except Conflict:
                break
            except OmsError as refusal:  # not even a scan: told, and not to be sent again
                answers.append(_no_scan(key, refusal))
        with unit() as tx:
            return jsonify(answers=answers, **_facts(tx, station, int(warehouse_id or 0)))

    @page("/frame", methods=("POST",))
    def frame(self) -> Response:
        """The codes in a frame of a camera, for browsers that cannot read them."""
        if not hasattr(_READERS, "reader"):
            _READERS.reader = CameraReader()
        return jsonify(codes=_READERS.reader.codes(request.get_data(cache=False)))

    @page("/settings")
    def settings(self) -> str:
        """How each warehouse packs."""
        mine = places(db.session(), current_actor())
        with unit() as tx:
            rules = [(place, desk.rules_of(tx, place.id)) for place in mine]
        return self.show_page("pack/settings.html", title=gettext("How we pack"), rules=rules)

    @page("/settings/<int:warehouse_id>", methods=("POST",))
    def keep_settings(self, warehouse_id: int) -> Response:
        """Keep how a warehouse packs."""
        try:
            pieces = whole_number(request.form.get("quantity_from", "")) or 0
        except ValueError:
            raise InvalidInput(
                say("“{text}” is not a whole number", text=request.form.get("quantity_from", "")), code="filter_number"
            ) from None
        rules = SetPackingRules(
            warehouse_id, by_hand="by_hand" in request.form, quantity_from=pieces, weigh="weigh" in request.form
        )
        with unit() as tx:
            set_packing_rules(tx, rules)
        return redirect(url_for("PackView.settings"), 303)

    @page("/commands")
    def commands(self) -> str:
        """A sheet of barcodes to hang beside the table."""
        return self.show_page("pack/commands.html", title=gettext("Command barcodes"), codes=command_codes())


def command_codes() -> list[tuple[str, str, Any]]:
    """(code, what it does, its picture) of the command sheet."""
    return [(code, str(label), drawn(code)) for code, label in COMMAND_LABELS.items()]


def _answer(key: str, judged: Scanned) -> dict[str, Any]:
    return {
        "key": key, "outcome": judged.outcome, "stops": judged.stops, "message": tr(judged.message),
        "kind": judged.kind.value, "packed": judged.packed, "repeated": judged.repeated,
    }  # fmt: skip


def _no_scan(key: str, refusal: OmsError) -> dict[str, Any]:
    message = tr(refusal.message)
    return {"key": key, "outcome": refusal.detail_code, "stops": True, "message": message, "kind": "", "packed": None}


def _facts(tx: Tx, station: str, warehouse_id: int) -> dict[str, Any]:
    """Everything the page shows."""
    tx.actor.require("shipment.pack")
    mine = places(tx.session, tx.actor)
    if not any(place.id == warehouse_id for place in mine):
        return {"desk": None, "pace": None, "before": []}
    lying = desk.open_box(tx, station)
    packed = desk.before(tx.session, tx.actor, warehouse_id)
    photos = photos_of(tx.session, {b.shipment_id for b in packed} | ({lying.shipment.id} if lying else set()))
    return {
        "desk": box_as_json(lying, photos[lying.shipment.id]) if lying else None,
        "pace": pace_as_json(desk.pace(tx.session, tx.actor, warehouse_id)),
        "before": [
            {
                "id": b.shipment_id, "number": b.number, "packed": b.status.value == "packed",
                "labels": labels_as_json(b.labels), "label_url": label_url(b.shipment_id),
                "photos": photos[b.shipment_id], "photo_url": photo_url(b.shipment_id),
            }
            for b in packed
        ],
    }  # fmt: skip


VIEWS = (PackView,)
NAV = (
    nav.Item("ship", "Packing station", "PackView.station", "shipment.pack", icon="box", order=40,
             count="floor.packing"),
)  # fmt: skip
