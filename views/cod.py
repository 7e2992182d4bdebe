"""Cash on delivery: what each carrier owes, its parcels one by one, what is late, and the work on a single parcel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Flask, flash, g, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms import clock
from oms.actor import Actor
from oms.carriers.names import CARRIER_LABELS
from oms.db import db
from oms.errors import InvalidInput, say
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.payments import cod_queries
from oms.payments.cod_models import CodCarrier, CodEntry, CodRound, CodRoundLine
from oms.payments.cod_rules import LATE_DAYS, OPEN, late_from, outstanding
from oms.payments.states import COD_ENTRY, OUTCOME_LABELS, REFUSAL_LABELS, CodRefusal, CodStatus, RoundLineOutcome
from oms.thai.text import arabic_digits
from oms.usecases import cod
from views import listing, nav
from views.base import OmsView, current_actor, page, safe_path, unit
from views.fields import whole_number
from views.filters import day, money, tr
from views.modelview import OmsModelView

STATUS_TONES: dict[CodStatus, str] = {
    CodStatus.EXPECTED: "info",
    CodStatus.COLLECTED: "acc",
    CodStatus.REMITTED: "ok",
    CodStatus.REFUSED: "mut",
    CodStatus.SHORT: "bad",
}
FINDING_TONES: dict[RoundLineOutcome, str] = {
    RoundLineOutcome.MATCHED: "ok",
    RoundLineOutcome.SHORT: "bad",
    RoundLineOutcome.OVER: "warn",
    RoundLineOutcome.UNKNOWN: "bad",
    RoundLineOutcome.PAID_BEFORE: "warn",
    RoundLineOutcome.RETURNED: "bad",
}
COPIED = 200  # late parcels in the text for the carrier


def status_pill(*, value: CodStatus) -> Markup:
    """Where the cash is, as a pill."""
    label = tr(COD_ENTRY.labels[value])
    return Markup('<span class="pill {}">{}</span>').format(STATUS_TONES[value], label)


def carrier_label(*, value: str) -> str:
    """A carrier's name in the reader's language."""
    return tr(value) if value in CARRIER_LABELS.values() else value or gettext("No carrier named")


class CodView(OmsView):
    """The overview per carrier, and what was agreed with each."""

    route_base = "/cod"
    requires = "payment.cod"
    default_view = "overview"

    @page("/")
    def overview(self) -> str:
        """Every figure opens its rows."""
        owed = cod_queries.outstanding(db.session(), current_actor())
        parts = ("with_carrier", "held", "due", "late", "short")
        totals = {
            part: cod_queries.Figure(
                sum(getattr(o, part).count for o in owed),
                sum((getattr(o, part).amount for o in owed), start=Money.satang(0)),
            )
            for part in (*parts, "open", "flagged")
        }
        waiting = db.session.scalars(select(CodRound).where(CodRound.banked_at.is_(None)).order_by(CodRound.id)).all()
        facts = {"owed": owed, "totals": totals, "parts": parts, "waiting": waiting, "buckets": cod_queries.BUCKETS}
        return self.show_page("cod/overview.html", title=gettext("Cash on delivery"), **facts)

    @page("/flagged")
    def flagged(self) -> str:
        """What carriers paid without a cause we know."""
        wanted = cod_queries.flagged_lines().order_by(CodRoundLine.id.desc())
        if carrier := request.args.get("carrier", ""):
            wanted = wanted.where(CodRound.carrier == carrier)
        found = listing.fetch(wanted, scalars=False)
        return self.show_page("cod/flagged.html", title=gettext("Paid without a cause"), page=found)

    @page("/late-days", methods=("POST",))
    def late_days(self) -> Response:
        """What was agreed with a carrier."""
        try:
            days = whole_number(request.form.get("late_days", ""))
        except ValueError:
            days = None
        if days is None:
            raise InvalidInput(say("Say after how many days"), field="late_days", code="late_days")
        with unit() as tx:
            cod.set_late_days(tx, cod.SetLateDays(request.form.get("carrier", ""), days))
        flash(gettext("Saved"), "success")
        return redirect(url_for("CodView.overview"), 303)


class CodParcelView(OmsModelView):
    """Parcels with cash to collect."""

    datamodel = SQLAInterface(CodEntry)
    route_base = "/cod/parcels"
    requires = "payment.cod"
    requires_for = {"write_off": "payment.write_off"}
    base_permissions = ["can_list", "can_show", "can_refuse", "can_reopen", "can_correct", "can_write_off"]
    list_template = "cod/parcels.html"
    show_template = "cod/parcel.html"
    list_title, show_title = lazy_gettext("COD parcels"), lazy_gettext("COD parcel")
    list_columns = ["tracking_no", "order.number", "carrier", "status", "expected", "remitted", "handed_over_at",
                    "settle_from"]  # fmt: skip
    show_columns = ["order.number", "carrier", "status", "to_collect", "expected", "collected", "remitted", "fee",
                    "written_off", "handed_over_at", "collected_at", "settle_from", "remitted_at", "refusal",
                    "refused_at", "note"]  # fmt: skip
    order_columns = ["expected", "handed_over_at", "settle_from"]
    search_columns = ["carrier", "status", "expected", "handed_over_at", "settle_from", "tracking_no"]
    numeric_columns = ["expected", "remitted"]
    label_columns = {
        "tracking_no": lazy_gettext("Tracking number"), "order.number": lazy_gettext("Order"),
        "carrier": lazy_gettext("Carrier"), "status": lazy_gettext("State"), "expected": lazy_gettext("Expected"),
        "remitted": lazy_gettext("Paid to us"), "handed_over_at": lazy_gettext("Handed over"),
        "settle_from": lazy_gettext("Carrier pays from"), "to_collect": lazy_gettext("To collect at the door"),
        "collected": lazy_gettext("Collected"), "fee": lazy_gettext("Fee"), "written_off": lazy_gettext("Written off"),
        "collected_at": lazy_gettext("Collected on"), "remitted_at": lazy_gettext("Paid on"),
        "refusal": lazy_gettext("Why refused"), "refused_at": lazy_gettext("Refused on"), "note": lazy_gettext("Note"),
    }  # fmt: skip
    choice_labels = {"status": COD_ENTRY.labels, "refusal": REFUSAL_LABELS}
    formatters_columns = {
        "status": lambda value: status_pill(value=value),
        "carrier": lambda value: carrier_label(value=value),
    }
    find_columns = ["tracking_no"]
    load_options = (joinedload(CodEntry.order),)
    export_list = "cod_entries"
    base_order = ("handed_over_at", "asc")
    empty_text = lazy_gettext("A parcel appears here when a COD order is handed to a carrier.")

    def base_statement(self) -> Select[Any]:
        """Entries of orders this person may see."""
        return cod_queries.entries(current_actor()).with_only_columns(CodEntry, maintain_column_froms=True)

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By parcel or by order."""
        text = text.replace("\x00", "").strip()[:80]
        if not text:
            return statement
        return statement.where(
            or_(CodEntry.tracking_no.icontains(text, autoescape=True), Order.number.icontains(text, autoescape=True))
        )

    def filtered(self) -> tuple[Select[Any], list[listing.Active]]:
        """The figure of the overview the address names, then its filters."""
        statement, active = super().filtered()
        part = request.args.get("part", "")
        if part in cod_queries.BUCKETS:
            statement = statement.where(cod_queries.condition(part))
            active.append(listing.Active(tr(cod_queries.BUCKETS[part]), listing.address(part=None)))
        return statement, active

    def carrier_text(self, rows: Sequence[CodEntry]) -> str:
        """The parcels of this page as a clerk writes to the carrier about them."""
        owed = [row for row in rows if row.status in OPEN][:COPIED]
        if not owed:
            return ""
        lines = [
            "\t".join(
                (
                    row.tracking_no or row.order.number,
                    money(outstanding(row)),
                    day(row.collected_at or row.handed_over_at),
                )
            )
            for row in owed
        ]
        total = sum((outstanding(row) for row in owed), start=Money.satang(0))
        head = gettext("Please check these COD parcels; their money has not reached us:")
        foot = gettext("%(n)s parcels, %(total)s together", n=len(owed), total=money(total))
        return "\n".join([head, *lines, foot])

    def story(self, row: CodEntry) -> Sequence[Any]:
        """(line, round) of this parcel."""
        statement = (
            select(CodRoundLine, CodRound)
            .join(CodRound, CodRound.id == CodRoundLine.round_id)
            .where(CodRoundLine.entry_id == row.id)
            .order_by(CodRoundLine.id)
        )
        return db.session.execute(statement).all()

    @page("/<int:pk>/refuse", methods=("POST",))
    def refuse(self, pk: int) -> Response:
        """No cash will come."""
        try:
            refusal = CodRefusal(request.form.get("refusal", ""))
        except ValueError:
            raise InvalidInput(say("Choose a reason"), field="refusal", code="reason_missing") from None
        with unit() as tx:
            cod.refuse_cod(tx, cod.RefuseCod(pk, refusal, _text("note"), _version()))
        return _back(pk, gettext("Nothing is expected of this parcel any more"))

    @page("/<int:pk>/reopen", methods=("POST",))
    def reopen(self, pk: int) -> Response:
        """Delivered after all."""
        with unit() as tx:
            cod.reopen_cod(tx, cod.ReopenCod(pk, _text("note"), _version()))
        return _back(pk, gettext("The cash is expected again"))

    @page("/<int:pk>/correct", methods=("POST",))
    def correct(self, pk: int) -> Response:
        """Another amount is to come."""
        amount = Money.parse(arabic_digits(_text("expected")), field="expected")
        with unit() as tx:
            cod.correct_cod(tx, cod.CorrectCod(pk, amount, _text("note"), _version()))
        return _back(pk, gettext("Saved"))

    @page("/<int:pk>/write-off", methods=("POST",))
    def write_off(self, pk: int) -> Response:
        """Let the rest go."""
        with unit() as tx:
            cod.write_off_cod(tx, cod.WriteOffCod(pk, _text("note"), _version()))
        return _back(pk, gettext("The rest is written off"))


