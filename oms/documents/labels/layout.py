"""Where everything goes on a label, or why it does not fit. Nothing is drawn here.

Who gets the parcel, the code and the money never shrink away: letters get smaller down to what a courier can read, and
what does not fit even so is refused. Goods and remarks are cut, say how many are left out, and show (?) for letters
that the font has not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from oms.documents.errors import Unprintable
from oms.documents.labels.facts import LabelFacts
from oms.documents.labels.papers import DOT, MM, Form
from oms.documents.labels.symbols import QUIET_BARS, QUIET_QR, code128, qr
from oms.documents.thaipdf import fonts
from oms.documents.thaipdf.fonts import BOLD, REGULAR
from oms.documents.thaipdf.wrapping import fit, largest, width_of, wrap
from oms.errors import say

_LEADING = 1.28  # of the letters' size; Thai has marks above and below
_GAP = 1.2 * MM
_TO = "ผู้รับ"


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text, from its left."""

    x: float
    y: float
    font: str
    size: float
    text: str
    white: bool = False


@dataclass
class Plan:
    """A label ready to be drawn: shapes in the language of the page, then lines of text."""

    shapes: list[str] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    logo: tuple[float, float, float, float] | None = None


class _Label:
    """A label being laid out, from the top down."""

    def __init__(self, facts: LabelFacts, form: Form, *, logo: float = 0) -> None:
        self.facts, self.form, self.logo = facts, form, logo
        self.left, self.right = form.margin * MM, (form.width - form.margin) * MM
        self.width = self.right - self.left
        self.y = (form.height - form.margin) * MM
        self.plan = Plan()

    # ---- pen

    def text(self, x: float, y: float, font: str, size: float, text: str, *, white: bool = False) -> None:
        if text:
            self.plan.texts.append(Text(x, y, font, size, text, white))

    def ending(self, x: float, y: float, font: str, size: float, text: str, *, white: bool = False) -> float:
        """Text that ends at ``x``; answers where it begins."""
        start = x - width_of(text, font, size)
        self.text(start, y, font, size, text, white=white)
        return start

    def middle(self, left: float, right: float, y: float, font: str, size: float, text: str, *, white: bool) -> None:
        self.text((left + right - width_of(text, font, size)) / 2, y, font, size, text, white=white)

    def rule(self) -> None:
        """A line across, and some room below it."""
        self.plan.shapes.append(f"0.6 w {self.left:.2f} {self.y:.2f} m {self.right:.2f} {self.y:.2f} l S")

    def box(self, left: float, low: float, width: float, height: float, *, filled: bool) -> None:
        how = "f" if filled else "S"
        self.plan.shapes.append(f"1 w {left:.2f} {low:.2f} {width:.2f} {height:.2f} re {how}")

    # ---- parts, in the order they stand

    def head(self) -> None:
        """Who carries it, and how it is sorted; the channel."""
        facts, high = self.facts, self.form.head * MM
        base = self.y - high
        big = self.form.big
        left = self.left
        if self.logo:
            self.plan.logo = (left, base + _GAP, self.logo * (high - 2 * _GAP), high - 2 * _GAP)
            left += self.plan.logo[2] + _GAP
        right = self.right
        if facts.sort_code:
            size = largest(facts.sort_code, BOLD, (18 * big, 15 * big, 12 * big, 9 * big), self.width * 0.4)
            code = fit(facts.sort_code, BOLD, size, self.width * 0.4)
            right = self.ending(right, base + high * 0.3, BOLD, size, code) - _GAP
            channel_at = base + high * 0.06
        else:
            size = 11 * big
            right = self.ending(right, base + high * 0.42, BOLD, size, fit(facts.channel, BOLD, size, self.width * 0.4))
            right -= _GAP
            channel_at = None
        room = right - left
        carrier = facts.carrier or "ยังไม่ระบุขนส่ง"
        size = largest(carrier, BOLD, (15 * big, 13 * big, 11 * big, 9 * big), room)
        self.text(left, base + high * 0.42, BOLD, size, fit(carrier, BOLD, size, room))
        below = [facts.service, facts.channel if channel_at is not None else ""]
        small = 7.5 * big
        self.text(left, base + high * 0.1, REGULAR, small, fit(" · ".join(p for p in below if p), REGULAR, small, room))
        self.y = base
        self.rule()

    def bars(self) -> None:
        """The number as Code 128 with its text below; one too long for the paper is in the QR code alone."""
        facts, big = self.facts, self.form.big
        note = "เลขที่ของร้าน ยังไม่มีเลขพัสดุของขนส่ง" if facts.is_own else ""
        code = code128(facts.code, self.width)
        top = self.y - _GAP
        if code is not None:
            height = _whole(self.form.bars * MM)
            x = self.left + _whole((self.width - code.width) / 2)
            assert x - self.left >= QUIET_BARS * code.dots * DOT - DOT
            self.plan.shapes.append(code.path(x, top - height, height))
            top -= height
        size = largest(facts.code, BOLD, (11 * big, 9 * big, 7.5 * big), self.width)
        for part in wrap(facts.code, BOLD, size, self.width):  # never cut: somebody may have to type it
            top -= size * 1.05
            self.middle(self.left, self.right, top, BOLD, size, part, white=False)
        if note:
            top -= 7 * big * 1.15
            self.middle(self.left, self.right, top, REGULAR, 7 * big, note, white=False)
        self.y = top - _GAP * 1.4
        self.rule()

    def money(self) -> None:
        """What the courier collects, which box it is, whether it is a copy; the number as QR."""
        facts, form, big = self.facts, self.form, self.form.big
        high, side = form.money * MM, form.qr * MM
        matrix = qr(facts.code, side)
        quiet = QUIET_QR * matrix.dots * DOT
        x = self.left + _whole(self.width - matrix.width - quiet)
        self.plan.shapes.append(matrix.image(x, self.y - _whole((high + matrix.width) / 2)))
        left, right = self.left, x - quiet - _GAP
        tall = high * 0.56
        low = self.y - _GAP - tall
        self.box(left, low, right - left, tall, filled=bool(facts.cod))
        if facts.cod:
            self.middle(left, right, low + tall - 9.5 * big, BOLD, 8 * big, "เก็บเงินปลายทาง / COD (บาท)", white=True)
            size = largest(facts.cod, BOLD, tuple(s * big for s in (27, 23, 19, 16, 13)), right - left - 2 * _GAP)
            self.middle(left, right, low + (tall - 10 * big) / 2 - size * 0.33, BOLD, size, facts.cod, white=True)
        else:
            size = largest("ไม่เก็บเงิน", BOLD, (20 * big, 16 * big), right - left - 2 * _GAP)
            self.middle(left, right, low + tall / 2 - size * 0.3, BOLD, size, "ไม่เก็บเงิน", white=False)
        self._count(left, right, low)
        self.y -= high
        self.rule()

    def _count(self, left: float, right: float, low: float) -> None:
        facts, big = self.facts, self.form.big
        base = low - 12 * big
        self.text(left, base, BOLD, 10 * big, f"กล่อง {facts.box}/{facts.boxes}")
        if facts.copy:
            words = f"สำเนา {facts.copy} / COPY {facts.copy}"
            size = largest(words, BOLD, (10 * big, 8 * big, 6.5 * big), (right - left) * 0.62)
            wide = width_of(words, BOLD, size) + 2 * _GAP
            self.box(right - wide, base - size * 0.35, wide, size * 1.35, filled=True)
            self.text(right - wide + _GAP, base, BOLD, size, words, white=True)

    def receiver(self, low: float) -> None:
        """Who gets it, not below ``low``: name, phone, address between words, province and postcode large."""
        facts, form, big = self.facts, self.form, self.form.big
        room = self.y - low - _GAP
        tag = width_of(_TO, BOLD, 8 * big) + _GAP
        last = 20 * big * 1.1
        for size in form.address_sizes:
            name_size = min(size * 1.15, form.name_size[0])
            names = wrap(facts.name, BOLD, name_size, self.width - tag)
            lines = [
                line for part in (facts.line, facts.area) for line in wrap(part, REGULAR, size, self.width) if line
            ]
            needed = (len(names) * name_size + (name_size if facts.phone else 0) + len(lines) * size) * _LEADING + last
            if needed <= room and len(names) <= 2:
                break
        else:
            raise Unprintable(
                say("The name and address are too long for this paper; choose a larger one"), code="label_address_long"
            )
        y = self.y - _GAP / 2
        for n, line in enumerate(names):
            y -= name_size * _LEADING
            if n == 0:
                self.text(self.left, y, BOLD, 8 * big, _TO)
            self.text(self.left + tag, y, BOLD, name_size, line)
        if facts.phone:
            y -= name_size * _LEADING
            self.text(self.left, y, BOLD, name_size * 0.95, f"โทร {facts.phone}")
        for line in lines:
            y -= size * _LEADING
            self.text(self.left, y, REGULAR, size, line)
        base = y - last * 0.85
        start = self.ending(self.right, base, BOLD, 20 * big, facts.postcode)
        wide = start - self.left - _GAP
        province_size = largest(facts.province, BOLD, (14 * big, 12 * big, 10 * big, 8 * big), wide)
        self.text(self.left, base, BOLD, province_size, fit(facts.province, BOLD, province_size, wide))
        self.y = base - last * 0.25 - _GAP / 2
        self.rule()

    def sender(self) -> None:
        """Who sent it, where it goes back to."""
        facts, form = self.facts, self.form
        said = f"ผู้ส่ง {facts.sender}" + (f" โทร {facts.sender_phone}" if facts.sender_phone else "")
        for size in form.sender_sizes:
            lines = wrap(said, BOLD, size, self.width)
            bold = len(lines)
            lines += [line for line in wrap(facts.sender_address, REGULAR, size, self.width) if line]
            if len(lines) * size * _LEADING <= form.sender * MM - _GAP:
                break
        else:
            raise Unprintable(
                say("The sender's name and address are too long for this paper"), code="label_sender_long"
            )
        for n, line in enumerate(lines):
            self.y -= size * _LEADING
            self.text(self.left, self.y, BOLD if n < bold else REGULAR, size, line)
        self.y -= _GAP
        self.rule()

    def items(self) -> None:
        """Which orders it is of, what to mind, what is inside: as much as the rest of the paper holds."""
        for size in self.form.item_sizes:
            rows = int((self.y - self.form.margin * MM - size * 0.25) / (size * _LEADING))
            lines = self._told(size)
            if len(lines) <= rows:
                break
        else:
            lines = self._told(size, rows)
        for font, line in lines:
            self.y -= size * _LEADING
            self.text(self.left, self.y, font, size, line)

    def _told(self, size: float, rows: int | None = None) -> list[tuple[str, str]]:
        facts = self.facts
        orders = f"คำสั่งซื้อ {', '.join(facts.orders)} · {facts.shipment}"
        lines = [(REGULAR, line) for line in wrap(orders, REGULAR, size, self.width)[:3]]
        if rows is not None:
            lines = [(REGULAR, fit(orders, REGULAR, size, self.width))]
        if facts.remark:
            said = wrap(f"หมายเหตุ {facts.remark}", BOLD, size, self.width)
            room = len(said) if rows is None else max(rows - 2, 0) if facts.items else rows - 1
            lines += [(BOLD, line) for line in said[:room]]
        if rows is None:
            return lines + [(REGULAR, line) for item in facts.items for line in wrap(item, REGULAR, size, self.width)]
        return lines + [(REGULAR, line) for line in self._goods(size, rows - len(lines))]

    def _goods(self, size: float, rows: int) -> list[str]:
        """The goods in so many lines: one line each when they fit so, else the first of them."""
        items = self.facts.items
        if len(items) <= rows:
            return [fit(item, REGULAR, size, self.width) for item in items]
        if rows < 2:
            more = f" … และอีก {len(items) - 1} รายการ"
            return [fit(items[0], REGULAR, size, self.width - width_of(more, REGULAR, size)) + more][:rows]
        kept = [fit(item, REGULAR, size, self.width) for item in items[: rows - 1]]
        return [*kept, f"… และอีก {len(items) - rows + 1} รายการ"]


def _whole(length: float) -> float:
    """The nearest whole number of printer dots, so that bars fall on dots."""
    return round(length / DOT) * DOT


def plan(facts: LabelFacts, form: Form, *, logo: float = 0) -> Plan:
    """Where everything goes. ``logo``: its width over its height, 0 for none.

    Raises InvalidInput: a character without a glyph, a number that is no bar code, an address that does not fit.
    """
    faces = fonts.load()
    items = tuple(faces[REGULAR].legible(item) for item in facts.items)
    label = _Label(replace(facts, remark=faces[BOLD].legible(facts.remark), items=items), form, logo=logo)
    label.head()
    label.bars()
    label.money()
    label.receiver((form.margin + form.items + form.sender) * MM)
    label.sender()
    label.items()
    for text in label.plan.texts:
        faces[text.font].check(text.text)
    return label.plan
