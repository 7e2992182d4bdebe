"""What an import leaves for a person: unknown products, broken rows, differences with staff's work, silent days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Flask, Response, flash, jsonify, redirect, request, url_for
from flask_babel import gettext, ngettext
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Shop, Sku
from oms.db import db
from oms.errors import InvalidInput, NotFound, say
from oms.importing import quarantine
from oms.importing.channel_mends import MendOrder, mend_order
from oms.importing.channels import waiting_order
from oms.importing.quarantine import Released
from oms.intake import queries
from oms.intake.models import IntakeItem
from oms.intake.records import stored_sentence
from oms.thai.addresses import table
from oms.thai.text import query_grams
from oms.usecases import intake
from oms.usecases.intake_conflicts import FIELD_LABELS, DecideConflict, decide_conflict
from oms.usecases.intake_merge import NEVER_TAKEN
from views import listing, nav
from views.base import OmsView, current_actor, page, unit
from views.filters import tr
from views.intake import labels

GAP_DAYS = 30
FILE = "file"
RECIPIENT_LABELS: dict[str, str] = {
    "name": "Recipient",
    "phone": "Phone",
    "address": "Address",
    "subdistrict": "Subdistrict",
    "district": "District",
    "province": "Province",
    "postcode": "Postcode",
}
STAGE_LABELS: dict[str, str] = {
    "unpaid": "Unpaid",
    "to_ship": "To be shipped",
    "shipped": "Shipped",
    "delivered": "Delivered",
    "completed": "Completed",
    "returned": "Returned",
    "canceled": "Canceled",
}


class QuarantineView(OmsView):
    """Records that could not go in: map, mend, release, or close with a reason."""

    route_base = "/quarantine"
    requires = "intake.resolve"
    default_view = "waiting"

    @page("/")
    def waiting(self) -> str:
        """Products nobody has named first, then every waiting record."""
        actor = current_actor()
        found = listing.fetch(queries.waiting(actor), scalars=False, size=30)
        facts = {"unknown": queries.unknown_skus(db.session, actor), "page": found, "labels": labels(),
                 "sentence": lambda p: tr(stored_sentence(p))}  # fmt: skip
        return self.show_page("intake/quarantine.html", title=gettext("Waiting imports"), **facts)

    @page("/skus")
    def skus(self) -> Response:
        """SKUs for the mapping field, found by code or name."""
        wanted = request.args.get("q", "").replace("\x00", "").strip()[:100]
        statement = select(Sku).where(Sku.is_active).order_by(Sku.code).limit(12)
        if wanted:
            statement = statement.where(Sku.grams.contains(query_grams(wanted)))
        found = db.session.scalars(statement)
        return jsonify(items=[{"id": s.id, "text": s.code, "hint": s.name} for s in found])

    @page("/map", methods=("POST",))
    def map(self) -> AnyResponse:
        """Name a product and let everything go that waited for it."""
        command = quarantine.MapAndRelease(
            shop_id=_number("shop_id"), external_sku=request.form.get("external_sku", ""), sku_id=_sku_id(),
            multiplier=_number("multiplier") if request.form.get("multiplier") else 1,
        )  # fmt: skip
        with unit() as tx:
            done = quarantine.map_and_release(tx, command)
        _tell(done)
        return redirect(url_for("QuarantineView.waiting"), 303)

    @page("/<int:run_id>/<int:no>")
    def item(self, run_id: int, no: int) -> str:
        """One record: its rows as they came, what is wrong, and fields to mend it."""
        with unit() as tx:
            run = intake.get_run(tx, run_id)
            item = tx.session.get(IntakeItem, (run_id, no))
            if item is None:
                raise NotFound(say("There is no such record"), code="item_not_found")
            rows = queries.item_rows(tx.session, run_id, no)
            told = waiting_order(tx, run, no) if run.source != FILE else None
        bad = {(p["line"], p["column"]) for p in item.problems or []}
        facts = {"run": run, "item": item, "rows": rows, "bad": bad, "labels": labels(),
                 "sentence": lambda p: tr(stored_sentence(p)),
                 "shown": _columns(run.headers or [], rows, bad)}  # fmt: skip
        if run.source != FILE:
            facts |= {
                "told": told, "places": provinces(), "fields": RECIPIENT_LABELS,
                "shop": db.session.get(Shop, run.shop_id), "wrong": {p["column"] for p in item.problems or []},
            }  # fmt: skip
            return self.show_page("intake/channel_item.html", title=item.key, **facts)
        return self.show_page("intake/item.html", title=item.key or gettext("Row without a number"), **facts)

    @page("/<int:run_id>/<int:no>/mend", methods=("POST",))
    def mend(self, run_id: int, no: int) -> AnyResponse:
        """Keep the mended cells and take the record in again."""
        cells: dict[int, dict[int, str]] = {}
        for name, value in request.form.items():
            parts = name.split("_")
            if len(parts) == 3 and parts[0] == "cell" and parts[1].isdigit() and parts[2].isdigit():
                was = request.form.get(f"was_{parts[1]}_{parts[2]}")
                if value != was:
                    cells.setdefault(int(parts[1]), {})[int(parts[2])] = value
        with unit() as tx:
            done = quarantine.mend_and_release(tx, quarantine.MendItem(run_id, no, cells))
        _tell(done)
        target = "QuarantineView.waiting" if done.released else "QuarantineView.item"
        return redirect(url_for(target, **({} if done.released else {"run_id": run_id, "no": no})), 303)

    @page("/<int:run_id>/<int:no>/order", methods=("POST",))
    def mend_order(self, run_id: int, no: int) -> AnyResponse:
        """Keep where a channel's order goes, and take it in again from the kept words."""
        fixes = {name: request.form.get(name, "") for name in RECIPIENT_LABELS}
        was = {name: request.form.get(f"was_{name}", "") for name in RECIPIENT_LABELS}
        changed = {name: text for name, text in fixes.items() if text.strip() != was[name].strip()}
        with unit() as tx:
            done = mend_order(tx, MendOrder(run_id, no, changed))
        _tell(done)
        target = "QuarantineView.waiting" if done.released else "QuarantineView.item"
        return redirect(url_for(target, **({} if done.released else {"run_id": run_id, "no": no})), 303)

    @page("/<int:run_id>/<int:no>/close", methods=("POST",))
    def close(self, run_id: int, no: int) -> AnyResponse:
        """Say that it needs no work any more."""
        with unit() as tx:
            quarantine.close_item(tx, run_id, no, request.form.get("reason", ""))
        flash(gettext("Closed. It stays in the ledger of its file."), "success")
        return redirect(url_for("QuarantineView.waiting"), 303)


