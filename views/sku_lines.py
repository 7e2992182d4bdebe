"""Lines of (SKU, number) in a form: typed, chosen or scanned one after the other. Works without scripts, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import render_template, request
from flask_babel import gettext
from markupsafe import Markup
from sqlalchemy import select
from wtforms import Field

from oms.catalog.models import Sku
from oms.db import db
from oms.errors import InvalidInput
from oms.money import Money
from oms.thai.text import arabic_digits
from views.fields import whole_number
from views.filters import tr
from views.lookups import resolve_sku, sku_text

SPARE_ROWS = 3
MOST = 500


class SkuLinesWidget:
    """The table of lines, with a box to scan into."""

    def __call__(self, field: SkuLinesField, **_kwargs: Any) -> Markup:
        return Markup(render_template("sku_lines.html", field=field, rows=field.shown(), prices=field.shown_prices()))  # noqa: S704  a template of ours


class SkuLinesField(Field):
    """The data is a list of (SKU id, quantity) pairs. ``signed``: numbers below zero make sense; ``priced``: each row
    has a price, too, in ``prices`` (None where none was typed)."""

    widget = SkuLinesWidget()

    def __init__(
        self, label: Any = None, validators: Any = None, *, signed: bool = False, priced: bool = False, **kwargs: Any
    ) -> None:
        self.prices: list[Money | None] = []
        super().__init__(label, validators, **kwargs)
        self.signed, self.priced, self.filled = signed, priced, False

    def process_data(self, value: Any) -> None:
        """Take the parts of a set, or pairs."""
        self.data = [x if isinstance(x, tuple) else (x.component_id, x.quantity) for x in value or ()]

    def process_formdata(self, valuelist: Sequence[str]) -> None:  # noqa: ARG002  rows are read by their own names
        """Read the rows that are not empty; every row that cannot be read is named."""
        self.data, wrong, self.prices = [], [], []
        prices = request.form.getlist(f"{self.name}-price")
        for number, (raw, typed, quantity) in enumerate(_posted(self.name), 1):
            if not raw and not typed:
                continue
            try:
                sku_id = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 19 else resolve_sku(typed)
                if sku_id is None:
                    raise ValueError(gettext("“%(text)s” is no SKU", text=typed[:60]))  # noqa: TRY301  told per row
                price = prices[number - 1].strip() if self.priced and len(prices) >= number else ""
                paid = Money.parse(arabic_digits(price)) if price else None
                self.data.append((sku_id, whole_number(quantity, 1)))
                self.prices.append(paid)
            except InvalidInput as exc:
                wrong.append(gettext("Line %(n)s: %(problem)s", n=number, problem=tr(exc.message)))
            except ValueError as exc:
                wrong.append(gettext("Line %(n)s: %(problem)s", n=number, problem=exc))
        if wrong:
            raise ValueError("; ".join(wrong[:5]))

    def fill(self, lines: Sequence[tuple[int, int]], prices: Sequence[Money | None]) -> None:
        """Show these rows, whatever was posted."""
        self.data, self.prices, self.filled = list(lines), list(prices), True

    def shown(self) -> list[tuple[str, str, str]]:
        """Rows for the page, (id, text, number), with some empty ones at the end."""
        posted = request.form and not self.filled
        rows = [row for row in _posted(self.name) if row[0] or row[1]] if posted else self._stored()
        return [*rows, *([("", "", "")] * SPARE_ROWS)]

    def shown_prices(self) -> list[str]:
        """What stands in the price of each row of ``shown``."""
        if request.form and not self.filled:
            typed = zip(_posted(self.name), request.form.getlist(f"{self.name}-price"), strict=False)
            rows = [price for row, price in typed if row[0] or row[1]]
        else:
            rows = ["" if price is None else f"{price.amount:.2f}" for price in self.prices]
        return [*rows, *([""] * (len(self.data or ()) + SPARE_ROWS))]

    def _stored(self) -> list[tuple[str, str, str]]:
        ids = [sku_id for sku_id, _ in self.data or ()]
        if not ids:
            return []
        names = {row.id: sku_text(row) for row in db.session.scalars(select(Sku).where(Sku.id.in_(ids)))}
        return [(str(sku_id), names.get(sku_id, ""), str(quantity)) for sku_id, quantity in self.data]


def _posted(name: str) -> list[tuple[str, str, str]]:
    columns = (request.form.getlist(f"{name}-{part}")[:MOST] for part in ("sku", "text", "quantity"))
    return [(a.strip(), b.strip(), c) for a, b, c in zip(*columns, strict=False)]
