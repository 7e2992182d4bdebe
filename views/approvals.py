"""What waits for a second person: discounts above the limit of who entered them."""

from __future__ import annotations

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import func
from werkzeug.wrappers import Response

from oms.actor import Actor
from oms.catalog.models import CHANNEL_LABELS
from oms.usecases.approvals import DISCOUNT_ACTION, DecideApproval, decide_approval, open_requests
from views import nav
from views.base import OmsView, current_actor, page, unit
from views.order_entry import order_url

_SHOWN = 100  # the oldest first; who has more waiting decides those first


class ApprovalView(OmsView):
    """Agree or decline, one by one."""

    route_base = "/approvals"
    default_view = "list"
    requires = DISCOUNT_ACTION

    @page("/")
    def list(self) -> str:
        """The open requests, the oldest first."""
        with unit() as tx:
            rows = tx.session.execute(open_requests(tx.actor).limit(_SHOWN)).all()
            return self.show_page(
                "approvals.html",
                title=gettext("Discounts to approve"),
                rows=rows,
                channels=CHANNEL_LABELS,
                order_url=order_url,
                limit=tx.actor.discount_limit,
                me=current_actor().user_id,
            )

    @page("/<int:approval_id>", methods=("POST",))
    def decide(self, approval_id: int) -> Response:
        """Agree or decline."""
        form = request.form
        version = form.get("version", "")
        agree = form.get("decision") == "approve"
        cmd = DecideApproval(approval_id, agree, form.get("note", ""), int(version) if version.isdecimal() else None)
        with unit() as tx:
            decide_approval(tx, cmd)
        flash(gettext("Approved; the order can be confirmed") if agree else gettext("Declined"), "success")
        return redirect(url_for("ApprovalView.list"), 303)


def counts(actor: Actor) -> nav.Waiting:
    """How many requests wait for who may decide them."""
    if not actor.may(DISCOUNT_ACTION):
        return {}
    return {"approvals": open_requests(actor).order_by(None).with_only_columns(func.count())}


def install(app: Flask) -> None:
    """Put the count into the menu."""
    nav.add_counts(app, counts)


VIEWS = (ApprovalView,)
NAV = (
    nav.Item(
        "work",
        "Discounts to approve",
        "ApprovalView.list",
        DISCOUNT_ACTION,
        icon="shield",
        order=145,
        count="approvals",
        hot=True,
    ),
)
