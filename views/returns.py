"""Returns on screen: the desk of what waits, the list, one return with its steps, unknown parcels, the rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Flask, flash, g, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import Select, or_
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms import clock
from oms.actor import Actor
from oms.db import Tx, db
from oms.documents.states import DocumentKind
from oms.errors import InvalidInput, Say, say
from oms.inventory.availability import places
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.reports import returns as reading
from oms.returns.models import Return
from oms.returns.queries import get_return, rules_of, visible_returns
from oms.returns.states import (
    ARRIVAL,
    CONDITION_LABELS,
    KIND_LABELS,
    REASON_LABELS,
    RESOLUTION_LABELS,
    RETURN,
    ReturnKind,
    ReturnStatus,
)
from oms.thai.text import arabic_digits
from oms.usecases import returns, returns_count, returns_receive, returns_resolve, returns_rto
from oms.usecases.carrier_claims import SetReturnRules, set_return_rules
from oms.usecases.documents import IssueDocument, issue_document
from views import audit_words, nav
from views.base import OmsView, current_actor, may, page, unit
from views.fields import whole_number
from views.filters import tr
from views.modelview import OmsModelView

SEEN = "order.view"
TONES: dict[ReturnStatus, str] = {
    ReturnStatus.REQUESTED: "warn", ReturnStatus.APPROVED: "info", ReturnStatus.IN_TRANSIT: "info",
    ReturnStatus.RECEIVED: "acc", ReturnStatus.INSPECTED: "warn", ReturnStatus.RESOLVED: "ok",
    ReturnStatus.REJECTED: "mut", ReturnStatus.CANCELED: "mut",
}  # fmt: skip
STEP_NEEDS: dict[str, str] = {
    "approve": "return.approve", "reject": "return.approve", "cancel": "return.request", "send": "return.request",
    "call_off": "return.approve", "receive": "return.receive", "inspect": "return.receive",
    "resolve": "return.resolve", "settle_without": "return.resolve",
}  # fmt: skip


COUNTED = ("resell", "repair", "damaged", "wrong")


def steps(ret: Return) -> dict[str, Say | None]:
    """The steps this person works, by name: None when the machine allows it now, else why not."""
    return {name: RETURN.refusal(ret, name) for name, needs in STEP_NEEDS.items() if may(needs)}


def return_pill(ret: Return) -> Markup:
    """Where a return stands, as a pill."""
    return Markup('<span class="pill {}">{}</span>').format(TONES[ret.status], tr(RETURN.labels[ret.status]))


def days_since(moment: datetime | None) -> int | None:
    """Whole days since a moment."""
    return None if moment is None else max((clock.now() - moment).days, 0)


class ReturnDeskView(OmsView):
    """What waits, pile by pile."""

    route_base = "/returns"
    default_view = "desk"
    requires = SEEN
    requires_for = {"rules": "shop.edit", "keep_rules": "shop.edit"}

    @page("/")
    def desk(self) -> str:
        """One pile, with the figures of all; the first that waits for this person when none is asked for."""
        actor, session = current_actor(), db.session()
        found = reading.counts(session, actor)
        mine = [key for key, one in reading.PILES.items() if actor.may(one.needs) and found.get(key)]
        key = request.args.get("pile", "")
        key = key if key in reading.PILES else next(iter(mine), "arrived")
        carrier = request.args.get("carrier", "")[:80]
        facts: dict[str, Any] = {"rows": (), "lost": (), "unknown": (), "told": ()}
        if key == reading.LOST:
            facts["lost"] = reading.lost(session, actor)
        elif key == reading.UNKNOWN:
            facts["unknown"] = reading.unknown(session, actor)
        elif key == reading.CHANNEL:
            facts["told"] = reading.told(session, actor)
        else:
            facts["rows"] = reading.pile(session, actor, key, carrier)
        if key == "coming":
            facts["carriers"] = reading.carriers_coming(session, actor)
        return self.show_page(
            "returns/desk.html", title=gettext("Returns"), key=key, piles=reading.PILES, counts=found, carrier=carrier,
            rules=rules_of(session), **facts,
        )  # fmt: skip

    @page("/rules")
    def rules(self) -> str:
        """How many days."""
        return self.show_page("returns/rules.html", title=gettext("Rules of returns"), rules=rules_of(db.session()))

    @page("/rules/keep", methods=("POST",))
    def keep_rules(self) -> Response:
        """Keep them."""
        cmd = SetReturnRules(_days("alert_days"), _days("claim_days"), request.form.get("version", type=int) or None)
        with unit() as tx:
            set_return_rules(tx, cmd)
        flash(gettext("Saved"), "success")
        return redirect(url_for("ReturnDeskView.rules"), 303)


def _days(name: str) -> int:
    try:
        return whole_number(request.form.get(name, ""), 0) or 0
    except ValueError as exc:
        raise InvalidInput(say("“{text}” is not a whole number", text=str(exc)[:20]), field=name) from None


class ReturnView(OmsModelView):
    """Every return there ever was."""

    datamodel = SQLAInterface(Return)
    route_base = "/returns/all"
    requires = SEEN
    list_title, show_title = lazy_gettext("All returns"), lazy_gettext("Return")
    list_columns = ["number", "order", "kind", "status", "reason", "carrier", "tracking_no", "warehouse",
                    "requested_at", "resolution"]  # fmt: skip
    order_columns = ["number", "requested_at"]
    base_order = ("id", "desc")
    label_columns = {
        "number": lazy_gettext("Number"), "order": lazy_gettext("Order"), "kind": lazy_gettext("Kind"),
        "status": lazy_gettext("State"), "reason": lazy_gettext("Why"), "carrier": lazy_gettext("Carrier"),
        "tracking_no": lazy_gettext("Tracking number"), "warehouse": lazy_gettext("Warehouse"),
        "requested_at": lazy_gettext("Since"), "resolution": lazy_gettext("How it was settled"),
        "received_at": lazy_gettext("Arrived"), "resolved_at": lazy_gettext("Settled"),
    }  # fmt: skip
    find_columns = ["number", "tracking_no"]
    search_columns = ["status", "kind", "reason", "resolution", "carrier", "requested_at", "received_at"]
    choice_labels = {
        "status": RETURN.labels, "kind": KIND_LABELS, "reason": REASON_LABELS, "resolution": RESOLUTION_LABELS,
    }  # fmt: skip
    load_options = (joinedload(Return.order), joinedload(Return.warehouse))
    show_template = "returns/show.html"
    export_list = "returns"
    empty_text = lazy_gettext("A return starts on the page of its order, or with a parcel that comes back.")

    def base_statement(self) -> Select[Any]:
        """Returns this person may see."""
        return visible_returns(current_actor())

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By number, way back or order."""
        text = text.replace("\x00", "").strip()[:80]
        if not text:
            return statement
        orders = Order.number.icontains(text, autoescape=True)
        return statement.where(
            or_(
                Return.number.icontains(text, autoescape=True),
                Return.tracking_no.icontains(text, autoescape=True),
                Return.order.has(orders),
            )
        )

    def value(self, row: Return, name: str) -> Any:
        """A cell: the order leads to its page, the state is a pill."""
        if name == "order":
            url = url_for("OrderView.show", pk=row.order_id)
            return Markup('<a href="{}">{}</a>').format(url, row.order.number)
        if name == "status":
            return return_pill(row)
        return super().value(row, name)

    def facts(self, ret: Return) -> dict[str, Any]:
        """What the page of one return shows besides its columns."""
        tx = Tx(db.session(), current_actor())
        found = reading.return_page(tx, ret.id)
        return {
            "page": found, "steps": steps(ret), "places": places(tx.session, tx.actor),
            "missing": reading.missing_worth(found.lines), "days": days_since(ret.in_transit_at),
            "given_back": days_since(ret.carrier_returned_at), "rules": rules_of(tx.session),
        }  # fmt: skip


