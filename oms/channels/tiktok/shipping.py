"""How an order leaves TikTok Shop: parcels handed over, labeled, or orders canceled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from oms.channels.asking import fetch_pdf, refused, silent, too_late, unknown, unreadable
from oms.channels.port import ChannelChoice, ChannelRefused, Shipped, Shipping
from oms.channels.reading import rows
from oms.channels.tiktok.calls import Calls
from oms.errors import say
from oms.net.reading import words
from oms.net.silence import Silence
from oms.net.transport import Transport

Row = Mapping[str, Any]
ROOT, BACK = "/fulfillment/202309", "/return_refund/202309"
BEFORE = frozenset({"UNPAID", "ON_HOLD", "AWAITING_SHIPMENT", "PARTIALLY_SHIPPING", "AWAITING_COLLECTION"})
TOLD = frozenset({"AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"})
PENDING = "CANCELLATION_REQUEST_PENDING"
REASONS: Mapping[str, str] = {
    "out_of_stock": "seller_cancel_reason_out_of_stock", "stock": "seller_cancel_reason_out_of_stock",
    "address": "seller_cancel_paid_reason_address_not_deliver",
}  # fmt: skip
USUAL_REASON, REJECT_REASON = (
    "seller_cancel_paid_reason_buyer_requested_cancellation",
    "seller_reject_apply_package_sent",
)


def one(calls: Calls, number: str) -> Row:
    """One order. Raises ChannelUnknown."""
    found = orders(calls, [number]) if number.isdecimal() else []
    if not found:
        raise unknown()
    return found[0]


def orders(calls: Calls, numbers: list[str]) -> list[Row]:
    """Orders by number; unknown ones are missing."""
    answer = calls.get("/order/202309/orders", ids=",".join(numbers))
    if not isinstance(answer.get("orders"), list):
        raise unreadable()
    return rows(answer["orders"])


def hand_over(calls: Calls, number: str, liked: str, shipped: Shipped | None = None) -> Shipping:
    """Have every parcel of the order fetched, or say that it is brought, or by which number our own carrier takes
    it."""
    order = one(calls, number)
    parcels = [words(p.get("id")) for p in rows(order.get("packages"))]
    if words(order.get("status")) in TOLD:
        return _shipping(order, parcels)
    ours = words(order.get("shipping_type")) == "SELLER"
    if ours and (shipped is None or not shipped.tracking_no):
        return _shipping(order, parcels)  # goes with our own carrier: told when the number is known
    if not parcels:
        raise refused("packages", words(order.get("status")))
    try:
        for parcel in parcels:
            told = _own(calls, order, shipped) if ours and shipped is not None else _way(calls, parcel, liked)
            calls.post(f"{ROOT}/packages/{parcel}/ship", told)
    except ChannelRefused:
        if words(one(calls, number).get("status")) not in TOLD:
            raise
    return _shipping(one(calls, number), parcels)


def _own(calls: Calls, order: Row, shipped: Shipped) -> dict[str, Any]:
    """By the carrier's number at TikTok: the one that is given, else the one that is called as ours is."""
    code = shipped.carrier_code or _provider(calls, words(order.get("delivery_option_id")), shipped.carrier)
    return {"self_shipment": {"tracking_number": shipped.tracking_no, "shipping_provider_id": code}}


def _provider(calls: Calls, option: str, name: str) -> str:
    known: list[Row] = []
    if option.isdecimal() and name:
        answer = calls.get(f"/logistics/202309/delivery_options/{option}/shipping_providers")
        known = rows(answer.get("shipping_providers"))
    wanted = name.casefold()
    found = [p for p in known if words(p.get("name")).casefold() == wanted] or [
        p for p in known if wanted in words(p.get("name")).casefold()
    ]
    if len(found) != 1:
        raise ChannelChoice(
            say("TikTok does not know the carrier “{name}”: choose one of its own", name=name or "–"),
            choices={words(p.get("id")): words(p.get("name"), 80) for p in known if words(p.get("id"))},
            raw_code="shipping_provider_id", field="carrier",
        )  # fmt: skip
    return words(found[0].get("id"))


def _way(calls: Calls, parcel: str, liked: str) -> dict[str, Any]:
    """Fetched in the first slot that is free, unless bringing it is liked or there is none."""
    if liked == "dropoff":
        return {"handover_method": "DROP_OFF"}
    answer = calls.get(f"{ROOT}/packages/{parcel}/handover_time_slots")
    slots = [s for s in rows(answer.get("pickup_slots")) if s.get("available") is not False]
    if answer.get("can_pickup") is False or not slots:
        return {"handover_method": "DROP_OFF"}
    slot = {name: slots[0].get(name) for name in ("start_time", "end_time")}
    return {"handover_method": "PICKUP", "pickup_slot": slot}


def _shipping(order: Row, parcels: list[str]) -> Shipping:
    return Shipping(
        words(order.get("tracking_number"), 80),
        words(order.get("shipping_provider"), 80),
        parcels[0] if parcels else "",
    )


def label(calls: Calls, number: str, to: Callable[[str], Transport]) -> bytes:
    """The label of the order's first parcel, from where TikTok put it."""
    parcels = [words(p.get("id")) for p in rows(one(calls, number).get("packages"))]
    if not parcels:
        raise silent(Silence("not_ready", "packages", retry_after=timedelta(minutes=5)))
    answer = calls.get(
        f"{ROOT}/packages/{parcels[0]}/shipping_documents", document_type="SHIPPING_LABEL", document_size="0"
    )
    if not (address := words(answer.get("doc_url"), 2000)):
        raise silent(Silence("not_ready", "doc_url", retry_after=timedelta(seconds=20)))
    return fetch_pdf(to, address)


def cancel(calls: Calls, number: str, reason: str) -> None:
    """Before it leaves."""
    order = one(calls, number)
    if words(order.get("status")) == "CANCELLED":
        return
    body = {"order_id": number, "cancel_reason": REASONS.get(reason, USUAL_REASON)}
    try:
        calls.post(f"{BACK}/cancellations", body, {"idempotency_key": f"ruam-cancel-{number}"})
    except ChannelRefused as refusal:
        status = words(one(calls, number).get("status"))
        if status == "CANCELLED":
            return
        raise refusal if status in BEFORE else too_late(refusal) from refusal


def answer_cancel(calls: Calls, number: str, *, agree: bool) -> None:
    """Yes or no to the request that waits. Without one, what became of the order must be what we want."""
    found = calls.post(f"{BACK}/cancellations/search", {"order_ids": [number]}, {"page_size": "10"})
    waiting = [r for r in rows(found.get("cancellations")) if words(r.get("cancel_status")) == PENDING]
    if not waiting:
        if (words(one(calls, number).get("status")) == "CANCELLED") != agree:
            raise too_late(refused("cancel_status", ""))
        return
    request = words(waiting[0].get("cancel_id"))
    deed = "approve" if agree else "reject"
    body = {} if agree else {"reject_reason": REJECT_REASON}
    calls.post(f"{BACK}/cancellations/{request}/{deed}", body, {"idempotency_key": f"ruam-{deed}-{request}"})
