"""Personal data: requests with their clocks, consents, a copy for the person, forgetting, how long things are kept."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from flask import Flask, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms import clock
from oms.customers.privacy_models import Consent, PrivacyRequest
from oms.customers.queries import get_customer
from oms.customers.states import (
    PRIVACY_REQUEST,
    PURPOSE_LABELS,
    REQUEST_LABELS,
    Purpose,
    RequestKind,
    RequestStatus,
)
from oms.errors import NotFound, say
from oms.orders.queries import NO_ID
from oms.reports.personal_data import PART_LABELS, personal_data
from oms.usecases.privacy import (
    MANAGE,
    WHOLE,
    RecordConsent,
    SetRetention,
    TakeRequest,
    consents_of,
    finish_request,
    record_consent,
    refuse_request,
    reveal_order_phone,
    reveal_phones,
    rules_of,
    set_retention,
    take_request,
)
from oms.usecases.privacy_erase import Anonymise, anonymise_customer, erasure_plan
from views import nav
from views.base import OmsView, may, page, safe_path, unit
from views.filters import tr
from views.order_actions import choice, past_moment, text, version

POST = ("POST",)
SHOWN_FOR = 600  # seconds that the whole numbers of a person stay on screen once they were asked for
SHOWN = "phones_shown"  # key of the session: person, or order with a mark before it -> until when
ORDER = "o"
MOST_SHOWN = 40
LATEST = 50


class PrivacyView(OmsView):
    """Requests, one person's data, and the terms."""

    route_base = "/privacy"
    default_view = "requests"
    requires = MANAGE
    requires_for = {"phones": WHOLE, "order_phone": WHOLE, "consent": "customer.edit"}

    @page("/")
    def requests(self) -> str:
        """What is open, the most urgent first, and how long things are kept."""
        with unit() as tx:
            statement = select(PrivacyRequest).options(joinedload(PrivacyRequest.customer))
            is_open = PrivacyRequest.status == RequestStatus.OPEN
            opened = tx.session.scalars(statement.where(is_open).order_by(PrivacyRequest.due_at).limit(200)).all()
            decided = tx.session.scalars(
                statement.where(~is_open).order_by(PrivacyRequest.decided_at.desc()).limit(LATEST)
            ).all()
            facts = {"opened": opened, "decided": decided, "rules": rules_of(tx), "now": clock.now()}
            return self.show_page("privacy/requests.html", title=gettext("Personal data"), **facts, **_words())

    @page("/<int:pk>")
    def person(self, pk: int) -> str:
        """Everything about one person's data."""
        with unit() as tx:
            person = get_customer(tx.session, min(pk, NO_ID))
            plan = erasure_plan(tx, person.id)
            asked = select(PrivacyRequest).where(PrivacyRequest.customer_id == person.id)
            said = select(Consent).where(Consent.customer_id == person.id).order_by(Consent.id.desc())
            requests = tx.session.scalars(asked.order_by(PrivacyRequest.id.desc())).all()
            facts = {
                "person": person, "plan": plan, "requests": requests,
                "consents": tx.session.scalars(said.limit(LATEST)).all(), "agreed": consents_of(tx, person.id),
                "now": clock.now(),
            }  # fmt: skip
            return self.show_page("privacy/person.html", title=gettext("Personal data"), **facts, **_words())

    @page("/<int:pk>/request", methods=POST)
    def take(self, pk: int) -> Response:
        """Note a request; its clock begins when it was received."""
        cmd = TakeRequest(pk, choice(RequestKind, "kind"), text("note"), past_moment("received_at"))
        with unit() as tx:
            take_request(tx, cmd)
        flash(gettext("Noted; the clock runs"), "success")
        return _back(pk)

    @page("/request/<int:request_id>/<move>", methods=POST)
    def decide(self, request_id: int, move: str) -> Response:
        """Done, or refused with the reason."""
        verbs = {"finish": finish_request, "refuse": refuse_request}
        if move not in verbs:
            raise NotFound(say("There is nothing of that name to do"), code="decision")
        with unit() as tx:
            verbs[move](tx, request_id, text("answer"))
            person = tx.session.get_one(PrivacyRequest, request_id).customer_id
        flash(gettext("Saved"), "success")
        return _back(person)

    @page("/<int:pk>/consent", methods=POST)
    def consent(self, pk: int) -> Response:
        """A yes or a no."""
        given = request.form.get("given") == "1"
        cmd = RecordConsent(pk, choice(Purpose, "purpose"), given, text("source", 80), text("wording", 80))
        with unit() as tx:
            record_consent(tx, cmd)
        flash(gettext("Saved"), "success")
        return _back(pk) if may(MANAGE) else redirect(url_for("CustomerView.show", pk=pk), 303)

    @page("/<int:pk>/copy", methods=POST)
    def copy(self, pk: int) -> Response:
        """A copy for the person: for programs and for reading, in one file."""
        with unit() as tx:
            found = personal_data(tx, min(pk, NO_ID))
            read = render_template("privacy/copy.html", parts=found, labels=PART_LABELS, now=clock.now())
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("data.json", json.dumps(found, ensure_ascii=False, indent=1))
            packed.writestr("data.html", read)
        answer = Response(out.getvalue(), mimetype="application/zip")
        answer.headers["Content-Disposition"] = f'attachment; filename="customer-{pk}.zip"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @page("/<int:pk>/erase", methods=POST)
    def erase(self, pk: int) -> Response:
        """Forget the person."""
        with unit() as tx:
            done = anonymise_customer(tx, Anonymise(pk, text("reason", 300)))
        flash(gettext("The person is forgotten; figures of %(n)s orders stay", n=done.orders), "success")
        return _back(pk)

    @page("/<int:pk>/phones", methods=POST)
    def phones(self, pk: int) -> Response:
        """Show the whole numbers of a person for some minutes; it is noted who did."""
        with unit() as tx:
            reveal_phones(tx, pk)
        _remember(str(pk))
        return redirect(url_for("CustomerView.show", pk=pk), 303)

    @page("/orders/<int:pk>/phone", methods=POST)
    def order_phone(self, pk: int) -> Response:
        """Show the whole number an order goes to for some minutes; it is noted who did."""
        with unit() as tx:
            reveal_order_phone(tx, min(pk, NO_ID))
        _remember(f"{ORDER}{pk}")
        return redirect(safe_path(request.form.get("next")) or url_for("OrderView.show", pk=pk), 303)

    @page("/retention", methods=POST)
    def retention(self) -> Response:
        """How long things are kept."""
        form = request.form
        days = [form.get(name, 0, type=int) for name in ("intake_days", "slip_days", "paper_years")]
        with unit() as tx:
            set_retention(tx, SetRetention(*days, version=version() or None))
        flash(gettext("Saved"), "success")
        return redirect(url_for("PrivacyView.requests"), 303)


