"""A simulated carrier running on its own port, and an adapter of ours that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from oms.carriers.port import Ability, Address, Booking, BookingRequest, Carrier, Item, RateRequest, Size
from oms.carriers.registry import ADAPTERS, open_carrier
from oms.money import Money
from oms.net.transport import Patience
from views.sandbox.carriers_flash import FlashSandbox
from views.sandbox.carriers_ninjavan import NinjaVanSandbox
from views.sandbox.carriers_shippop import ShippopSandbox
from views.sandbox.carriers_thaipost import ThailandPostSandbox
from views.sandbox.server import running

IMPATIENT = Patience(connect=3.0, read=0.8, whole=1.6)  # still long on a busy machine
SETTINGS: dict[str, dict[str, str]] = {
    "flash": {"merchant": "AA0005", "api_key": "flashkey"},
    "thaipost": {"api_key": "post+key/with=signs", "hook_key": "hook-word"},
    "ninjavan": {"client_id": "nv-client", "client_secret": "nvclientsecret", "prefix": "NVTH"},
    "shippop": {"api_key": "shippop-key", "email": "shop@example.com"},
}
MADE: dict[str, Callable[[], Any]] = {
    "flash": FlashSandbox, "thaipost": ThailandPostSandbox, "ninjavan": NinjaVanSandbox, "shippop": ShippopSandbox,
}  # fmt: skip
SERVICES = {"flash": "1", "ninjavan": "Standard", "shippop": "EMST"}

SENDER = Address("ร้านรวม", "021234567", "99/1 ถ.สีลม", "สีลม", "บางรัก", "กรุงเทพมหานคร", "10500")
RECEIVER = Address("สมชาย ใจดี", "0812345678", "127 หมู่ 3", "หนองแหย่ง", "สันทราย", "เชียงใหม่", "50210")


def request(reference: str = "SH-001001-1", **facts: Any) -> BookingRequest:
    """A parcel of 1,250 g to Chiang Mai."""
    return replace(
        BookingRequest(
            reference, SENDER, RECEIVER, 1250, Size(20, 30, 10), items=(Item("เสื้อยืด", 2),), remark="โทรก่อนส่ง"
        ),
        **facts,
    )


def rate_request(**facts: Any) -> RateRequest:
    """The same to be priced."""
    return replace(RateRequest(SENDER, RECEIVER, 1250), **facts)


@dataclass
class Play:
    """One carrier on stage."""

    code: str
    sandbox: Any
    host: str
    carrier: Carrier

    def can(self, ability: Ability) -> bool:
        """Whether the adapter says it can."""
        return ability in self.carrier.abilities

    def request(self, reference: str = "SH-001001-1", **facts: Any) -> BookingRequest:
        """A parcel, by a service the carrier has."""
        return request(reference, **({"service": SERVICES.get(self.code, "")} | facts))

    def book(self, asked: BookingRequest) -> Booking:
        """Both halves, as a caller does it."""
        resume = asked.resume or self.carrier.prepare(asked)
        return self.carrier.book(replace(asked, resume=resume))

    def a_parcel(self) -> str:
        """The number of a parcel the carrier knows."""
        if self.can(Ability.BOOK):
            return self.book(self.request()).tracking_no
        self.sandbox.post("ED852942182TH")
        return "ED852942182TH"

    def again(self, **changed: str) -> Carrier:
        """Another account with other settings."""
        return opened(self.code, self.host, changed)

    @property
    def parcels(self) -> Mapping[str, Any]:
        """What the carrier has."""
        return self.sandbox.book.parcels

    @property
    def asked(self) -> list[str]:
        """The addresses that were asked, tokens left out."""
        return [c.path for c in self.sandbox.book.calls if "token" not in c.path]


def opened(code: str, host: str, changed: Mapping[str, str] | None = None) -> Carrier:
    """An account whose patience is short."""
    return open_carrier(code, host, SETTINGS[code] | dict(changed or {}), IMPATIENT)


@contextmanager
def on_stage(code: str) -> Iterator[Play]:
    """Start it, ask it, stop it."""
    sandbox = MADE[code]()
    with running(sandbox) as url:
        host = f"{url}{sandbox.root}"
        carrier = opened(code, host)
        try:
            yield Play(code, sandbox, host, carrier)
        finally:
            carrier.close()


COD = Money.satang(159_000)
ALL = tuple(ADAPTERS)
BOOKING = tuple(code for code in ALL if Ability.BOOK in ADAPTERS[code].abilities)
