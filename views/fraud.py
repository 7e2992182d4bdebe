"""Oversight: what may be fraud, by kind and period, each row leading to its order."""

from __future__ import annotations

from flask import request, url_for
from flask_babel import gettext

from oms.reports import fraud
from views import nav
from views.base import OmsView, page, unit
from views.filters import tr


class FraudView(OmsView):
    """Overrides, reused slips, reversals after shipping and the like."""

    route_base = "/fraud"
    default_view = "list"
    requires = "audit.view"

    @page("/")
    def list(self) -> str:
        """One section of a period."""
        asked = request.args
        section = asked.get("section", "")
        section = section if section in fraud.SECTION_LABELS else "overrides"
        period = fraud.read_period(asked.get("first", ""), asked.get("last", ""))
        days = {"first": period.first.isoformat(), "last": period.last.isoformat()}
        with unit() as tx:
            counts = fraud.fraud_counts(tx.session, tx.actor, period)
            rows = fraud.fraud_rows(tx.session, tx.actor, section, period)
            tabs = [
                (f"{tr(label)} ({_count(counts[key])})", url_for("FraudView.list", section=key, **days), key == section)
                for key, label in fraud.SECTION_LABELS.items()
            ]
            facts = {
                "tabs": tabs, "rows": rows, "section": section, "days": days, "shown": fraud.SHOWN,
                "prices": tx.actor.may("order.price"), "hint": fraud.HINT_LABELS[section],
            }  # fmt: skip
            return self.show_page("fraud.html", title=gettext("What may be fraud"), **facts)


def _count(n: int) -> str:
    return f"{fraud.SHOWN}+" if n > fraud.SHOWN else str(n)


VIEWS = (FraudView,)
NAV = (nav.Item("watch", "What may be fraud", "FraudView.list", "audit.view", icon="shield", order=15),)