def provinces() -> list[str]:
    """The provinces of the country, to choose from."""
    return sorted(set(table().provinces.values()))


def _number(name: str) -> int:
    raw = request.form.get(name, "")
    if not raw.isdigit() or len(raw) > 12:
        raise InvalidInput(say("Something is missing in the form"), field=name, code="form_broken")
    return int(raw)


def _sku_id() -> int:
    """The SKU picked from the list, or typed as a code by people quicker than lists."""
    if request.form.get("sku_id", "").isdigit():
        return _number("sku_id")
    code = request.form.get("sku", "").strip()
    found = db.session.scalars(select(Sku.id).where(Sku.code == code)).one_or_none()
    if found is None:
        raise InvalidInput(say("There is no SKU “{sku}”", sku=code), field="sku", code="sku_unknown")
    return found


def _tell(done: Released) -> None:
    if done.released:
        said = ngettext("%(num)s record went in", "%(num)s records went in", done.released)
        flash(said, "success")
    if done.waiting:
        flash(
            ngettext("%(num)s still waits: read why below", "%(num)s still wait: read why below", done.waiting),
            "warning",
        )
    if not done.released and not done.waiting:
        flash(gettext("The name is saved. Nothing else waited for it."), "success")


def _columns(headings: list[str], rows: Sequence[Any], bad: set[tuple[int, str]]) -> list[int]:
    """Columns worth showing: those with a problem first, then those that say something."""
    wrong = [i for i, h in enumerate(headings) if any(column == h for _, column in bad)]
    told = [i for i in range(len(headings)) if i not in wrong and any(i < len(r.cells) and r.cells[i] for r in rows)]
    return wrong + told


class ConflictView(OmsView):
    """Differences between a channel's file and what staff did here."""

    route_base = "/conflicts"
    requires = "intake.resolve"
    default_view = "open"

    @page("/")
    def open(self) -> str:
        """Ours and theirs, side by side."""
        found = listing.fetch(queries.conflicts(current_actor()), scalars=False)
        facts = {"page": found, "fields": FIELD_LABELS, "never": NEVER_TAKEN, "stages": STAGE_LABELS}
        return self.show_page("intake/conflicts.html", title=gettext("Differences with the channel"), **facts)

    @page("/<int:conflict_id>", methods=("POST",))
    def decide(self, conflict_id: int) -> AnyResponse:
        """Keep ours or take theirs."""
        take = request.form.get("choice") == "take"
        with unit() as tx:
            decide_conflict(tx, DecideConflict(conflict_id, take=take))
        flash(gettext("Taken from the channel") if take else gettext("Ours stays"), "success")
        return redirect(url_for("ConflictView.open"), 303)


class GapView(OmsView):
    """What files ought to have brought and did not."""

    route_base = "/gaps"
    requires = "intake.import"
    default_view = "show"

    @page("/")
    def show(self) -> str:
        """Silent days of the last month, and open orders that the latest file does not know."""
        actor, today = current_actor(), clock.today()
        silent = queries.silent_days(db.session, actor, today - timedelta(days=GAP_DAYS), today - timedelta(days=1))
        facts = {"silent": silent, "missing": queries.missing_orders(db.session, actor), "days": GAP_DAYS}
        return self.show_page("intake/gaps.html", title=gettext("Gaps"), **facts)


def counts(actor: Actor) -> nav.Waiting:
    """What waits, for the menu of those who may work on it."""
    return {"conflicts": queries.count_conflicts(actor)} if actor.may("intake.resolve") else {}


def install(app: Flask) -> None:
    """Give the menu the counts."""
    nav.add_counts(app, counts)


VIEWS = (QuarantineView, ConflictView, GapView)
NAV = (
    nav.Item("work", "Waiting imports", "QuarantineView.waiting", "intake.resolve", icon="inbox", order=85,
             count="quarantine", hot=True),
    nav.Item("work", "Differences with the channel", "ConflictView.open", "intake.resolve", icon="layers", order=86,
             count="conflicts", hot=True),
    nav.Item("watch", "Gaps", "GapView.show", "intake.import", icon="search", order=40),
)  # fmt: skip