def _text(name: str) -> str:
    return request.form.get(name, "").strip()[:500]


def _version() -> int | None:
    raw = request.form.get("version", "")
    return int(raw) if raw.isdigit() and len(raw) < 10 else None


def _back(pk: int, words: str) -> Response:
    flash(words, "success")
    return redirect(safe_path(request.form.get("next")) or url_for("CodParcelView.show", pk=pk), 303)


def entries_of(order: Order) -> Sequence[CodEntry]:
    """The cash of an order, for its page."""
    if order.payment_term is not PaymentTerm.COD:
        return []
    known = g.setdefault("oms_cod", {})
    if order.id not in known:
        statement = select(CodEntry).where(CodEntry.order_id == order.id).order_by(CodEntry.id)
        known[order.id] = db.session.scalars(statement).all()
    found: Sequence[CodEntry] = known[order.id]
    return found


def is_late(entry: CodEntry) -> bool:
    """Whether the carrier should have paid by now."""
    agreed = db.session.scalar(select(CodCarrier.late_days).where(CodCarrier.carrier == entry.carrier))
    return entry.status in OPEN and late_from(entry, LATE_DAYS if agreed is None else agreed) < clock.now()


def _counts(actor: Actor) -> nav.Waiting:
    return {"cod_late": cod_queries.count_late()} if actor.may("payment.cod") else {}


def install(app: Flask) -> None:
    """Give the templates the words of COD, and the menu its count."""
    app.jinja_env.globals.update(
        cod_of=entries_of, cod_late=is_late, COD_LABELS=COD_ENTRY.labels, COD_TONES=STATUS_TONES,
        REFUSAL_LABELS=REFUSAL_LABELS, FINDING_LABELS=OUTCOME_LABELS, FINDING_TONES=FINDING_TONES,
        cod_rest=outstanding,
    )  # fmt: skip
    app.jinja_env.filters["carrier"] = lambda value: carrier_label(value=value)
    nav.add_counts(app, _counts)


VIEWS = (CodView, CodParcelView)
NAV = (nav.Item("work", "Cash on delivery", "CodView.overview", "payment.cod", icon="wallet", order=60,
                count="cod_late", hot=True),)  # fmt: skip
