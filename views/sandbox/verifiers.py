"""Strict simulators of SlipOK, EasySlip and Slip2Go: portals asked by the text of a slip's QR."""

from __future__ import annotations

import hmac
import uuid
from datetime import UTC
from typing import Any

from werkzeug.wrappers import Request

from oms import clock
from views.sandbox.book import Book, Entry, Fault, Refusal, Sandbox, bent, need, strict
from views.sandbox.slip_qr import NoSlip, bank_and_reference


def bank_model(entry: Entry) -> dict[str, Any]:
    """A transfer as KBank and SCB tell it, and SlipOK after them."""
    local = clock.local(entry.at)
    proxy = {"type": entry.proxy_type, "value": entry.proxy}
    return {
        "transRef": entry.reference, "sendingBank": entry.sending_bank, "receivingBank": entry.receiving_bank,
        "transDate": local.strftime("%Y%m%d"), "transTime": local.strftime("%H:%M:%S"),
        "transTimestamp": entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "sender": {
            "displayName": entry.sender, "name": entry.sender, "proxy": {"type": None, "value": None},
            "account": {"type": "BANKAC", "value": entry.sender_account},
        },
        "receiver": {
            "displayName": entry.receiver, "name": entry.receiver, "proxy": proxy,
            "account": {"type": entry.account_type, "value": entry.receiver_account},
        },
        "amount": entry.amount, "paidLocalAmount": entry.amount, "paidLocalCurrency": "764", "countryCode": "TH",
        "transFeeAmount": 0, "ref1": "", "ref2": "", "ref3": "", "toMerchantId": "",
    }  # fmt: skip


def portal_party(name: Any, bank: str, account: str, kind: str, proxy: tuple[Any, Any]) -> dict[str, Any]:
    """Payer or receiver as EasySlip and Slip2Go tell it."""
    numbers: dict[str, Any] = {"name": name, "bank": {"type": kind, "account": account}}
    if proxy[0]:
        numbers["proxy"] = {"type": proxy[0], "account": proxy[1]}
    return {"bank": {"id": bank, "name": f"bank {bank}", "short": "B"}, "account": numbers}