class ReturnWorkView(OmsView):
    """The steps from one state on."""

    route_base = "/return"
    requires = SEEN
    requires_for = {
        "approve": "return.approve", "reject": "return.approve", "call_off": "return.approve",
        "missing": "return.approve", "keep": "return.approve", "cancel": "return.request", "send": "return.request",
        "receive": "return.receive", "inspect": "return.receive", "trip_cost": "return.resolve",
        "lost": "return.request", "receipt": "document.issue", "attach": "return.receive", "close": "return.receive",
    }  # fmt: skip

    def _decide(self, pk: int, verb: Callable[[Tx, returns.DecideReturn], Any], words: str) -> Response:
        with unit() as tx:
            done = verb(tx, returns.DecideReturn(pk, request.form.get("note", ""), _version()))
        flash(words % {"number": done.number}, "success")
        return redirect(url_for("ReturnView.show", pk=pk), 303)

    @page("/<int:pk>/approve", methods=("POST",))
    def approve(self, pk: int) -> Response:
        """Agree."""
        return self._decide(pk, returns.approve_return, gettext("%(number)s is agreed to"))

    @page("/<int:pk>/reject", methods=("POST",))
    def reject(self, pk: int) -> Response:
        """Decline."""
        return self._decide(pk, returns.reject_return, gettext("%(number)s is declined"))

    @page("/<int:pk>/cancel", methods=("POST",))
    def cancel(self, pk: int) -> Response:
        """Call off before it was sent."""
        return self._decide(pk, returns.cancel_return, gettext("%(number)s is called off"))

    @page("/<int:pk>/call-off", methods=("POST",))
    def call_off(self, pk: int) -> Response:
        """It will not come."""
        return self._decide(pk, returns.call_off_return, gettext("%(number)s is called off"))

    @page("/<int:pk>/keep", methods=("POST",))
    def keep(self, pk: int) -> Response:
        """The goods stay with the buyer."""
        return self._decide(pk, returns.keep_goods, gettext("%(number)s: nothing has to come back"))

    @page("/<int:pk>/missing", methods=("POST",))
    def missing(self, pk: int) -> Response:
        """Sent, and never arrived."""
        cmd = returns_count.NeverArrived(pk, request.form.get("note", ""), _version())
        with unit() as tx:
            done = returns_count.never_arrived(tx, cmd)
        flash(gettext("%(number)s counts as missing; settle it now", number=done.number), "success")
        return redirect(url_for("ReturnView.show", pk=pk), 303)

    @page("/<int:pk>/send", methods=("POST",))
    def send(self, pk: int) -> Response:
        """It is on its way."""
        form = request.form
        cmd = returns.SendReturn(pk, form.get("carrier", ""), form.get("tracking_no", ""), _version())
        with unit() as tx:
            done = returns.send_return(tx, cmd)
        flash(gettext("%(number)s is on its way", number=done.number), "success")
        return redirect(url_for("ReturnView.show", pk=pk), 303)

    @page("/<int:pk>/receive", methods=("POST",))
    def receive(self, pk: int) -> Response:
        """It is here."""
        place = request.form.get("warehouse_id", 0, type=int)
        with unit() as tx:
            done = returns_receive.receive_return(tx, returns_receive.ReceiveReturn(pk, place, version=_version()))
        flash(gettext("%(number)s is here; count it", number=done.number), "success")
        return redirect(url_for("ReturnView.show", pk=pk), 303)

    @page("/<int:pk>/inspect", methods=("POST",))
    def inspect(self, pk: int) -> Response:
        """Counted, by the form on the page."""
        with unit() as tx:
            done = returns_count.inspect_return(tx, posted_count(pk, request.form))
        flash(gettext("%(number)s is counted; the stock has moved", number=done.number), "success")
        return redirect(url_for("ReturnView.show", pk=pk), 303)

    @page("/<int:pk>/trip-cost", methods=("POST",))
    def trip_cost(self, pk: int) -> Response:
        """What the useless trip cost."""
        amount = Money.parse(arabic_digits(request.form.get("amount", "")), field="amount")
        with unit() as tx:
            returns_resolve.set_trip_cost(tx, returns_resolve.SetTripCost(pk, amount, _version()))
        flash(gettext("Saved"), "success")
        return redirect(url_for("ReturnView.show", pk=pk), 303)

    @page("/<int:pk>/receipt", methods=("POST",))
    def receipt(self, pk: int) -> Response:
        """The paper for the buyer: what was taken back. Asked for again it is the same one."""
        with unit() as tx:
            ret = get_return(tx, pk)
            pieces: dict[int, int] = {}
            for line in ret.lines:
                pieces[line.order_line_id] = pieces.get(line.order_line_id, 0) + line.back
            cmd = IssueDocument(
                DocumentKind.RETURN_RECEIPT, (ret.order_id,), f"return:{ret.id}", pieces=pieces, remark=ret.number
            )
            done = issue_document(tx, cmd)
        flash(gettext("%(number)s is issued", number=done.number), "success")
        return redirect(url_for("DocumentView.show", document_id=done.document_id), 303)

    @page("/lost/<int:shipment_id>", methods=("POST",))
    def lost(self, shipment_id: int) -> Response:
        """Open the case of a lost parcel."""
        with unit() as tx:
            done = returns_rto.open_lost(tx, returns_rto.OpenLost(shipment_id))
        flash(gettext("%(number)s is opened; settle it with the buyer", number=done[0].number), "success")
        return redirect(url_for("ReturnView.show", pk=done[0].return_id), 303)

    @page("/arrivals/<int:pk>/attach", methods=("POST",))
    def attach(self, pk: int) -> Response:
        """An unknown parcel is this one."""
        cmd = returns_receive.AttachArrival(pk, request.form.get("code", ""), _version())
        with unit() as tx:
            found = returns_receive.attach_arrival(tx, cmd)
        flash(gettext("It is %(number)s; count it", number=found.returns[0].number), "success")
        return redirect(url_for("ReturnView.show", pk=found.returns[0].return_id), 303)

    @page("/arrivals/<int:pk>/close", methods=("POST",))
    def close(self, pk: int) -> Response:
        """An unknown parcel is none of ours."""
        cmd = returns_receive.CloseArrival(pk, request.form.get("note", ""), _version())
        with unit() as tx:
            returns_receive.close_arrival(tx, cmd)
        flash(gettext("The parcel is put aside"), "success")
        return redirect(url_for("ReturnDeskView.desk", pile=reading.UNKNOWN), 303)


