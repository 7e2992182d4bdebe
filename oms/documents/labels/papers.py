"""The papers labels are printed on, and what stands where on each. Millimeters; sizes of letters in points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

MM = 72 / 25.4
DOT = 72 / 203  # points; a label printer's smallest step, and what bars are whole numbers of


class Paper(StrEnum):
    """A size of label. ``A4_4``: four labels of A6 on a sheet of A4."""

    TALL = "100x150"
    SQUARE = "100x100"
    A6 = "a6"
    A5 = "a5"
    A4_4 = "a4x4"


PAPER_LABELS: dict[Paper, str] = {
    Paper.TALL: "100 × 150 mm",
    Paper.SQUARE: "100 × 100 mm",
    Paper.A6: "A6 (105 × 148 mm)",
    Paper.A5: "A5 (148 × 210 mm)",
    Paper.A4_4: "A4, four labels on a sheet",
}

ON_PAPER: dict[Paper, str] = {
    Paper.TALL: "100 × 150 มม.",
    Paper.SQUARE: "100 × 100 มม.",
    Paper.A6: "A6",
    Paper.A5: "A5",
    Paper.A4_4: "A4 แผ่นละ 4 ใบ",
}

_SIZES = {
    Paper.TALL: (100.0, 150.0), Paper.SQUARE: (100.0, 100.0), Paper.A6: (105.0, 148.0), Paper.A5: (148.0, 210.0),
    Paper.A4_4: (105.0, 148.5),
}  # fmt: skip


@dataclass(frozen=True)
class Form:
    """How a label is divided, from top to bottom, and the largest and smallest letters of its parts."""

    width: float
    height: float
    margin: float
    head: float
    bars: float
    money: float
    qr: float
    sender: float
    items: float  # at least
    big: float  # factor on all letters
    name_size: tuple[float, ...]
    address_sizes: tuple[float, ...]
    sender_sizes: tuple[float, ...]
    item_sizes: tuple[float, ...]


_TALL = Form(
    width=100, height=150, margin=3, head=11, bars=14, money=25, qr=24, sender=14, items=16, big=1.0,
    name_size=(14, 12.5, 11), address_sizes=(12, 11, 10, 9, 8, 7), sender_sizes=(8, 7.5, 7, 6.5, 6),
    item_sizes=(9.5, 8.5, 7.5),
)  # fmt: skip
_SQUARE = Form(
    width=100, height=100, margin=2.5, head=8, bars=10.5, money=20, qr=20, sender=8.5, items=6.5, big=0.85,
    name_size=(12, 11, 10), address_sizes=(10.5, 9.5, 8.5, 7.5, 6.5), sender_sizes=(6.5, 6, 5.5),
    item_sizes=(7.5, 6.75, 6),
)  # fmt: skip


def _scaled(form: Form, width: float, height: float, factor: float) -> Form:
    """The same division on another size."""
    return Form(
        width, height, form.margin * factor, form.head * factor, form.bars * factor, form.money * factor,
        form.qr * factor, form.sender * factor, form.items * factor, form.big * factor,
        tuple(s * factor for s in form.name_size), tuple(s * factor for s in form.address_sizes),
        tuple(s * factor for s in form.sender_sizes), tuple(s * factor for s in form.item_sizes),
    )  # fmt: skip


FORMS: dict[Paper, Form] = {
    Paper.TALL: _TALL,
    Paper.SQUARE: _SQUARE,
    Paper.A6: replace(_scaled(_TALL, 105, 148, 1.0), margin=4),
    Paper.A5: _scaled(_TALL, 148, 210, 1.4),
    Paper.A4_4: replace(_scaled(_TALL, 105, 148.5, 1.0), margin=5),  # office printers leave an edge white
}


def page_size(paper: Paper) -> tuple[float, float]:
    """The page in points."""
    width, height = (210.0, 297.0) if paper is Paper.A4_4 else _SIZES[paper]
    return width * MM, height * MM


def places(paper: Paper) -> tuple[tuple[float, float], ...]:
    """The lower left corners of the labels on one page, in the order they are filled, in points."""
    if paper is not Paper.A4_4:
        return ((0.0, 0.0),)
    width, height = _SIZES[paper]
    return tuple((x * MM, y * MM) for y in (height, 0.0) for x in (0.0, width))


def label_size(paper: Paper) -> tuple[float, float]:
    """One label in points."""
    width, height = _SIZES[paper]
    return width * MM, height * MM
