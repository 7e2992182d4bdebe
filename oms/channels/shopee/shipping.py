"""How an order leaves Shopee: arranged, numbered, labeled, or canceled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from oms.channels.asking import by_status, refused, silent, too_late, unknown, unreadable
from oms.channels.port import ChannelRefused, ChannelUnknown, Shipping
from oms.channels.reading import rows
from oms.channels.shopee.calls import Calls
from oms.channels.shopee.words import SHIPPED_BEFORE, bare, problem
from oms.net.reading import is_pdf, part, words
from oms.net.silence import Silence

WAYS = ("pickup", "dropoff", "non_integrated")
BEFORE = frozenset({"UNPAID", "PENDING", "READY_TO_SHIP", "RETRY_SHIP", "IN_CANCEL"})
PRINTING = timedelta(seconds=20)
REASONS: Mapping[str, str] = {"out_of_stock": "OUT_OF_STOCK", "stock": "OUT_OF_STOCK"}  # all others: the buyer asked
THERMAL = "THERMAL_AIR_WAYBILL"


def details(calls: Calls, numbers: Sequence[str], optional: str) -> list[Mapping[str, Any]]:
    """Whole orders; numbers Shopee does not know are missing. It may refuse all for one it does not know, so halves
    are asked then."""
    try:
        answer = calls.get(
            "/order/get_order_detail", order_sn_list=",".join(numbers), response_optional_fields=optional,
            request_order_status_pending="true",
        )  # fmt: skip
    except ChannelUnknown:
        if len(numbers) == 1:
            return []
        half = len(numbers) // 2
        return [*details(calls, numbers[:half], optional), *details(calls, numbers[half:], optional)]
    if not isinstance(answer.get("order_list"), list):
        raise unreadable()
    return rows(answer["order_list"])


def one(calls: Calls, number: str) -> Mapping[str, Any]:
    """One order with its parcels and items. Raises ChannelUnknown."""
    found = details(calls, [number], "package_list,item_list,shipping_carrier")
    if not found:
        raise unknown()
    return found[0]


def arrange(calls: Calls, number: str, liked: str, tracking: str = "") -> Shipping:
    """Tell Shopee that the order can be fetched or will be brought, or by which number our own carrier takes it."""
    order = one(calls, number)
    packages = [words(row.get("package_number")) for row in rows(order.get("package_list"))]
    several = [{"package_number": p} for p in packages if p] if len(packages) > 1 else [{}]
    for package in several:
        _arrange(calls, {"order_sn": number, **package}, liked, tracking)
    found = ""
    for package in several:
        answer = calls.get("/logistics/get_tracking_number", order_sn=number, **package)
        found = found or words(answer.get("tracking_number"), 80)
    return Shipping(found or tracking, words(order.get("shipping_carrier"), 80), packages[0] if packages else "")


def _arrange(calls: Calls, parcel: Mapping[str, str], liked: str, tracking: str) -> None:
    try:
        offered = calls.get("/logistics/get_shipping_parameter", **parcel)
        if "non_integrated" in part(offered, "info_needed") and not tracking:
            return  # the goods go with our own carrier: told when the number is known
        calls.post("/logistics/ship_order", {**parcel, **_way(offered, liked, tracking)})
    except ChannelRefused as refusal:
        if bare(refusal.raw_code) not in SHIPPED_BEFORE:
            raise


def _way(offered: Mapping[str, Any], liked: str, tracking: str) -> dict[str, Any]:
    """Exactly one way of handing over, with what Shopee wants to know for it; the object stands also when empty."""
    needed = part(offered, "info_needed")
    ways = [way for way in WAYS if way in needed]
    if not ways:
        raise unreadable()
    way = "non_integrated" if "non_integrated" in ways else liked if liked in ways else ways[0]
    wanted = needed[way] if isinstance(needed[way], list) else []
    if way == "non_integrated":
        return {way: {"tracking_number": tracking}}
    told: dict[str, Any] = {}
    if way == "pickup":
        place = next(iter(rows(part(offered, "pickup").get("address_list"))), None)
        slots = rows(place.get("time_slot_list")) if place else []
        if "address_id" in wanted and place:
            told["address_id"] = place.get("address_id")
        if "pickup_time_id" in wanted and slots:
            told["pickup_time_id"] = slots[0].get("pickup_time_id")
    elif "branch_id" in wanted:
        branch = next(iter(rows(part(offered, "dropoff").get("branch_list"))), None)
        told |= {"branch_id": branch.get("branch_id")} if branch else {}
    if "tracking_number" in wanted and tracking:
        told["tracking_number"] = tracking
    return {way: told}


def cancel(calls: Calls, number: str, reason: str) -> None:
    """Before it is arranged. Raises ChannelTooLate when it has moved on."""
    code = REASONS.get(reason, "CUSTOMER_REQUEST")
    body: dict[str, Any] = {"order_sn": number, "cancel_reason": code}
    if code == "OUT_OF_STOCK":
        items = rows(one(calls, number).get("item_list"))
        body["item_list"] = [{"item_id": i.get("item_id"), "model_id": i.get("model_id") or 0} for i in items]
    try:
        calls.post("/order/cancel_order", body)
    except ChannelRefused as refusal:
        status = words(one(calls, number).get("order_status"))
        if status == "CANCELLED":
            return
        raise refusal if status in BEFORE else too_late(refusal) from refusal


def answer_cancel(calls: Calls, number: str, *, agree: bool) -> None:
    """Yes or no to the buyer. An answer given before is fine when it was the same."""
    try:
        calls.post(
            "/order/handle_buyer_cancellation", {"order_sn": number, "operation": "ACCEPT" if agree else "REJECT"}
        )
    except ChannelRefused as refusal:
        status = words(one(calls, number).get("order_status"))
        if status == "IN_CANCEL":
            raise
        if (status == "CANCELLED") != agree:
            raise too_late(refusal) from refusal


def label(calls: Calls, number: str) -> bytes:
    """The waybill, made first where it is not there yet. Raises ChannelSilent while Shopee makes it."""
    parcel = {"order_sn": number}
    kind = _kind(calls, parcel)
    wanted: dict[str, Any] = parcel | {"shipping_document_type": kind}
    if _made(calls, wanted) != "READY":
        tracking = words(calls.get("/logistics/get_tracking_number", order_sn=number).get("tracking_number"))
        if not tracking:
            raise silent(Silence("not_ready", "tracking_number", retry_after=timedelta(minutes=5)))
        calls.post("/logistics/create_shipping_document", {"order_list": [wanted | {"tracking_number": tracking}]})
        if _made(calls, wanted) != "READY":
            raise silent(Silence("not_ready", retry_after=PRINTING))
    reply = calls.send(
        "POST", "/logistics/download_shipping_document", body={"shipping_document_type": kind, "order_list": [parcel]}
    )
    if reply.status < 400 and is_pdf(reply.data):
        return reply.data
    raise problem(reply) or by_status(reply)


def _kind(calls: Calls, parcel: Mapping[str, str]) -> str:
    """For the label printer where there is such a one."""
    answer = calls.post("/logistics/get_shipping_document_parameter", {"order_list": [parcel]})
    found = next(iter(rows(answer.get("result_list"))), {})
    _complain(found)
    kinds = found.get("selectable_shipping_document_type")
    if isinstance(kinds, list) and THERMAL in kinds:
        return THERMAL
    return words(found.get("suggest_shipping_document_type")) or "NORMAL_AIR_WAYBILL"


def _made(calls: Calls, wanted: Mapping[str, str]) -> str:
    answer = calls.post("/logistics/get_shipping_document_result", {"order_list": [wanted]})
    found = next(iter(rows(answer.get("result_list"))), {})
    status = words(found.get("status"))
    if status == "FAILED":
        _complain(found)
        raise refused("FAILED", "The document could not be made")
    return status


def _complain(row: Mapping[str, Any]) -> None:
    code = words(row.get("fail_error"))
    if not code:
        return
    text = words(row.get("fail_message"), 300)
    raise unknown(code, text) if "not_found" in code else refused(code, text)
