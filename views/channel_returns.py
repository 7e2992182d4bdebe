"""Returns that channels tell: what each said, what became of it here, and what a person does with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, flash, g, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms.channels import return_queries
from oms.channels.models import ChannelConnection
from oms.channels.port import ReturnStage
from oms.channels.registry import CONNECTORS
from oms.channels.return_models import STAGE_LABELS, WAIT_LABELS, ChannelReturn
from oms.db import db
from oms.orders.models import Order
from oms.returns.models import Return
from oms.usecases.channel_returns_people import AttachReturn, PutAside, attach_return, put_aside, try_return
from views import listing
from views.base import OmsView, page, unit
from views.channels import found

S = ReturnStage
STAGE_TONES: Mapping[ReturnStage, str] = {
    S.UNKNOWN: "bad", S.ASKED: "warn", S.AGREED: "info", S.SENT: "info", S.REFUSED: "mut", S.WITHDRAWN: "mut",
    S.REFUNDED: "ok",
}  # fmt: skip


class ChannelReturnsView(OmsView):
    """What a connected shop told of returns, and the steps for those that wait."""

    route_base = "/channels/returns"
    requires = "order.view"
    requires_for = dict.fromkeys(("attach", "again", "aside"), "return.approve") | {"list": "intake.import"}

    @page("/<int:connection_id>")
    def list(self, connection_id: int) -> str:
        """All of a shop, what waits first, then the newest."""
        row = found(connection_id)
        statement = (
            select(ChannelReturn)
            .where(ChannelReturn.shop_id == row.shop_id)
            .order_by(
                (ChannelReturn.wait.is_not(None) & ChannelReturn.closed_at.is_(None)).desc(),
                ChannelReturn.changed_at.desc(), ChannelReturn.id.desc(),
            )
            .options(joinedload(ChannelReturn.shop), joinedload(ChannelReturn.order), joinedload(ChannelReturn.ret))
        )  # fmt: skip
        return self.show_page("channels/returns.html", title=gettext("Returns"), row=row, page=listing.fetch(statement))

    @page("/<int:pk>/attach", methods=("POST",))
    def attach(self, pk: int) -> Response:
        """It is this return of ours."""
        with unit() as tx:
            row = attach_return(tx, AttachReturn(pk, request.form.get("number", ""), _version()))
            return_id = row.return_id
        flash(gettext("The channel's return and ours belong together now"), "success")
        return redirect(url_for("ReturnView.show", pk=return_id), 303)

    @page("/<int:pk>/again", methods=("POST",))
    def again(self, pk: int) -> Response:
        """Try it once more."""
        with unit() as tx:
            row = try_return(tx, pk)
            waits, return_id = row.wait, row.return_id
        if waits is None and return_id is not None:
            flash(gettext("It is a return here now"), "success")
            return redirect(url_for("ReturnView.show", pk=return_id), 303)
        flash(gettext("It still waits") if waits else gettext("Nothing has to be done for it any more"), "info")
        return _desk()

    @page("/<int:pk>/aside", methods=("POST",))
    def aside(self, pk: int) -> Response:
        """Nothing is to become of it."""
        with unit() as tx:
            put_aside(tx, PutAside(pk, request.form.get("note", ""), _version()))
        flash(gettext("It is put aside"), "success")
        return _desk()


def _desk() -> Response:
    return redirect(url_for("ReturnDeskView.desk", pile="channel"), 303)


def _version() -> int | None:
    raw = request.form.get("version", "")
    return int(raw) if raw.isdigit() and len(raw) < 10 else None


def of_return(ret: Return) -> ChannelReturn | None:
    """What a channel says of a return, for its page."""
    return return_queries.of_return(db.session(), ret.id)


def of_order(order: Order) -> Any:
    """What channels say of the returns of an order: by our return's id, those that became none under None."""
    known = g.setdefault("oms_channel_returns", {})
    if order.id not in known:
        rows: dict[int | None, list[ChannelReturn]] = {}
        for row in return_queries.of_order(db.session(), order.id):
            rows.setdefault(row.return_id, []).append(row)
        known[order.id] = rows
    return known[order.id]


def channel_tells(row: ChannelConnection, ability: str) -> bool:
    """Whether a shop's connector can do something."""
    kind = CONNECTORS.get(row.connector)
    return kind is not None and ability in kind.abilities


def install(app: Flask) -> None:
    """Their words and reads for templates."""
    app.jinja_env.globals.update(
        channel_tells=channel_tells, channel_return_of=of_return, channel_returns_of=of_order,
        CHANNEL_STAGES=STAGE_LABELS, CHANNEL_STAGE_TONES=STAGE_TONES, CHANNEL_WAITS=WAIT_LABELS,
    )  # fmt: skip


VIEWS = (ChannelReturnsView,)
