"""Strict simulator of Flash Express: signed form fields, HTTP 200 for everything, addresses by its own names."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.wrappers import Request, Response

from views.sandbox.book import Fault, Refusal
from views.sandbox.parcels import CarrierSandbox, Hook, Parcel, ParcelBook, Step, answered, pdf
from views.sandbox.places import is_place

BLANK = re.compile(r"[\t\n\v\f\r\x1c-\x1f ]*")
SAID = {
    1000: "ตรวจสอบข้อมูลผิดพลาด", 1001: "ไม่พบลูกค้า", 1002: "ลายเซ็นไม่ถูกต้อง", 1003: "คำสั่งซื้อนี้มีอยู่แล้ว",
    1004: "ที่อยู่ผู้ส่งไม่ถูกต้อง", 1005: "ที่อยู่ผู้รับไม่ถูกต้อง", 1006: "ไม่พบคำสั่งซื้อ", 1007: "ไม่พบคลังสินค้า",
    1008: "ยังไม่เปิดบริการ COD", 1010: "แจ้งเข้ารับแล้ว", 1015: "เข้ารับพัสดุแล้ว", 1018: "ไม่มีที่อยู่ผู้ส่ง",
    1019: "เลขพัสดุไม่ใช่ของลูกค้านี้", 1021: "รหัสไปรษณีย์ไม่ถูกต้อง", 0: "ระบบขัดข้อง",
}  # fmt: skip
TEXT, NUMBER, FLAG = "text", "number", "flag"
ADDRESS = {
    "Name": 50, "Phone": 20, "ProvinceName": 150, "CityName": 150, "DistrictName": 150, "PostalCode": 20,
    "DetailAddress": 200,
}  # fmt: skip
ORDER: dict[str, tuple[str, int]] = {
    "outTradeNo": (TEXT, 64), "expressCategory": (NUMBER, 1), "warehouseNo": (TEXT, 32), "articleCategory": (NUMBER, 2),
    "weight": (NUMBER, 6), "width": (NUMBER, 3), "length": (NUMBER, 3), "height": (NUMBER, 3), "insured": (FLAG, 1),
    "insureDeclareValue": (NUMBER, 9), "codEnabled": (FLAG, 1), "codAmount": (NUMBER, 9), "remark": (TEXT, 200),
    "mchPno": (TEXT, 20), "dstHomePhone": (TEXT, 20), "opdInsureEnabled": (FLAG, 1), "pricingTable": (NUMBER, 1),
    **{f"{which}{name}": (TEXT, most) for which in ("src", "dst", "return") for name, most in ADDRESS.items()},
}  # fmt: skip
REQUIRED = {
    "outTradeNo", "expressCategory", "dstName", "dstPhone", "dstProvinceName", "dstCityName", "dstPostalCode",
    "dstDetailAddress", "articleCategory", "weight", "insured", "codEnabled",
}  # fmt: skip
RATE = {"srcProvinceName", "srcCityName", "srcPostalCode", "dstProvinceName", "dstCityName", "dstPostalCode", "weight"}
FIXED = {"mchId", "nonceStr", "sign"}
STATES = {
    "": 0, "picked_up": 1, "in_transit": 2, "out_for_delivery": 3, "failed": 4, "delivered": 5, "refused": 6,
    "returning": 2, "moving_back": 2, "returned": 7, "lost": 8, "canceled": 9, "odd": 42,
}  # fmt: skip
ROUTES = {
    "picked_up": "RECEIVED", "in_transit": "SHIPMENT_WAREHOUSE_SCAN", "failed": "DETAIN_WAREHOUSE",
    "out_for_delivery": "DELIVERY_TICKET_CREATION_SCAN", "delivered": "DELIVERY_CONFIRM",
    "refused": "DIFFICULTY_HANDOVER", "returning": "SYSTEM_AUTO_RETURN", "moving_back": "ARRIVAL_WAREHOUSE_SCAN",
    "returned": "DELIVERY_CONFIRM", "lost": "DIFFICULTY_FINISH_INDEMNITY", "canceled": "CANCEL_PARCEL",
    "odd": "MOON_LANDING_SCAN",
}  # fmt: skip
TEXTS = {"delivered": "พัสดุของคุณถูกเซ็นรับแล้ว", "returned": "ผู้ส่งเซ็นรับพัสดุตีกลับแล้ว", "picked_up": "พนักงานเข้ารับพัสดุแล้ว"}


class FlashSandbox(CarrierSandbox):
    """Under ``/open``: one merchant with one warehouse."""

    name = "flash"
    accepts = '{"errorCode":"1","state":"success"}'

    def __init__(self, merchant: str = "AA0005", key: str = "flashkey", book: ParcelBook | None = None) -> None:
        super().__init__(book)
        self.merchant, self.key, self.warehouse = merchant, key, f"{merchant}_001"
        self.nonces: set[str] = set()
        self.called: dict[str, int] = {}
        self.no_cod = False

    def no(self, code: int, data: Any = None) -> Refusal:
        """A refusal, which is HTTP 200."""
        return Refusal(200, {"code": code, "message": SAID[code], "data": data})

    def sign(self, fields: Mapping[str, str]) -> str:
        """The signature of these fields."""
        said = [f"{k}={v}" for k, v in sorted(fields.items()) if k != "sign" and not BLANK.fullmatch(v)]
        return hashlib.sha256("&".join([*said, f"key={self.key}"]).encode()).hexdigest().upper()

    def _fields(self, request: Request, fault: Fault | None) -> dict[str, str]:
        fields = request.form.to_dict()
        if request.method != "POST" or request.mimetype != "application/x-www-form-urlencoded" or request.args:
            raise self.no(1000, {"request": ["POST form"]})
        if fields.get("mchId") != self.merchant:
            raise self.no(1001)
        nonce = fields.get("nonceStr", "")
        fresh = bool(nonce) and len(nonce) <= 32 and nonce not in self.nonces
        if not fresh or fields.get("sign") != self.sign(fields) or answered(fault, "bad_signature"):
            raise self.no(1002)
        self.nonces.add(nonce)
        return {k: v for k, v in fields.items() if k not in FIXED}

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One operation."""
        fields = self._fields(request, fault)
        if answered(fault, "bank_down"):
            raise self.no(0)
        answer = self._operate(request.path, fields)
        return answer if isinstance(answer, Response) else {"code": 1, "message": "success", "data": answer}

    def _operate(self, path: str, fields: dict[str, str]) -> Any:
        if path == "/open/v1/ping":
            return self._none(fields)
        if path in {"/open/v3/orders", "/open/v3/ordersByMchPno"}:
            return self._order(fields, own=path.endswith("MchPno"))
        if path == "/open/v1/orders/routesBatch":
            return self._batch(fields)
        if path == "/open/v1/orders/estimate_rate":
            return self._rate(fields)
        if path == "/open/v1/notify":
            return self._notify(fields)
        if found := re.fullmatch(r"/open/v1/orders/([^/]+)/(cancel|routes|pre_print|small/pre_print)", path):
            self._none(fields)
            return self._parcel(found[1], found[2])
        raise self.no(1000, {"path": [path]})

    def _none(self, fields: Mapping[str, str]) -> None:
        if fields:
            raise self.no(1000, {name: ["ไม่รู้จัก"] for name in fields})

    def _check(self, fields: Mapping[str, str], required: set[str], known: Mapping[str, tuple[str, int]]) -> None:
        wrong: dict[str, list[str]] = {name: ["ต้องระบุ"] for name in required if not fields.get(name)}
        for name, value in fields.items():
            kind, most = known.get(name, ("", 0))
            if not kind:
                wrong[name] = ["ไม่รู้จัก"]
            elif len(value) > most:
                wrong[name] = [f"ยาวเกิน {most}"]
            elif (kind == NUMBER and not value.isdecimal()) or (kind == FLAG and value not in {"0", "1"}):
                wrong[name] = ["ต้องเป็นตัวเลข"]
        if wrong:
            raise self.no(1000, wrong)

    def _places(self, fields: Mapping[str, str]) -> None:
        """1004 for the sender, 1005 for the receiver. Bangkok is กรุงเทพ here."""
        for which, code in (("src", 1004), ("dst", 1005)):
            province = fields.get(f"{which}ProvinceName", "")
            if not province and which == "src":
                continue
            known = {"กรุงเทพ": "กรุงเทพมหานคร", "กรุงเทพมหานคร": "?"}.get(province, province)
            if not is_place(known, fields.get(f"{which}CityName", "")):
                raise self.no(code)
            if not re.fullmatch(r"\d{5}", fields.get(f"{which}PostalCode", "")):
                raise self.no(1021)

    def _origin(self, fields: Mapping[str, str]) -> str:
        if fields.get("warehouseNo"):
            if fields["warehouseNo"] != self.warehouse:
                raise self.no(1007)
            return self.warehouse
        needed = [f"src{name}" for name in ADDRESS if name != "DistrictName"]
        if not all(fields.get(name) for name in needed):
            raise self.no(1018)
        return fields["srcDetailAddress"]

    def _order(self, fields: dict[str, str], *, own: bool) -> dict[str, Any]:
        self._check(fields, REQUIRED | ({"mchPno"} if own else set()), ORDER)
        self._origin(fields)
        self._places(fields)
        if int(fields["weight"]) <= 0 or int(fields["weight"]) > 50_000:
            raise self.no(1000, {"weight": ["น้ำหนักไม่ถูกต้อง"]})
        if fields["codEnabled"] == "1" and (self.no_cod or int(fields.get("codAmount", 0)) <= 0):
            raise self.no(1008 if self.no_cod else 1000, {"codAmount": ["ต้องระบุ"]})
        with self.book.lock:
            number = fields["mchPno"] if own else f"TH0112{self.book.next_serial():06d}A"
            if self.book.by_reference(fields["outTradeNo"]) or number in self.book.parcels:
                raise self.no(1003)
            self.book.add(Parcel(number, fields["outTradeNo"], dict(fields)))
        known = {"mchPno" if own else "pno": number, "mchId": self.merchant, "sortCode": "01N-CNXY-00"}
        return known | {"outTradeNo": fields["outTradeNo"], "dstStoreName": "เชียงใหม่-DC", "upcountry": False}

    def _known(self, number: str) -> Parcel:
        if number not in self.book.parcels:
            raise self.no(1006)
        return self.book.parcels[number]

    def _parcel(self, number: str, what: str) -> Any:
        parcel = self._known(number)
        if what == "routes":
            return self.routes(parcel)
        if what == "pre_print":
            return pdf(number, 100, 180)
        if what == "small/pre_print":
            return pdf(number, 100, 75)
        if parcel.stands not in {"", "canceled"}:
            raise self.no(1015)
        if not parcel.stands:
            self.book.move(number, "canceled")
        return None

    def routes(self, parcel: Parcel) -> dict[str, Any]:
        """Newest first."""
        told = [
            {"routedAt": int(s.at.timestamp()), "routeAction": ROUTES[s.name], "message": TEXTS.get(s.name, s.place)}
            for s in reversed(parcel.steps)
        ]
        return {"pno": parcel.number, "state": STATES[parcel.stands], "stateText": parcel.stands, "routes": told}

    def _batch(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        self._check(fields, {"pnos"}, {"pnos": (TEXT, 4000)})
        numbers = fields["pnos"].split(",")
        if len(numbers) > 100 or len(set(numbers)) != len(numbers):
            raise self.no(1000, {"pnos": ["ไม่เกิน 100"]})
        return [self.routes(self.book.parcels[n]) for n in numbers if n in self.book.parcels]

    def _rate(self, fields: dict[str, str]) -> dict[str, Any]:
        self._check(fields, RATE, ORDER)
        self._places(fields)
        remote = fields["dstPostalCode"] == "84140"
        price = 2800 + 1000 * (int(fields["weight"]) // 1000)
        return {"estimatePrice": str(price), "upCountryAmount": "5000" if remote else "0", "upCountry": remote}

    def _notify(self, fields: dict[str, str]) -> dict[str, Any]:
        self._check(fields, {"estimateParcelNumber"}, ORDER | {"estimateParcelNumber": (NUMBER, 4)})
        where = self._origin(fields)
        if where in self.called:
            raise self.no(1010, {"ticketPickupId": self.called[where]})
        self.called[where] = 7391 + len(self.called)
        return {"ticketPickupId": self.called[where]}

    def hook(self, parcel: Parcel, step: Step) -> Hook:
        """Signed over the merchant and the random text alone."""
        signed = {"mchId": self.merchant, "nonceStr": secrets.token_hex(8)}
        data = {
            "orderId": "5b3d98f7", "outTradeNo": parcel.reference, "pno": parcel.number, "recentPno": "",
            "state": STATES[step.name], "stateText": step.name, "routedAt": int(step.at.timestamp()),
        }  # fmt: skip
        form = signed | {"sign": self.sign(signed), "data": json.dumps(data, ensure_ascii=False)}
        return Hook({"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode())

    def missigned(self, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
        """Another signature."""
        form = dict(parse_qsl(body.decode()))
        return headers, urlencode(form | {"sign": form["sign"][::-1]}).encode()
