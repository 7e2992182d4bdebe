"""Amending an order: open, change lines, address and fee, look at the difference, apply or discard."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.catalog.models import Sku
from oms.db import Tx, db
from oms.errors import InvalidInput, OmsError, Problem, say
from oms.money import ZERO, Money
from oms.orders.amending import ADDRESS, AmendedLine, Proposal, as_it_is, from_json
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.reports.order_page import find_order
from oms.thai.text import normalize, query_grams
from oms.usecases.orders_amend import (
    CloseChange,
    OpenChange,
    ProposeChange,
    amend_refusal,
    apply_change,
    discard_change,
    find_open_change,
    open_change,
    propose_change,
)
from oms.usecases.privacy import order_form_shown
from views.base import OmsView, page, unit
from views.filters import tr
from views.order_actions import POST, act, text, version

NEW_LINES = 3  # empty rows offered for added items; the form may be sent again for more

ADDRESS_LABELS: dict[str, str] = {
    "ship_name": "Recipient",
    "ship_phone": "Phone",
    "ship_line": "House number, street",
    "ship_subdistrict": "Subdistrict",
    "ship_district": "District",
    "ship_province": "Province",
    "ship_postcode": "Postcode",
}


def _money(name: str, default: Money | None) -> Money | None:
    raw = text(name)
    return Money.parse(raw, name) if raw else default


def _amount(name: str, kept: Money) -> Money:
    """An amount of the form: empty means none; a field that the reader does not see stays as it is."""
    return (_money(name, ZERO) or ZERO) if name in request.form else kept


def _quantity(name: str) -> int:
    raw = text(name)
    if not raw.isascii() or not raw.isdigit() or len(raw) > 9:
        raise InvalidInput(say("“{text}” is not a quantity", text=raw), field=name, code="quantity_text")
    return int(raw)


def _kept_line(line: AmendedLine) -> AmendedLine:
    key = f"line{line.line_id}"
    return AmendedLine(
        sku_id=line.sku_id,
        quantity=_quantity(f"{key}_quantity"),
        line_id=line.line_id,
        unit_price=_money(f"{key}_price", line.unit_price),
        discount=_amount(f"{key}_discount", line.discount),
    )


def _added_lines() -> list[AmendedLine]:
    """Rows whose code or name was picked from the list; a code typed whole counts too."""
    found = []
    for i in range(NEW_LINES):
        sku_id, typed = request.form.get(f"new{i}_sku", type=int), text(f"new{i}_text")
        if sku_id is None and typed:
            sku_id = db.session.scalar(select(Sku.id).where(Sku.code == typed.split(" · ")[0].upper()))
            if sku_id is None:
                raise InvalidInput(
                    say("There is no SKU “{text}”", text=typed), field=f"new{i}_text", code="sku_unknown"
                )
        if sku_id is not None and not 0 < sku_id < NO_ID:
            raise InvalidInput(say("There is no such SKU"), field=f"new{i}_text", code="sku_unknown")
        if sku_id is not None:
            found.append(AmendedLine(sku_id, _quantity(f"new{i}_quantity"), unit_price=_money(f"new{i}_price", None)))
    return found


def read_proposal(order: Order) -> Proposal:
    """The form as a proposal. Raises InvalidInput with everything that cannot be read."""
    problems: list[Problem] = []
    lines: list[AmendedLine] = []
    for line in as_it_is(order).lines:
        try:
            lines.append(_kept_line(line))
        except InvalidInput as refusal:
            problems += refusal.problems()
    fee, discount = ZERO, ZERO
    try:
        lines += _added_lines()
        fee, discount = _amount("shipping_fee", order.shipping_fee), _amount("discount", order.discount)
    except InvalidInput as refusal:
        problems += refusal.problems()
    if problems:
        first, *rest = problems
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(rest))
    form = request.form
    return Proposal(
        tuple(lines),
        discount,
        fee,
        {name: text(name, 1000) if name in form else getattr(order, name) for name in ADDRESS},
    )


def _facts(tx: Tx, order: Order, typed: dict[str, str] | None = None) -> dict[str, Any]:
    change = find_open_change(tx, order.id)
    proposal = from_json(change.proposal) if change else as_it_is(order)
    ids = {line.sku_id for line in proposal.lines}
    names = {sku.id: sku for sku in tx.session.scalars(select(Sku).where(Sku.id.in_(ids)))}
    return {
        "order": order,
        "change": change,
        "proposal": proposal,
        "wanted": {line.line_id: line for line in proposal.lines if line.line_id is not None},
        "added": [line for line in proposal.lines if line.line_id is None],
        "names": names,
        "typed": typed or {},
        "refusal": amend_refusal(tx, order),
        "prices": tx.actor.may("order.price"),
        "by_hand": tx.actor.may("order.override_price"),
        "address_labels": ADDRESS_LABELS,
        "new_lines": NEW_LINES,
        "is_changed": proposal != as_it_is(order),
    }


class AmendView(OmsView):
    """The amendment of an order."""

    route_base = "/amend"
    default_view = "edit"
    requires = "order.amend"

    @page("/<int:pk>")
    def edit(self, pk: int) -> str:
        """The change set that is open, or the question to open one."""
        with unit() as tx:
            order = find_order(tx, pk)
            return self._page(tx, order)

    def _page(self, tx: Tx, order: Order, typed: dict[str, str] | None = None) -> str:
        title, facts = gettext("Amend %(number)s", number=order.number), _facts(tx, order, typed)
        if facts["change"] is not None:
            order_form_shown(tx, order)
        return self.show_page("orders/amend.html", title=title, **facts)

    @page("/<int:pk>/open", methods=POST)
    def open(self, pk: int) -> Response:
        """Start."""
        with unit() as tx:
            open_change(tx, OpenChange(pk, text("reason"), version()))
        return redirect(url_for("AmendView.edit", pk=pk), 303)

    @page("/<int:pk>/propose", methods=POST)
    def propose(self, pk: int) -> Response | str:
        """Work out the difference; what cannot be read stays in the form with a sentence about it."""
        try:
            with unit() as tx:
                propose_change(tx, ProposeChange(pk, read_proposal(find_order(tx, pk)), version()))
        except OmsError as refusal:
            for problem in refusal.problems():
                flash(tr(problem.message), "danger")
            with unit() as tx:
                return self._page(tx, find_order(tx, pk), request.form.to_dict())
        return redirect(url_for("AmendView.edit", pk=pk), 303)

    @page("/<int:pk>/apply", methods=POST)
    def apply(self, pk: int) -> Response:
        """Make it the order."""
        return act(pk, lambda tx: apply_change(tx, CloseChange(pk, version())), gettext("The amendment is applied"))

    @page("/<int:pk>/discard", methods=POST)
    def discard(self, pk: int) -> Response:
        """Drop it."""
        return act(pk, lambda tx: discard_change(tx, CloseChange(pk, version())), gettext("The amendment is discarded"))

    @page("/skus")
    def skus(self) -> Response:
        """SKUs by code or any part of the name, for the rows of added items."""
        words = request.args.get("q", "").strip()
        statement = select(Sku.id, Sku.code, Sku.name, Sku.option).where(Sku.is_active).order_by(Sku.code).limit(12)
        if words:
            parts = [Sku.haystack.contains(word, autoescape=True) for word in normalize(words).split()]
            statement = statement.where(Sku.grams.contains(query_grams(words)), *parts)
        items = [
            {"id": row.id, "text": f"{row.code} · {row.name}", "hint": row.option}
            for row in db.session.execute(statement)
        ]
        return jsonify(items=items)


VIEWS = (AmendView,)
