"""The receiving station: whatever comes back is scanned here, counted piece by piece, and graded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import jsonify, request, url_for
from flask_babel import gettext, lazy_gettext
from werkzeug.wrappers import Response

from oms.db import Tx, db
from oms.errors import InvalidInput, OmsError, say
from oms.inventory.availability import places
from oms.reports import returns as reading
from oms.returns.models import Return
from oms.returns.queries import get_return
from oms.returns.states import CONDITION_LABELS, REASON_LABELS, UNDELIVERED, Condition, ReturnKind, ReturnStatus
from oms.thai.keyboard import thai_keys
from oms.usecases.returns_count import inspect_return
from oms.usecases.returns_receive import Arrived, ArriveParcel, Outcome, receive_parcel
from views import nav
from views.base import OmsView, current_actor, page, unit
from views.filters import age, tr
from views.returns import COUNTED, posted_count

WORDS: dict[str, Any] = {
    "scan_parcel": lazy_gettext("Scan the parcel that came back"),
    "scan_parcel_hint": lazy_gettext("Tracking number, old label, return, order or shipment: any of them will do"),
    "scan_piece": lazy_gettext("Scan every piece"),
    "received": lazy_gettext("{number} is here. Open it and count"),
    "again": lazy_gettext("{number} was received before"),
    "done_before": lazy_gettext("{number} is counted already; nothing was changed"),
    "unknown": lazy_gettext("Nobody knows “{code}”. Put the parcel aside; it is on the list of unknown parcels"),
    "product": lazy_gettext("That is a product. Scan the parcel first"),
    "choose": lazy_gettext("This may be several. Which one is it?"),
    "not_inside": lazy_gettext("“{code}” is not in {number}. Count it as something else, or scan again"),
    "counted": lazy_gettext("{number} is counted"),
    "nothing": lazy_gettext("Nothing counted yet: all of it would count as missing. Press again to say so"),
    "rest_missing": lazy_gettext("{n} pieces would count as missing. Press again to say so"),
    "too_many": lazy_gettext("More pieces than were sent? Look again; the count stays as you scanned it"),
    "network": lazy_gettext("No answer. Scan it again when the connection is back; what you counted is kept here"),
    "login": lazy_gettext("Your login has ended. Log in again; what you counted is kept here"),
    "of": lazy_gettext("{n} of {m}"),
    "mode": lazy_gettext("The next pieces are: {condition}"),
    "several": lazy_gettext("One box, several orders: {n} returns"),
    "camera_on": lazy_gettext("Point the camera at a code"),
    "camera_denied": lazy_gettext("The camera is not open to this page; allow it in the browser"),
    "nothing_waits": lazy_gettext("Nothing waits to be counted"),
    "good": lazy_gettext("good"),
    "bad": lazy_gettext("damaged"),
    "missing": lazy_gettext("missing"),
}


class ReceiveReturnsView(OmsView):
    """The station."""

    route_base = "/returns/receive"
    default_view = "station"
    requires = "return.receive"

    @page("/")
    def station(self) -> str:
        """The page. The script asks for what lies on the table, so that a reload loses nothing."""
        return self.show_page(
            "returns/station.html", title=gettext("Receive returns"), places=places(db.session(), current_actor()),
            words={key: str(text) for key, text in WORDS.items()}, user=current_actor().user_id,
            conditions=[(name, tr(CONDITION_LABELS[Condition(name)])) for name in COUNTED],
        )  # fmt: skip

    @page("/state")
    def state(self) -> Response:
        """What waits to be counted in a warehouse, and one return when the address names it."""
        wanted = request.args.get("return", 0, type=int)
        with unit() as tx:
            opened = _one(tx, get_return(tx, wanted)) if wanted else None
            return jsonify(waiting=_waiting(tx, request.args.get("warehouse", 0, type=int)), opened=opened)

    @page("/scan", methods=("POST",))
    def scan(self) -> Response:
        """A parcel was scanned."""
        facts = request.get_json(silent=True)
        body = facts if isinstance(facts, dict) else {}
        place = body.get("warehouse") if type(body.get("warehouse")) is int else 0
        cmd = ArriveParcel(str(body.get("code", "")), int(place or 0))
        with unit() as tx:
            try:
                with tx.session.begin_nested():
                    found = receive_parcel(tx, cmd)
            except OmsError as refusal:
                return jsonify(outcome="refused", message=tr(refusal.message), waiting=_waiting(tx, cmd.warehouse_id))
            return jsonify(**_answer(tx, found, cmd))

    @page("/count", methods=("POST",))
    def count(self) -> Response:
        """A return was counted."""
        facts = request.get_json(silent=True)
        body = facts if isinstance(facts, dict) else {}
        if type(body.get("return")) is not int or not isinstance(body.get("counts"), dict):
            raise InvalidInput(say("This is no count"), code="count_shape")
        sent = {str(name): str(value) for name, value in body["counts"].items()}
        sent |= {"reason": str(body.get("reason") or ""), "note": str(body.get("note") or "")}
        with unit() as tx:
            try:
                with tx.session.begin_nested():
                    done = inspect_return(tx, posted_count(body["return"], sent))
            except OmsError as refusal:
                return jsonify(outcome="refused", message=tr(refusal.message))
            ret = get_return(tx, done.return_id)
            return jsonify(outcome="counted", opened=_one(tx, ret), waiting=_waiting(tx, ret.warehouse_id))


def _answer(tx: Tx, found: Arrived, cmd: ArriveParcel) -> dict[str, Any]:
    rows = [get_return(tx, r.return_id) for r in found.returns]
    open_ones = [r for r in rows if r.status is ReturnStatus.RECEIVED]
    first = next(iter(open_ones), None)
    number = ", ".join(r.number for r in rows)
    key = found.outcome.value
    if found.outcome is Outcome.AGAIN and first is None:
        key = "done_before"
    words = {"number": number, "code": cmd.code}
    message = str(WORDS[key])
    for name, text in words.items():
        message = message.replace(f"{{{name}}}", text)
    return {
        "outcome": key, "message": message, "choices": list(found.choices),
        "opened": _one(tx, first) if first else None,
        "mates": [{"id": r.id, "number": r.number} for r in open_ones], "waiting": _waiting(tx, cmd.warehouse_id),
    }  # fmt: skip


def _one(tx: Tx, ret: Return) -> dict[str, Any]:
    """One return as the counting table shows it."""
    reasons = UNDELIVERED if ret.kind is ReturnKind.RTO else ()
    return {
        "id": ret.id, "number": ret.number, "status": ret.status.value, "order": ret.order.number,
        "name": ret.order.ship_name, "version": ret.version, "reason": ret.reason.value,
        "reason_text": tr(REASON_LABELS[ret.reason]), "note": ret.note, "scanned": ret.scanned,
        "url": url_for("ReturnView.show", pk=ret.id),
        "reasons": [[r.value, tr(REASON_LABELS[r])] for r in reasons],
        "items": _items(reading.to_count(tx.session, ret)),
    }  # fmt: skip


def _items(lines: Sequence[reading.CountLine]) -> list[dict[str, Any]]:
    """Lines of the same order line as one."""
    found: dict[int, dict[str, Any]] = {}
    for one in lines:
        line = one.line.order_line
        item = found.setdefault(line.id, {
            "line": line.id, "name": line.name, "code": line.sku_code, "option": one.option,
            "codes": [*one.codes, *map(thai_keys, one.codes)],
            "wanted": 0, **dict.fromkeys(COUNTED, 0), "missing": 0,
        })  # fmt: skip
        item["wanted"] += one.line.quantity
        for part in (*COUNTED, "missing"):
            item[part] += getattr(one.line, part)
    return list(found.values())


def _waiting(tx: Tx, warehouse_id: int) -> list[dict[str, Any]]:
    """What lies there uncounted, the oldest first."""
    rows = [r for r in reading.pile(tx.session, tx.actor, "arrived") if r.warehouse_id == warehouse_id]
    return [
        {
            "id": r.id, "number": r.number, "name": r.order.ship_name,
            "age": age(r.received_at) if r.received_at else "",
            "pieces": sum(line.quantity for line in r.lines),
        }
        for r in rows
    ]  # fmt: skip


VIEWS = (ReceiveReturnsView,)
NAV = (nav.Item("ship", "Receive returns", "ReceiveReturnsView.station", "return.receive", icon="back", order=70,
                count="returns.arrived"),)  # fmt: skip