def posted_count(pk: int, form: Any) -> returns_count.InspectReturn:
    """The count as a form or the station sends it: fields ``resell-<order line>`` and so on. Raises InvalidInput."""
    found: dict[int, dict[str, int]] = {}
    for name in form:
        part, _, line = str(name).partition("-")
        if part in COUNTED and line.isdecimal() and int(line) < NO_ID:
            found.setdefault(int(line), {})[part] = _pieces(form.get(name, ""))
    counts = [returns_count.Counted(line, **pieces) for line, pieces in found.items()]
    reason = form.get("reason") or None
    known = {r.value: r for r in REASON_LABELS}
    version = str(form.get("version", ""))
    return returns_count.InspectReturn(
        pk, tuple(counts), known.get(str(reason)), form.get("note", ""),
        int(version) if version.isdecimal() and len(version) < 10 else None,
    )  # fmt: skip


def _pieces(text: str) -> int:
    try:
        return whole_number(str(text), 0) or 0
    except ValueError as exc:
        raise InvalidInput(say("“{text}” is not a whole number", text=str(text)[:20]), field="lines") from exc


def _version() -> int | None:
    raw = request.form.get("version", "")
    return int(raw) if raw.isdigit() and len(raw) < 10 else None


def of_order(order: Order) -> Any:
    """The returns of an order, for its page."""
    known = g.setdefault("oms_returns", {})
    if order.id not in known:
        known[order.id] = reading.of_order(db.session(), order.id)
    return known[order.id]


