"""One picture, one decision, one key; the next slip follows. And "Confirm all exact", which says first what it does."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, jsonify, redirect, request, session, url_for
from flask_babel import gettext, ngettext
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from oms import clock
from oms.banks.checking import TOPIC_NAMES, Topic
from oms.banks.codes import BANKS
from oms.db import Tx, db
from oms.errors import Forbidden, InvalidInput, NotFound, OmsError, say
from oms.money import ZERO, Money
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import OPEN_SLIPS, orders_of_claims, place_of
from oms.payments.states import RejectReason, Verdict
from oms.reports.search import search_orders
from oms.usecases.slip_base import get_slip
from oms.usecases.slip_facts import SlipCase, likely_orders, slip_case
from oms.usecases.slips import (
    AttachSlip,
    DecideSlip,
    RejectSlip,
    attach_slip,
    duplicate_slip,
    reject_slip,
    reopen_slip,
)
from oms.usecases.slips_confirm import ConfirmSlip, SlipConfirmed, confirm_slip
from oms.usecases.slips_exact import confirm_exact, exact_plan
from views.base import OmsView, page, unit
from views.filters import money, tr
from views.order_actions import choice, past_moment, text, version
from views.order_money import bank_choices
from views.slips import first_open

VERDICT_TONES = {Verdict.MATCH: "ok", Verdict.MISMATCH: "bad", Verdict.NOT_CHECKED: "mut"}
LAST_ACCOUNT = "slip_account"  # the account this cashier confirmed last: most slips of a morning go into one
SHOWN_LEFT = 100


class SlipReviewView(OmsView):
    """The queue, slip by slip."""

    route_base = "/slip"
    default_view = "start"
    requires = "payment.verify"
    requires_for = {"review": "payment.claim", "attach": "payment.claim", "orders": "payment.claim"}

    @page("/")
    def start(self) -> AnyResponse | str:
        """The first slip that waits."""
        with unit() as tx:
            first = first_open(tx)
        if first is None:
            return self.show_page("slips/done.html", title=gettext("Review slips"), undo=_undo())
        return redirect(url_for("SlipReviewView.review", slip_id=first, **_carried()), 303)

    @page("/<int:slip_id>")
    def review(self, slip_id: int) -> str:
        """One slip with everything to decide it."""
        with unit() as tx:
            slip = get_slip(tx, slip_id)
            case = slip_case(tx, slip)
            facts = {
                "slip": slip, "case": case, "place": place_of(tx.session, tx.actor, slip), "rows": _rows(case),
                "likely": likely_orders(tx, case), "accounts": _accounts(tx), "account_id": _account(tx, case),
                "counted": _counted(tx, case), "is_open": slip.status in OPEN_SLIPS, "banks": bank_choices(),
                "first": _first(tx, case), "undo": _undo(), "paid_at": _when(case), "differs": _differs(case),
                "reasons": list(RejectReason),
            }  # fmt: skip
            return self.show_page("slips/review.html", title=gettext("Review slips"), **facts)

    @page("/orders")
    def orders(self) -> Response:
        """Orders for the search field."""
        asked = request.args.get("q", "").replace("\x00", "").strip()[:100]
        with unit() as tx:
            rows = search_orders(tx.session, tx.actor, asked).rows[:12] if len(asked) > 1 else []
            items = [{"id": r.id, "text": r.number, "hint": f"{r.ship_name} · {money(r.total)}"} for r in rows]
        return jsonify(items=items)

    @page("/<int:slip_id>/confirm", methods=("POST",))
    def confirm(self, slip_id: int) -> AnyResponse:
        """The money is in."""

        def verb(tx: Tx) -> str:
            command = _confirmation(slip_id)
            done = confirm_slip(tx, command)
            if command.account_id:
                session[LAST_ACCOUNT] = command.account_id
            return _confirmed(tx, done)

        return _decide(slip_id, verb)

    @page("/<int:slip_id>/reject", methods=("POST",))
    def reject(self, slip_id: int) -> AnyResponse:
        """Turn it down, with a reason."""

        def verb(tx: Tx) -> str:
            reason = choice(RejectReason, "reason")
            reject_slip(tx, RejectSlip(slip_id, reason, text("words"), version()))
            return gettext("Slip rejected")

        return _decide(slip_id, verb)

    @page("/<int:slip_id>/duplicate", methods=("POST",))
    def duplicate(self, slip_id: int) -> AnyResponse:
        """It was used before."""

        def verb(tx: Tx) -> str:
            duplicate_slip(tx, DecideSlip(slip_id, text("note"), version()))
            return gettext("Marked as used before")

        return _decide(slip_id, verb)

    @page("/<int:slip_id>/reopen", methods=("POST",))
    def reopen(self, slip_id: int) -> AnyResponse:
        """Take a decision back."""
        with unit() as tx:
            reopen_slip(tx, DecideSlip(slip_id, text("note")))
        flash(gettext("Taken back: the slip waits again"), "success")
        return redirect(url_for("SlipReviewView.review", slip_id=slip_id), 303)

    @page("/<int:slip_id>/attach", methods=("POST",))
    def attach(self, slip_id: int) -> AnyResponse:
        """Say which orders it pays."""
        chosen = request.form.get("order_id", type=int)
        if chosen is None:
            raise InvalidInput(say("Choose an order from the list"), field="order_id", code="order_missing")
        with unit() as tx:
            now = [share.order.id for share in slip_case(tx, get_slip(tx, slip_id)).shares]
            how = text("how", 10)
            wanted = [i for i in now if i != chosen] if how == "drop" else [*now, chosen] if how == "add" else [chosen]
            attach_slip(tx, AttachSlip(slip_id, tuple(dict.fromkeys(wanted)), version()))
        return redirect(url_for("SlipReviewView.review", slip_id=slip_id), 303)

    @page("/exact")
    def exact(self) -> str:
        """Which slips would be confirmed, how much they are together, and why the others are left to a person."""
        with unit() as tx:
            plan = exact_plan(tx)
            facts = {"plan": plan, "left": plan.left[:SHOWN_LEFT], "more": max(len(plan.left) - SHOWN_LEFT, 0)}
            return self.show_page("slips/exact.html", title=gettext("Confirm all exact slips"), **facts)

    @page("/exact/confirm", methods=("POST",))
    def confirm_all(self) -> AnyResponse:
        """Each in its own transaction, judged anew."""
        done, total, refused = 0, ZERO, []
        for raw in request.form.getlist("slip")[:500]:
            slip_id, _, seen = raw.partition(":")
            if not (slip_id.isdecimal() and seen.isdecimal()):
                continue
            try:
                with unit() as tx:
                    confirmed = confirm_exact(tx, int(slip_id), int(seen))
            except Forbidden:
                raise
            except OmsError as refusal:
                refused.append(f"#{slip_id}: {tr(refusal.problems()[0].message)}")
                continue
            done, total = done + 1, total + confirmed.amount
        said = ngettext("%(num)s slip confirmed, %(sum)s", "%(num)s slips confirmed, %(sum)s", done, sum=money(total))
        flash(said, "success" if done else "info")
        for words in refused[:20]:
            flash(words, "warning")
        return redirect(url_for("SlipReviewView.start"), 303)


def _confirmation(slip_id: int) -> ConfirmSlip:
    """What the form says."""
    said = text("amount", 40)
    same = text("counted", 20)
    shares = [
        (int(name[6:]), Money.parse(value, name))
        for name, value in request.form.items()
        if name.startswith("share_") and name[6:].isdecimal() and value.strip()
    ]
    return ConfirmSlip(
        slip_id, version(), amount=Money.parse(said, "amount") if said else None,
        account_id=request.form.get("account_id", type=int), paid_at=past_moment("paid_at"),
        allocations=tuple(shares) or None, sending_bank=text("sending_bank", 10), reference=text("reference", 80),
        same_as=int(same) if same.isdecimal() else None, is_another=same == "another",
        no_reference=bool(text("no_reference", 1)),
    )  # fmt: skip


def _confirmed(tx: Tx, done: SlipConfirmed) -> str:
    numbers = ", ".join(o.number for o, _ in orders_of_claims(tx.session, [done.claim_id]).get(done.claim_id, []))
    said = gettext("%(amount)s confirmed for %(order)s", amount=money(done.amount), order=numbers)
    if done.missing:
        said += " · " + gettext("%(amount)s is still missing", amount=money(done.missing))
    return said


def _decide(slip_id: int, verb: Any) -> AnyResponse:
    """Decide and go on to the next slip; a refusal is told on this one, with what was typed. When a colleague was
    quicker there is nothing left to do here, so the next one follows too."""
    after, undo = None, {"undo": slip_id}
    try:
        with unit() as tx:
            after = _after(tx, slip_id)
            said = verb(tx)
    except (NotFound, Forbidden):
        raise
    except OmsError as refusal:
        for problem in refusal.problems():
            flash(tr(problem.message), "danger")
        if refusal.detail_code != "slip_decided":
            return redirect(url_for("SlipReviewView.review", slip_id=slip_id, resume=1), 303)
        undo = {}
    else:
        flash(said, "success")
    if after is None:
        return redirect(url_for("SlipReviewView.start", **undo), 303)
    return redirect(url_for("SlipReviewView.review", slip_id=after, **undo), 303)


def _after(tx: Tx, slip_id: int) -> int | None:
    """The slip that follows in the queue."""
    slip = get_slip(tx, slip_id)
    return place_of(tx.session, tx.actor, slip).after


def _undo() -> int | None:
    return request.args.get("undo", type=int)


def _carried() -> dict[str, Any]:
    return {"undo": undo} if (undo := _undo()) else {}


def _accounts(tx: Tx) -> list[ReceivingAccount]:
    return list(
        tx.session.scalars(select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code))
    )


def _account(tx: Tx, case: SlipCase) -> int | None:
    """The account to begin with: what is known, else the only one, else the one of the last slip."""
    if case.account_id is not None or case.line is not None:
        return case.account_id or (case.line.account_id if case.line else None)
    if case.slip.claim is not None and case.slip.claim.account_id is not None:
        return case.slip.claim.account_id
    listed = [a.id for a in _accounts(tx)]
    return listed[0] if len(listed) == 1 else session.get(LAST_ACCOUNT)


def _when(case: SlipCase) -> str:
    at = case.paid_at or case.slip.uploaded_at
    return clock.local(at).strftime("%Y-%m-%dT%H:%M")


def _rows(case: SlipCase) -> list[dict[str, Any]]:
    """The checks as lines of the table: what is shown, how it came out, in words."""
    slip = case.slip
    receiver = slip.receiver or {}
    shown: dict[Topic, Any] = {
        Topic.AMOUNT: case.stated if slip.paid_amount or slip.said_amount or case.line else None,
        Topic.RECEIVER: " ".join(
            filter(None, [receiver.get("account") or receiver.get("proxy"), receiver.get("name")])
        ),
        Topic.TIME: case.paid_at,
        Topic.REFERENCE: " · ".join(filter(None, [_bank(slip.sending_bank), slip.reference])),
        Topic.TRANSFER: slip.payer_name,
    }
    return [
        {"topic": c.topic.value, "label": TOPIC_NAMES[c.topic], "shown": shown.get(c.topic), "why": c.why,
         "tone": VERDICT_TONES[c.verdict]}
        for c in case.checks
    ]  # fmt: skip


def _bank(code: str) -> str:
    return BANKS[code].short if code in BANKS else code


def _differs(case: SlipCase) -> str:
    """What is asked before a slip is confirmed against a check."""
    against = [tr(c.why) for c in case.checks if c.verdict is Verdict.MISMATCH and c.topic is not Topic.COUNTED]
    return gettext("Confirm although: %(why)s?", why="; ".join(against)) if against else ""


def _counted(tx: Tx, case: SlipCase) -> list[tuple[PaymentClaim, str]]:
    """Payments that may be this very money, with their orders."""
    if not case.counted:
        return []
    orders = orders_of_claims(tx.session, [c.id for c in case.counted])
    return [(c, ", ".join(o.number for o, _ in orders.get(c.id, []))) for c in case.counted]


def _first(tx: Tx, case: SlipCase) -> dict[str, Any] | None:
    """Where a used reference or a picture like this one was first: a slip or an order, and who brought it."""
    slip_id = case.first_use.slip_id if case.first_use else case.slip.alike_id
    if slip_id is not None and slip_id != case.slip.id:
        seen = db.session.get(Slip, slip_id)
        who = case.first_use.who if case.first_use else (seen.uploaded_label if seen else "")
        at = case.first_use.at if case.first_use else (seen.uploaded_at if seen else None)
        return {"url": url_for("SlipReviewView.review", slip_id=slip_id), "who": who, "at": at, "slip": slip_id}
    if case.first_use is None or case.first_use.claim_id is None:
        return None
    parts = orders_of_claims(tx.session, [case.first_use.claim_id]).get(case.first_use.claim_id, [])
    if not parts:
        return None
    order = parts[0][0]
    return {"url": url_for("OrderView.show", pk=order.id), "who": case.first_use.who, "at": case.first_use.at,
            "order": order.number}  # fmt: skip


VIEWS = (SlipReviewView,)
