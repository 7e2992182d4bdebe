"""What every simulated carrier stands on: parcels that travel by script, and webhooks about them.

Commands of the play: ``GET /_parcels``; ``POST /_parcels`` with ``{"number", "journey", "upto", "move", "reference"}``
(an unknown number is posted at a counter); ``POST /_hooks`` with ``{"url", "number", "times", "order", "spoil"}``.
"""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox import commands
from views.sandbox.book import Fault, Ledger, Simulator
from views.sandbox.telling import teller

JOURNEYS: Mapping[str, tuple[str, ...]] = {
    "delivered": ("picked_up", "in_transit", "out_for_delivery", "delivered"),
    "second_try": ("picked_up", "in_transit", "out_for_delivery", "failed", "out_for_delivery", "delivered"),
    "refused": (
        "picked_up", "in_transit", "out_for_delivery", "refused", "returning", "moving_back", "returned",
    ),
    "lost": ("picked_up", "in_transit", "lost"),
    "odd": ("picked_up", "odd"),
}  # fmt: skip
PLACES = {
    "picked_up": "บางพลี", "in_transit": "วังน้อย", "out_for_delivery": "สันทราย", "delivered": "สันทราย",
    "failed": "สันทราย", "refused": "สันทราย", "returning": "สันทราย", "moving_back": "วังน้อย", "returned": "บางพลี",
    "lost": "วังน้อย", "odd": "ดวงจันทร์", "canceled": "",
}  # fmt: skip
_PARCEL = {
    "number": commands.text(), "reference": commands.text(), "journey": commands.one_of({"", *JOURNEYS}),
    "upto": commands.whole(empty=True), "move": commands.one_of({"", *PLACES}),
}  # fmt: skip
_HOOKS = {
    "url": commands.url(needed=True), "number": commands.text(needed=True), "times": commands.whole(),
    "order": commands.one_of({"", "reversed", "shuffled"}), "spoil": commands.one_of({"", "signature", "body"}),
}  # fmt: skip
PACE, LONG_AGO = timedelta(hours=3), timedelta(days=3)  # a whole journey lies in the past


@dataclass
class Step:
    """Something that happened to a parcel."""

    name: str
    at: datetime

    @property
    def place(self) -> str:
        """Where."""
        return PLACES[self.name]


@dataclass
class Parcel:
    """A parcel as its carrier knows it. ``facts`` are what was booked, in the carrier's words."""

    number: str
    reference: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    code: str = ""
    made_at: datetime = field(default_factory=lambda: (clock.now() - LONG_AGO).replace(microsecond=0))

    @property
    def stands(self) -> str:
        """Its last step; "" when it was only booked."""
        return self.steps[-1].name if self.steps else ""


@dataclass
class ParcelBook(Ledger):
    """The state of one simulated carrier. ``serial`` counts numbers given out."""

    parcels: dict[str, Parcel] = field(default_factory=dict)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    serial: Iterable[int] = field(default_factory=lambda: itertools.count(1))
    watched: set[str] = field(default_factory=set)

    def add(self, parcel: Parcel) -> Parcel:
        """Write a parcel down."""
        with self.lock:
            self.parcels[parcel.number] = parcel
        return parcel

    def by_reference(self, reference: str) -> Parcel | None:
        """The parcel booked under a number of the merchant."""
        return next((p for p in self.parcels.values() if reference and p.reference == reference), None)

    def next_serial(self) -> int:
        """Another serial number."""
        with self.lock:
            return next(iter(self.serial))

    def move(self, number: str, *names: str, began: datetime | None = None) -> Parcel:
        """Let things happen to a parcel, three hours apart."""
        with self.lock:
            parcel = self.parcels[number]
            at = parcel.steps[-1].at + PACE if parcel.steps else began or parcel.made_at + PACE
            for name in names:
                parcel.steps.append(Step(name, at))
                at += PACE
        return parcel

    def travel(self, number: str, journey: str, upto: int | None = None) -> Parcel:
        """Let a parcel go a whole way, or its first steps."""
        return self.move(number, *JOURNEYS[journey][:upto])

    def shown(self) -> dict[str, Any]:
        """What ``GET /_books`` tells."""
        with self.lock:
            parcels = [asdict(p) for p in self.parcels.values()]
            return super().shown() | {"parcels": parcels, "hooks": self.hooks, "watched": sorted(self.watched)}


