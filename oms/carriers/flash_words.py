"""What Flash says, in our words: its codes, its routes and states, and addresses as it wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from oms import clock
from oms.carriers.asking import T, by_status, homeward, refused, silent, unknown
from oms.carriers.port import (
    Address,
    CarrierError,
    CarrierEvent,
    CarrierExists,
    CarrierRefused,
    CarrierTooLate,
    ParcelNews,
    Size,
)
from oms.errors import say
from oms.net.reading import words
from oms.net.silence import Silence
from oms.net.transport import Reply
from oms.shipping.states import TrackingStatus

GOOD, EXISTS, CALLED_BEFORE, PICKED_UP = "1", "1003", "1010", "1015"

STATES: Mapping[str, TrackingStatus] = {
    "0": T.CREATED, "1": T.PICKED_UP, "2": T.IN_TRANSIT, "3": T.OUT_FOR_DELIVERY, "4": T.DELIVERY_FAILED,
    "5": T.DELIVERED, "6": T.EXCEPTION, "7": T.RETURNED, "8": T.EXCEPTION, "9": T.CANCELED,
}  # fmt: skip
ROUTES: Mapping[str, TrackingStatus] = {
    "RECEIVED": T.PICKED_UP, "RECEIVE_WAREHOUSE_SCAN": T.IN_TRANSIT, "SHIPMENT_WAREHOUSE_SCAN": T.IN_TRANSIT,
    "ARRIVAL_WAREHOUSE_SCAN": T.IN_TRANSIT, "CONTINUE_TRANSPORT": T.IN_TRANSIT, "DIFFICULTY_RE_TRANSIT": T.IN_TRANSIT,
    "CHANGE_PARCEL_IN_TRANSIT": T.IN_TRANSIT, "DELIVERY_TICKET_CREATION_SCAN": T.OUT_FOR_DELIVERY,
    "DETAIN_WAREHOUSE": T.DELIVERY_FAILED, "DIFFICULTY_HANDOVER": T.EXCEPTION, "CHANGE_PARCEL_CLOSE": T.EXCEPTION,
    "DELIVERY_CONFIRM": T.DELIVERED, "CHANGE_PARCEL_SIGNED": T.DELIVERED, "CANCEL_PARCEL": T.CANCELED,
    "CHANGE_PARCEL_CANCEL": T.CANCELED, "DIFFICULTY_FINISH_INDEMNITY": T.LOST, "SYSTEM_AUTO_RETURN": T.RETURNING,
}  # fmt: skip
ONLY_SAID = frozenset({"HURRY_PARCEL", "CHANGE_PARCEL_INFO", "CUSTOMER_CHANGE_PARCEL_INFO", "REVISION_TIME"})
LAST = frozenset({T.DELIVERED, T.RETURNED, T.CANCELED, T.EXCEPTION})

REFUSAL_LABELS: dict[str, str] = {
    "1004": "Flash does not know the sender's address; its names must be those of Flash",
    "1005": "Flash does not know the receiver's address; its names must be those of Flash",
    "1007": "Flash does not know this warehouse number",
    "1008": "COD is not part of the contract with Flash",
    "1009": "The COD amount is not accepted",
    "1018": "The sender's address is missing",
    "1020": "The insured value is not accepted",
    "1021": "The sender's postcode is not accepted",
    "1022": "Flash does not pick up at the sender's address",
}
ABOUT: Mapping[str, str] = {"1005": "receiver", "1008": "cod", "1009": "cod", "1020": "insured"}  # else the sender
KEYS = frozenset({"1001", "1002"})
UNKNOWN = frozenset({"1006", "1019"})


def code_of(reply: Reply) -> str:
    """Its result code; "" for anything else than an answer."""
    return reply.text("code") if reply.status < 400 else ""


def problem(reply: Reply) -> CarrierError:
    """What a reply that is not good means."""
    code, text = code_of(reply), reply.text("message")
    if code in REFUSAL_LABELS:
        field = ABOUT.get(code, "sender")
        return CarrierRefused(say(REFUSAL_LABELS[code]), raw_code=code, raw_text=text, field=field)
    if code == EXISTS:
        return CarrierExists(say("Flash has a parcel of this reference already"), raw_code=code, raw_text=text)
    if code == PICKED_UP:
        return CarrierTooLate(say("The parcel was picked up already"), raw_code=code, raw_text=text)
    if code in UNKNOWN:
        return unknown(code, text)
    if code in KEYS:
        return silent(Silence(code, text, final=True))
    if code == "0":
        return silent(Silence(f"{code} {text}".strip()))
    return refused(code, _details(reply) or text) if code and code != GOOD else by_status(reply, code, text)


def _details(reply: Reply) -> str:
    """What 1000 says of each field."""
    found = (text for texts in reply.part("data").values() for text in (texts if isinstance(texts, list) else [texts]))
    return " ".join(words(text) for text in found)


def events_of(parcel: Mapping[str, Any]) -> tuple[CarrierEvent, ...]:
    """What a parcel's routes say, oldest first. Where it stands as a whole (``state``) is one more event when the
    routes end elsewhere: some states have no route of their own."""
    routes = parcel.get("routes")
    told: list[CarrierEvent] = []
    for route in reversed(routes if isinstance(routes, list) else []):
        if isinstance(route, dict) and (at := _moment(route.get("routedAt"))) is not None:
            code = words(route.get("routeAction"))
            before = told[-1].status if told else T.CREATED
            status = before if code in ONLY_SAID else ROUTES.get(code, T.UNKNOWN)
            told.append(CarrierEvent(at, status, code, words(route.get("message"), 500)))
    state = words(parcel.get("state"))
    whole = STATES.get(state, T.UNKNOWN)
    if whole is T.RETURNED:  # signed for, but by the sender
        told = [replace(e, status=T.RETURNED) if e.status is T.DELIVERED else e for e in told]
    events = homeward(told)
    ends = events[-1].status if events else None
    if state and whole is not ends and ends is not T.LOST and (whole in LAST or (told and whole is T.UNKNOWN)):
        at = events[-1].at if events else clock.now()
        events += (CarrierEvent(at, whole, f"state:{state}", words(parcel.get("stateText"), 500)),)
    return events


def _moment(seconds: Any) -> datetime | None:
    text = words(seconds)
    return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdigit() and len(text) < 12 else None


def news_of(row: Mapping[str, Any]) -> ParcelNews | None:
    """Which parcel a webhook is about."""
    number, newer = words(row.get("pno")), words(row.get("recentPno"))
    reference = words(row.get("outTradeNo"))
    others = (newer,) if newer and newer != number else ()
    return ParcelNews(number, reference=reference, other_numbers=others) if number or reference else None


def place(which: str, address: Address) -> dict[str, object]:
    """An address as the fields of ``src``, ``dst`` or ``return``."""
    return near(which, address) | {
        f"{which}Name": address.name[:50], f"{which}Phone": address.phone[:20],
        f"{which}DetailAddress": address.line[:200],
    }  # fmt: skip


def near(which: str, address: Address) -> dict[str, object]:
    """Names as Flash has them: Bangkok short, districts without the word in front."""
    return {
        f"{which}ProvinceName": address.province.replace("กรุงเทพมหานคร", "กรุงเทพ"),
        f"{which}CityName": address.district.removeprefix("เขต"), f"{which}PostalCode": address.postcode,
        f"{which}DistrictName": address.subdistrict.removeprefix("แขวง"),
    }  # fmt: skip


def size_of(size: Size | None) -> dict[str, object]:
    """Centimetres."""
    return {"width": size.width, "length": size.length, "height": size.height} if size else {}