def _counts(actor: Actor) -> nav.Waiting:
    works = any(actor.may(one.needs) for one in reading.PILES.values() if one.hot)
    found: dict[str, Any] = {"returns": reading.count_mine(actor)} if works else {}
    return found | ({"returns.arrived": reading.count_arrived(actor)} if actor.may("return.receive") else {})


def install(app: Flask) -> None:
    """Put the count into the menu, and the words of returns into templates."""
    nav.add_counts(app, _counts)
    app.jinja_env.globals.update(
        returns_of=of_order, return_pill=return_pill, RETURN_LABELS=RETURN.labels, ARRIVAL_LABELS=ARRIVAL.labels,
        RETURN_KINDS=KIND_LABELS, RETURN_REASONS=REASON_LABELS, CONDITION_LABELS=CONDITION_LABELS,
        RESOLUTION_LABELS=RESOLUTION_LABELS, days_since=days_since, return_askable=reading.askable,
        audit_action=audit_words.action, RTO=ReturnKind.RTO,
    )  # fmt: skip


VIEWS = (ReturnDeskView, ReturnView, ReturnWorkView)
NAV = (
    nav.Item("work", "Returns", "ReturnDeskView.desk", SEEN, icon="back", order=150, count="returns", hot=True),
    nav.Item("data", "All returns", "ReturnView.list", SEEN, icon="back", order=45),
)