class SlipOkSandbox(Sandbox):
    """``POST /{branch}`` and ``GET /{branch}/quota`` under ``/api/line/apikey``."""

    name = "slipok"
    root = "/api/line/apikey"

    def __init__(self, branch: str = "12345", key: str = "SLIPOK-key", book: Book | None = None) -> None:
        super().__init__(book)
        self.branch, self.key = branch, key
        self.package_ended = False

    def _no(self, code: int, message: str, status: int = 400, **more: Any) -> Refusal:
        return Refusal(status, {"code": code, "message": message} | more)

    def _let_in(self, request: Request) -> str:
        branch, _, rest = request.path.removeprefix(f"{self.root}/").partition("/")
        if not request.path.startswith(f"{self.root}/") or branch != self.branch:
            raise self._no(1001, "ไม่พบสาขา", 404)
        if not hmac.compare_digest(request.headers.get("x-authorization", "").encode(), self.key.encode()):
            raise self._no(1002, "Authorization Header ไม่ถูกต้อง", 401)
        if self.package_ended:
            raise self._no(1003, "Package ของคุณหมดอายุแล้ว")
        return rest

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """One question or the quota."""
        rest = self._let_in(request)
        if request.method == "GET" and rest == "quota":
            quota = {"quota": self.book.quota, "overQuota": 0, "specialQuota": 0, "endDate": "2027-01-31"}
            return {"success": True, "data": quota}
        if request.method != "POST" or rest:
            raise self._no(1000, "ไม่พบคำสั่ง", 404)
        try:
            body = strict(request, {"data": str}, {"log": bool, "amount": float})
        except ValueError:
            raise self._no(1000, "กรุณาใส่ข้อมูล QR Code ให้ครบ") from None
        return self._verify(body, fault)

    def _verify(self, body: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
        try:
            key = bank_and_reference(body["data"])
        except NoSlip:
            raise self._no(1008, "QR Code ไม่ใช่ QR สำหรับการตรวจสอบการชำระเงิน") from None
        if not self.book.spend():
            raise self._no(1004, "ใช้งานเกินโควต้า")
        if fault is not None and fault.kind == "bank_down":
            raise self._no(1009, "ขัดข้องชั่วคราวจากธนาคาร")
        if fault is not None and fault.kind == "delay":
            facts = {"bankCode": key[0], "bankName": "ธนาคาร", "delay": fault.minutes}
            raise self._no(1010, "สลิปใหม่ โปรดรอ", data=facts)
        entry = self.book.entries.get(key)
        if entry is None:
            raise self._no(1011, "QR Code หมดอายุ หรือไม่มีรายการอยู่จริง")
        data = {"success": True, "message": "✅", "language": "TH"} | bank_model(bent(entry, fault))
        if body.get("log") and self.book.seen(key):
            raise self._no(1012, "สลิปซ้ำ สลิปนี้เคยส่งเข้ามาในระบบแล้ว", data=data)
        if fault is not None and fault.kind == "amount":
            raise self._no(1013, "ยอดที่ส่งมาไม่ตรงกับยอดสลิป", data=data)
        if fault is not None and fault.kind == "receiver":
            raise self._no(1014, "บัญชีผู้รับไม่ตรงกับบัญชีหลักของร้าน", data=data)
        return {"success": True, "data": data}


class EasySlipSandbox(Sandbox):
    """``POST /v2/verify/bank`` and ``GET /v2/info``."""

    name = "easyslip"
    root = "/v2"

    def __init__(self, key: str = "easyslip-key", book: Book | None = None) -> None:
        super().__init__(book)
        self.key = key

    def _no(self, code: str, status: int) -> Refusal:
        error = {"code": code, "message": code.replace("_", " ").lower()}
        return Refusal(status, {"success": False, "error": error})

    def limited(self) -> Refusal:
        """Too many."""
        return Refusal(429, {"success": False, "error": {"code": "RATE_LIMIT", "message": "slow down"}})

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """One question or what is left."""
        given = request.headers.get("authorization", "")
        if not given.startswith("Bearer "):
            raise self._no("MISSING_API_KEY", 401)
        if not hmac.compare_digest(given.encode(), f"Bearer {self.key}".encode()):
            raise self._no("INVALID_API_KEY", 401)
        if (request.method, request.path) == ("GET", f"{self.root}/info"):
            quota = {"used": 0, "max": self.book.quota, "remaining": self.book.quota}
            return {"success": True, "data": {"application": {"name": "shop", "quota": quota}}, "message": "ok"}
        if (request.method, request.path) != ("POST", f"{self.root}/verify/bank"):
            raise self._no("NOT_FOUND", 404)
        try:
            types = {"checkDuplicate": bool, "matchAmount": float, "matchAccount": bool, "remark": str}
            body = strict(request, {"payload": str}, types)
            need(1 <= len(body["payload"]) <= 128, "length")
            key = bank_and_reference(body["payload"])
        except ValueError:
            raise self._no("VALIDATION_ERROR", 400) from None
        return self._verify(key, body, fault)

    def _verify(self, key: tuple[str, str], body: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
        if not self.book.spend():
            raise self._no("QUOTA_EXCEEDED", 403)
        if fault is not None and fault.kind == "bank_down":
            raise self._no("API_SERVER_ERROR", 500)
        if fault is not None and fault.kind == "pending":
            raise self._no("SLIP_PENDING", 404)
        entry = self.book.entries.get(key)
        if entry is None:
            raise self._no("SLIP_NOT_FOUND", 404)
        repeated = self.book.seen(key) if body.get("checkDuplicate") else False
        raw = self.raw(bent(entry, fault), body["payload"])
        data = {"isDuplicate": repeated, "matchedAccount": None, "amountInSlip": entry.amount, "rawSlip": raw}
        return {"success": True, "data": data, "message": "Bank slip verified successfully"}

    def raw(self, entry: Entry, payload: str) -> dict[str, Any]:
        """The slip."""
        amount = {"amount": entry.amount, "local": {"amount": 0, "currency": ""}}
        return {
            "payload": payload, "transRef": entry.reference, "date": clock.local(entry.at).isoformat(),
            "countryCode": "TH", "amount": amount, "fee": 0, "ref1": "", "ref2": "", "ref3": "",
            "sender": portal_party(
                {"th": entry.sender}, entry.sending_bank, entry.sender_account, "BANKAC", (None, None)
            ),
            "receiver": portal_party(
                {"th": entry.receiver}, entry.receiving_bank, entry.receiver_account, entry.account_type,
                (entry.proxy_type, entry.proxy),
            ) | {"merchantId": None},
        }  # fmt: skip


class Slip2GoSandbox(Sandbox):
    """``POST /api/verify-slip/qr-code/info`` and ``GET /api/account/info``."""

    name = "slip2go"
    root = "/api"

    def __init__(self, secret: str = "slip2go-secret", book: Book | None = None) -> None:  # noqa: S107  a made-up one
        super().__init__(book)
        self.secret = secret

    def _no(self, code: str, message: str) -> Refusal:
        return Refusal(int(code[:3]), {"code": code, "message": message})

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """One question or the account."""
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.secret}".encode()):
            raise self._no("401001", "Token Mismatch")
        if (request.method, request.path) == ("GET", f"{self.root}/account/info"):
            data = {
                "shopName": "ร้าน", "package": "BASIC-1", "packageExpiredDate": "2027-01-31T00:00:00.000Z",
                "quotaLimit": 1000, "quotaRemaining": self.book.quota, "creditRemaining": 0,
                "autoRenewalPackage": False, "checkSlipByCredit": False,
            }  # fmt: skip
            return {"code": "200001", "message": "Get Info Success", "data": data}
        if (request.method, request.path) != ("POST", f"{self.root}/verify-slip/qr-code/info"):
            raise self._no("404000", "no such address")
        try:
            payload = strict(request, {"payload": dict})["payload"]
            need(set(payload) <= {"qrCode", "checkCondition"} and isinstance(payload.get("qrCode"), str), "payload")
            asked = payload.get("checkCondition", {})
            need(set(asked) <= {"checkDuplicate", "checkReceiver", "checkAmount", "checkDate"}, "conditions")
        except ValueError:
            raise self._no("400400", "Request object is Invalid") from None
        return self._verify(payload["qrCode"], asked, fault)

    def _verify(self, code: str, asked: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
        try:
            key = bank_and_reference(code)
        except NoSlip:
            raise self._no("400001", "QR Code is incorrect") from None
        if fault is not None and fault.kind == "bank_down":
            raise self._no("500500", "Internal Server Error")
        entry = self.book.entries.get(key)
        data = self.data(bent(entry, fault), code) if entry else {}
        if entry and asked.get("checkDuplicate") and self.book.seen(key):
            return {"code": "200501", "message": "Slip is Duplicated", "data": data}
        if not self.book.spend():
            raise self._no("401005", "Insufficient Quota")
        if entry is None:
            return {"code": "200404", "message": "Slip Not Found"}
        if fault is not None and fault.kind in {"receiver", "amount"}:
            failed = {"receiver": "200401", "amount": "200402"}[fault.kind]
            return {"code": failed, "message": "Not Match", "data": data}
        return {"code": "200200" if asked else "200000", "message": "Slip is Valid", "data": data}

    def data(self, entry: Entry, code: str) -> dict[str, Any]:
        """The slip."""
        return {
            "referenceId": str(uuid.uuid5(uuid.NAMESPACE_URL, code)), "decode": code, "transRef": entry.reference,
            "dateTime": entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"), "amount": entry.amount,
            "ref1": None, "ref2": None, "ref3": None,
            "sender": portal_party(entry.sender, entry.sending_bank, entry.sender_account, "BANKAC", (None, None)),
            "receiver": portal_party(
                entry.receiver, entry.receiving_bank, entry.receiver_account, entry.account_type,
                (entry.proxy_type, entry.proxy),
            ),
        }  # fmt: skip
