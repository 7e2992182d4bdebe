"""Stock adjustments that wait for a second person, and the switch of that rule."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.approvals import POLICY_LABELS, Approval, ApprovalPolicy
from oms.db import db
from oms.inventory.models import ADJUST_LABELS
from oms.inventory.queries import visible_papers
from oms.usecases.stock import ADJUST_POLICY
from oms.usecases.stock_approvals import (
    APPROVE_ACTION,
    DecideAdjustment,
    SetPolicy,
    decide_adjustment,
    set_policy,
)
from views import nav
from views.base import OmsView, current_actor, page, unit

SHOWN = 100  # the oldest first; who has more waiting decides those first


class StockApprovalView(OmsView):
    """Agree or decline, one by one."""

    route_base = "/stock/approvals"
    default_view = "list"
    requires = APPROVE_ACTION

    @page("/")
    def list(self) -> str:
        """The open requests of one's own warehouses, the oldest first."""
        mine = visible_papers(current_actor()).subquery()
        statement = (
            select(Approval)
            .join(mine, mine.c.id == Approval.subject_id)
            .where(Approval.kind == ADJUST_POLICY, Approval.status == "open")
            .order_by(Approval.requested_at)
            .limit(SHOWN)
        )
        return self.show_page(
            "stock_approvals.html", title=gettext("Adjustments to approve"), rows=db.session.scalars(statement).all(),
            me=current_actor().user_id, reasons={kind.value: label for kind, label in ADJUST_LABELS.items()},
        )  # fmt: skip

    @page("/<int:approval_id>", methods=("POST",))
    def decide(self, approval_id: int) -> Response:
        """Agree, and the stock moves; or decline with a reason."""
        form = request.form
        version, agree = form.get("version", ""), form.get("decision") == "approve"
        cmd = DecideAdjustment(approval_id, agree, form.get("note", ""), int(version) if version.isdecimal() else None)
        with unit() as tx:
            done = decide_adjustment(tx, cmd)
        flash(gettext("%(number)s is saved", number=done.number) if agree else gettext("Declined"), "success")
        return redirect(url_for("StockApprovalView.list"), 303)


class RuleView(OmsView):
    """Which kinds of work need two persons."""

    route_base = "/rules"
    default_view = "list"
    requires = "staff.edit"

    @page("/")
    def list(self) -> str:
        """The rules, on or off."""
        on = set(db.session.scalars(select(ApprovalPolicy.kind).where(ApprovalPolicy.is_on)))
        rows = [(kind, label, kind in on) for kind, label in POLICY_LABELS.items()]
        return self.show_page("rules.html", title=gettext("Two-person rules"), rows=rows)

    @page("/<kind>", methods=("POST",))
    def switch(self, kind: str) -> Response:
        """Switch one."""
        with unit() as tx:
            set_policy(tx, SetPolicy(kind, is_on=request.form.get("on") == "1"))
        flash(gettext("Saved"), "success")
        return redirect(url_for("RuleView.list"), 303)


VIEWS = (StockApprovalView, RuleView)
NAV = (
    nav.Item("work", "Adjustments to approve", "StockApprovalView.list", APPROVE_ACTION, icon="shield", order=146),
    nav.Item("setup", "Two-person rules", "RuleView.list", "staff.edit", icon="shield", order=70),
)
