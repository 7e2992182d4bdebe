"""Strict simulator of Shippop: the key in the body, an unpaid purchase first, the carrier's number after payment."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request

from oms import clock
from views.sandbox.book import Fault, Refusal
from views.sandbox.parcels import CarrierSandbox, Hook, Parcel, ParcelBook, Step, answered, label_pdf

COURIERS = {"EMST": ("EMS Thailand Post", 42), "FLE": ("Flash Express", 38), "KRYX": ("KEX Express", 40)}
CODES = {
    "KRYX": {"picked_up": "010", "in_transit": "102", "out_for_delivery": "045", "delivered": "POD",
             "returned": "POD"},
    "EMST": {"picked_up": "103", "in_transit": "201", "out_for_delivery": "301", "failed": "401", "refused": "401",
             "returning": "203", "moving_back": "201", "returned": "501", "delivered": "501"},
}  # fmt: skip
WHOLE = {
    "": "booking", "canceled": "cancel", "delivered": "complete", "returning": "return", "moving_back": "return",
    "returned": "return", "lost": "problem", "refused": "problem", "odd": "teleported",
}  # fmt: skip
SIZES = {
    "A4": (210, 297), "A5": (148, 210), "A6": (105, 148), "sticker4x6": (100, 150), "sticker": (80, 80),
    "sticker100x75": (100, 75), "letter": (162, 80), "letter4x6": (152, 90),
}  # fmt: skip
PLACE = {"name": str, "address": str, "district": str, "state": str, "province": str, "postcode": str, "tel": str}
PARCEL = {"name": str, "weight": int, "width": int, "length": int, "height": int}
PRODUCT = {"product_code": str, "name": str, "category": str, "price": int, "amount": int, "weight": int}
SHIPMENT: dict[str, Any] = {"from": PLACE, "to": PLACE, "parcel": PARCEL}
MAY: dict[str, Any] = {
    "courier_code": str, "cod_amount": int, "showall": int, "remark": str, "insurance_code": str, "product": list,
    "declared_value": int, "meta": dict,
}  # fmt: skip


class ShippopSandbox(CarrierSandbox):
    """One account. ``late``: so many looks until the carrier's number is there."""

    name = "shippop"
    accepts = '{"success":1}'

    def __init__(
        self, key: str = "shippop-key", email: str = "shop@example.com", book: ParcelBook | None = None
    ) -> None:
        super().__init__(book)
        self.key, self.email = key, email
        self.purchases: dict[int, dict[str, Any]] = {}
        self.late = 0

    def no(self, message: str, code: str = "400", **more: Any) -> Refusal:
        """A refusal, which is HTTP 200."""
        return Refusal(200, {"status": False, "code": code, "message": message} | more)

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """One operation."""
        body = request.get_json(silent=True)
        if request.method != "POST" or request.mimetype != "application/json" or not isinstance(body, dict):
            raise Refusal(400, {"status": False, "message": "POST JSON"})
        if request.path == "/tracking/":
            return self._tracking(_only(self, body, {"tracking_code": str}))
        if body.pop("api_key", None) != self.key or answered(fault, "bad_signature"):
            raise self.no("Invalid API key", "401")
        if answered(fault, "bank_down"):
            raise self.no("Service maintenance", "SERVICE_MAINTENANCE")
        operate = {
            "/pricelist/": self._pricelist, "/booking/": self._booking, "/confirm/": self._confirm,
            "/tracking_purchase/": self._purchase, "/label_tracking_code/": self._label, "/cancel/": self._cancel,
        }.get(request.path)  # fmt: skip
        if operate is None:
            raise Refusal(404, {"status": False, "message": "no such address"})
        return {"status": True} | operate(body)

    def _shipment(self, found: Any) -> dict[str, Any]:
        """Checked field by field."""
        if not isinstance(found, dict):
            raise self.no("data")
        for name, known in SHIPMENT.items():
            part = found.get(name)
            extra = {"email"} if name != "parcel" else set()
            wrong = not isinstance(part, dict) or not set(known) <= set(part) <= set(known) | extra
            if wrong or any(type(part[k]) is not kind for k, kind in known.items()):
                raise self.no(f"{name} is incomplete")
        if any(k not in SHIPMENT and type(v) is not MAY.get(k) for k, v in found.items()):
            raise self.no("unknown field")
        for which, code in (("from", "ERR_ORIGIN"), ("to", "ERR_DEST")):
            if not re.fullmatch(r"\d{5}", found[which]["postcode"]):
                raise self.no("Invalid area", code)
        if not 0 < found["parcel"]["weight"] <= 30_000:
            raise self.no("Over weight", "ERR_OVER_WEIGHT")
        if found.get("cod_amount", 0) > 50_000:
            raise self.no("COD Amount Exceed", "ERR_COD_AMOUNT_EXCEED")
        return found

    def _offer(self, code: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        name, base = COURIERS[code]
        cod = asked.get("cod_amount", 0)
        good = not (cod and code == "KRYX")
        price = base + asked["parcel"]["weight"] // 1000 * 5
        return {
            "courier_code": code, "courier_name": name, "price": f"{price}", "estimate_time": "1 - 2 วัน",
            "available": good, "remark": "" if good else "COD", "err_code": "" if good else "NOT_SUPPORT_COD",
            "price_cod": cod * 3 // 100, "price_cod_vat": 0,
        }  # fmt: skip

    def _pricelist(self, body: dict[str, Any]) -> dict[str, Any]:
        _only(self, body, {"data": dict})
        data = {}
        for key, found in body["data"].items():
            asked = self._shipment(found)
            codes = [asked["courier_code"]] if asked.get("courier_code") else list(COURIERS)
            offers = {code: self._offer(code, asked) for code in codes if code in COURIERS}
            data[key] = {c: o for c, o in offers.items() if o["available"] or asked.get("showall")}
        return {"data": data}

    def _booking(self, body: dict[str, Any]) -> dict[str, Any]:
        _only(self, body, {"email": str, "data": list})
        if body["email"] != self.email or len(body["data"]) != 1:
            raise self.no("email")
        asked = self._shipment(body["data"][0])
        if asked.get("courier_code") not in COURIERS:
            raise self.no("courier_code", "404")
        products = asked.get("product", [])
        if asked.get("cod_amount") and not all(set(p) == set(PRODUCT) for p in products or [{}]):
            raise self.no("product is required for COD")
        offer = self._offer(asked["courier_code"], asked)
        if not offer["available"]:
            row = {"status": False, "courier_code": offer["courier_code"], "code": offer["err_code"], "message": "COD"}
            return {"purchase_id": 0, "data": {"0": row}}
        with self.book.lock:
            serial = self.book.next_serial()
            code = f"SP{452_000_000 + serial}"
            self.purchases[452_000 + serial] = {"paid": False, "code": code, "asked": asked, "price": offer["price"]}
        row = {"status": True, "tracking_code": code, "price": int(offer["price"]), "discount": 0,
               "courier_code": asked["courier_code"], "courier_tracking_code": ""}  # fmt: skip
        return {"purchase_id": 452_000 + serial, "total_price": int(offer["price"]), "data": {"0": row}}

    def _bought(self, purchase_id: Any) -> dict[str, Any]:
        if type(purchase_id) is not int or purchase_id not in self.purchases:
            raise self.no("Not found Purchase", "404")
        return self.purchases[purchase_id]

    def _confirm(self, body: dict[str, Any]) -> dict[str, Any]:
        purchase = self._bought(_only(self, body, {"purchase_id": int})["purchase_id"])
        with self.book.lock:
            if purchase["paid"]:
                raise self.no("Purchase confirmed already")
            asked, code = purchase["asked"], purchase["code"]
            row = {"tracking_code": code, "courier_code": asked["courier_code"]}
            if "ไม่รับ" in asked["to"]["address"]:
                return {
                    "result": {"0": row | {"status": False, "courier_tracking_code": "", "message": "Invalid Address"}}
                }
            purchase["paid"] = True
            number = f"EA{code[-8:]}7TH" if asked["courier_code"] == "EMST" else f"TH{code[-9:]}A"
            self.book.add(Parcel(number, asked.get("meta", {}).get("ref_no_1", ""), asked, code=code))
        return {"result": {"0": row | {"status": True, "courier_tracking_code": self._number(code)}}}

    def _number(self, code: str) -> str:
        """The carrier's number, which may come late."""
        if self.late > 0:
            self.late -= 1
            return ""
        return next(p.number for p in self.book.parcels.values() if p.code == code)

    def _purchase(self, body: dict[str, Any]) -> dict[str, Any]:
        known = _only(self, body, {"purchase_id": int, "email": str})
        purchase = self._bought(known["purchase_id"])
        number = self._number(purchase["code"]) if purchase["paid"] else ""
        row = {
            "price": f"{purchase['price']}.00", "courier_code": purchase["asked"]["courier_code"],
            "tracking_code": purchase["code"], "courier_tracking_code": number,
            "status": "booking" if purchase["paid"] else "wait",
        }  # fmt: skip
        status = "paid" if purchase["paid"] else "unpaid"
        return {"purchase_id": known["purchase_id"], "purchase_status": status, "data": {"0": row}}

    def _find(self, code: str) -> Parcel | None:
        return next((p for p in self.book.parcels.values() if code in {p.code, p.number}), None)

    def _tracking(self, body: dict[str, Any]) -> dict[str, Any]:
        parcel = self._find(body["tracking_code"])
        if parcel is None:
            raise self.no("Not found Tracking_code", "404")
        courier = parcel.facts.get("courier_code", "EMST")
        rows = {
            str(i): {
                "status": CODES.get(courier, {}).get(step.name, f"X{i}"), "location": step.place,
                "datetime": clock.local(step.at).strftime("%Y-%m-%d %H:%M:%S"), "description": step.name,
            }
            for i, step in enumerate(parcel.steps)
        }  # fmt: skip
        return {
            "status": True, "order_status": WHOLE.get(parcel.stands, "shipping"), "order_cancel_detail": "",
            "courier_code": courier, "tracking_code": parcel.code, "courier_tracking_code": parcel.number,
            "state": rows, "states": list(rows.values()),
        }  # fmt: skip

    def _label(self, body: dict[str, Any]) -> dict[str, Any]:
        known = _only(self, body, {"tracking_code": str, "size": str, "type": str})
        parcel = next((p for p in self.book.parcels.values() if p.code == known["tracking_code"]), None)
        if parcel is None:
            raise self.no("Purchase unconfirmed", "404")
        if known["size"] not in SIZES or known["type"] != "pdf":
            raise self.no("size")
        return {"pdf": base64.b64encode(label_pdf(parcel.number, *SIZES[known["size"]])).decode()}

    def _cancel(self, body: dict[str, Any]) -> dict[str, Any]:
        number = _only(self, body, {"courier_tracking_code": str})["courier_tracking_code"]
        parcel = self.book.parcels.get(number)
        if parcel is None:
            raise self.no("Not found", "404")
        if parcel.stands:
            raise self.no("Cannot cancel")
        self.book.move(number, "canceled")
        return {}

    def hook(self, parcel: Parcel, step: Step) -> Hook:
        """Unsigned."""
        told = {
            "tracking_code": parcel.code or parcel.number, "order_status": WHOLE.get(step.name, "shipping"),
            "data": {"datetime": clock.local(step.at).strftime("%Y-%m-%d %H:%M:%S")},
        }  # fmt: skip
        return Hook({"content-type": "application/json"}, json.dumps(told).encode())


def _only(sandbox: ShippopSandbox, body: dict[str, Any], known: Mapping[str, type]) -> dict[str, Any]:
    """Exactly these fields of these types."""
    if set(body) != set(known) or any(type(body[name]) is not kind for name, kind in known.items()):
        raise sandbox.no(f"fields: {sorted(body)}")
    return body