def _remember(name: str) -> None:
    """This browser asked for a number. The latest are kept: a cookie has little room."""
    now = clock.now().timestamp()
    kept = [(k, v) for k, v in session.get(SHOWN, {}).items() if v > now and k != name]
    kept.sort(key=lambda one: one[1])  # a cookie does not keep the order of its parts
    session[SHOWN] = dict([*kept[1 - MOST_SHOWN :], (name, round(now + SHOWN_FOR, 3))])


def phones_shown(customer_id: int) -> bool:
    """Whether this browser asked for the numbers of this person a short time ago."""
    return _shown(str(customer_id))


def order_phone_shown(order_id: int) -> bool:
    """Whether this browser asked for the number an order goes to a short time ago, and may have it."""
    return may(WHOLE) and _shown(f"{ORDER}{order_id}")


def _shown(name: str) -> bool:
    return bool(session.get(SHOWN, {}).get(name, 0) > clock.now().timestamp())


def _words() -> dict[str, Any]:
    return {
        "kinds": [(k.value, tr(REQUEST_LABELS[k])) for k in RequestKind],
        "purposes": [(p.value, tr(PURPOSE_LABELS[p])) for p in Purpose],
        "REQUEST_LABELS": REQUEST_LABELS, "PURPOSE_LABELS": PURPOSE_LABELS, "REQUEST": PRIVACY_REQUEST,
    }  # fmt: skip


def _back(pk: int) -> Response:
    return redirect(url_for("PrivacyView.person", pk=pk), 303)


def install(app: Flask) -> None:
    """What templates ask before they show a number."""
    app.jinja_env.globals["order_phone_shown"] = order_phone_shown


VIEWS = (PrivacyView,)
NAV = (nav.Item("watch", "Personal data", "PrivacyView.requests", MANAGE, icon="shield", order=60),)
