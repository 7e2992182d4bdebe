"""The parked worklist: orders that wait for money, by reason and age, with the words to remind the buyer."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms import clock
from oms.db import Tx
from oms.errors import InvalidInput, Refused
from oms.reports import parked
from oms.usecases.parked import ExtendExpiry, RemindBuyer, extend_expiry, remind_buyer
from views import nav
from views.base import OmsView, page, safe_path, unit
from views.filters import tr
from views.order_parts import URGENT, Chip

HOURS = (6, 12, 24, 48)


class ParkedView(OmsView):
    """Parked orders, one section at a time."""

    route_base = "/parked"
    default_view = "list"
    requires = "order.price"
    requires_for = {"remind": "payment.claim", "extend": "payment.claim"}

    @page("/")
    def list(self) -> str:
        """One section, narrowed to one age when it is asked for."""
        section = request.args.get("section", "unpaid")
        section = section if section in parked.SECTION_LABELS else "unpaid"
        bucket = request.args.get("age", type=int)
        bucket = bucket if bucket is not None and 0 <= bucket <= len(parked.BUCKETS) else None
        with unit() as tx:
            counts = parked.parked_counts(tx)
            rows = parked.parked_rows(tx, section, bucket)
            accounts = parked.open_accounts(tx)
            facts = {
                "tabs": _tabs(counts, section), "ages": _ages(counts[section], section, bucket), "section": section,
                "rows": [(row, parked.reminder_text(row, accounts)) for row in rows], "hours": HOURS,
                "total": sum(counts[section]) if bucket is None else counts[section][bucket],
                "soon": clock.now() + URGENT, "bulk_key": secrets.token_hex(16), "has_accounts": bool(accounts),
            }  # fmt: skip
            return self.show_page("orders/parked.html", title=gettext("Parked orders"), **facts)

    @page("/<int:pk>/remind", methods=("POST",))
    def remind(self, pk: int) -> Response:
        """This buyer was reminded."""
        return _do(lambda tx: remind_buyer(tx, RemindBuyer(pk)), gettext("Marked as reminded"))

    @page("/<int:pk>/extend", methods=("POST",))
    def extend(self, pk: int) -> Response:
        """More time for this buyer."""
        hours = request.form.get("hours", 0, type=int)
        return _do(lambda tx: extend_expiry(tx, ExtendExpiry(pk, hours)), gettext("More time given"))


def _do(verb: Callable[[Tx], object], done: str) -> Response:
    try:
        with unit() as tx:
            verb(tx)
        flash(done, "success")
    except (InvalidInput, Refused) as refusal:
        flash(tr(refusal.message), "warning")
    return redirect(safe_path(request.form.get("next")) or url_for("ParkedView.list"), 303)


def _tabs(counts: dict[str, list[int]], here: str) -> list[tuple[str, str, bool]]:
    return [
        (f"{tr(label)} ({sum(counts[key]):,})", url_for("ParkedView.list", section=key), key == here)
        for key, label in parked.SECTION_LABELS.items()
    ]


def _ages(counts: list[int], section: str, here: int | None) -> list[Chip]:
    every = Chip(gettext("Every age"), url_for("ParkedView.list", section=section), on=here is None, count=sum(counts))
    return [
        every,
        *(
            Chip(tr(label), url_for("ParkedView.list", section=section, age=i), on=here == i, count=counts[i])
            for i, label in parked.BUCKET_LABELS.items()
        ),
    ]


VIEWS = (ParkedView,)
NAV = (nav.Item("work", "Parked orders", "ParkedView.list", "order.price", icon="clock", order=22),)