@dataclass(frozen=True)
class Hook:
    """A webhook as the carrier sends it."""

    headers: Mapping[str, str]
    body: bytes


class CarrierSandbox(Simulator):
    """A simulated carrier. Subclasses answer ``handle``, and ``hook`` where they send webhooks."""

    accepts: ClassVar[str] = ""  # what the answer to a webhook must be, "" for any

    def __init__(self, book: ParcelBook | None = None) -> None:
        self.book = book or ParcelBook()
        super().__init__(self.book)

    def post(self, number: str) -> Parcel:
        """A parcel that was handed in at a counter, without a booking."""
        return self.book.add(Parcel(number))

    def hook(self, parcel: Parcel, step: Step) -> Hook:
        """The webhook of a step, signed."""
        raise ValueError(f"{self.name} sends no webhooks about {parcel.number}, {step.name}")

    def control(self, request: Request) -> dict[str, Any] | None:
        """Parcels and webhooks on command."""
        if request.path == "/_parcels" and request.method == "GET":
            return {"parcels": self.book.shown()["parcels"]}
        if request.path == "/_parcels" and request.method == "POST":
            return self._play(commands.read(request, _PARCEL))
        if request.path == "/_hooks" and request.method == "POST":
            facts = commands.read(request, _HOOKS)
            if facts["number"] not in self.book.parcels:
                raise commands.Wrong(f"there is no parcel {facts['number']}")
            return {"answers": self.send_hooks(**facts)}
        return None

    def _play(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        number = facts.get("number", "")
        if number and number not in self.book.parcels:
            self.post(number)
        elif not number:
            known = self.book.by_reference(facts.get("reference", ""))
            if known is None:
                raise commands.Wrong("there is no parcel of this reference; name its “number”")
            number = known.number
        if facts.get("journey"):
            self.book.travel(number, facts["journey"], facts.get("upto"))
        if facts.get("move"):
            self.book.move(number, facts["move"])
        return asdict(self.book.parcels[number])

    def send_hooks(
        self, url: str, number: str, times: int = 1, order: str = "", spoil: str = ""
    ) -> list[int]:  # fmt: skip
        """Tell a webhook of every step of a parcel, each ``times``; ``order``: "reversed" or "shuffled"; ``spoil``:
        "signature" or "body". What was answered."""
        parcel = self.book.parcels[number]
        steps = [step for step in parcel.steps for _ in range(times)]
        if order == "reversed":
            steps.reverse()
        elif order == "shuffled":
            random.Random(number).shuffle(steps)  # noqa: S311  a play
        return [self._tell(url, parcel, step, spoil) for step in steps]

    def _tell(self, url: str, parcel: Parcel, step: Step, spoil: str) -> int:
        told = self.hook(parcel, step)
        headers, body = dict(told.headers), told.body
        if spoil == "signature":
            headers, body = self.missigned(headers, body)
        if spoil == "body":
            body = body[: len(body) // 2]
        answer = teller().post(url, headers=headers, content=body)
        taken = answer.status_code < 300 and (not self.accepts or answer.text.strip() == self.accepts)
        row = {"number": parcel.number, "step": step.name, "status": answer.status_code, "accepted": taken}
        with self.book.lock:
            self.book.hooks.append(row)
        return answer.status_code

    def missigned(self, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
        """The same with a wrong signature."""
        return {**headers, "authorization": "Bearer forged"}, body


def answered(fault: Fault | None, kind: str) -> bool:
    """Whether this fault was ordered."""
    return fault is not None and fault.kind == kind


def label_pdf(number: str, width: int, height: int) -> bytes:
    """A label of this size in millimetres."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(width * mm, height * mm), pageCompression=0, invariant=1)
    canvas.setFont("Helvetica-Bold", 14)
    canvas.drawCentredString(width * mm / 2, height * mm - 14 * mm, number)
    bars = Code128(number, barHeight=14 * mm, barWidth=0.3 * mm)
    bars.drawOn(canvas, (width * mm - bars.width) / 2, height * mm - 34 * mm)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def pdf(number: str, width: int, height: int) -> Response:
    """The same as an answer."""
    return Response(label_pdf(number, width, height), content_type="application/pdf")
