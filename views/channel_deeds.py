"""What channels were told, what waits to be told, what they refused; and buyers who asked to cancel."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext, ngettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.channels.models import ChannelDeed, ChannelOrder
from oms.channels.states import DEED, DeedStatus
from oms.db import db
from oms.orders.models import Order
from oms.orders.states import CLOSED_BOARDS
from oms.usecases.channel_answers import answer_buyer
from oms.usecases.channel_carriers import ChooseCarrier, choose_carrier
from oms.usecases.channel_deeds import drop_word, tell_again
from views import listing
from views.base import OmsView, page, unit
from views.channels import found

KIND_LABELS = {
    "accept": "Accepted, to be sent", "ship": "Told as sent", "cancel": "Canceled by us",
    "agree_cancel": "Yes to canceling", "refuse_cancel": "No to canceling", "label": "Label fetched",
}  # fmt: skip
TONES = {"waiting": "mut", "asked": "info", "unsure": "warn", "done": "ok", "needs_person": "bad", "dropped": "mut"}


class ChannelDeedsView(OmsView):
    """Words to one connected shop."""

    route_base = "/channels/told"
    requires = "intake.import"
    requires_for = {
        "again": "intake.resolve",
        "carrier": "intake.resolve",
        "drop": "intake.resolve",
        "answer": "order.cancel",
    }

    @page("/<int:connection_id>")
    def deeds(self, connection_id: int) -> str:
        """What needs a person first, then the newest."""
        row, only = found(connection_id), request.args.get("only", "")
        statement = select(ChannelDeed).where(ChannelDeed.shop_id == row.shop_id)
        if only in set(DeedStatus):
            statement = statement.where(ChannelDeed.status == DeedStatus(only))
        statement = statement.order_by((ChannelDeed.status == DeedStatus.NEEDS_PERSON).desc(), ChannelDeed.id.desc())
        asking: Any = (
            select(Order)
            .join(ChannelOrder, ChannelOrder.order_id == Order.id)
            .where(ChannelOrder.shop_id == row.shop_id, ChannelOrder.cancel_asked, ChannelOrder.is_open)
            .where(Order.board.not_in(CLOSED_BOARDS))
            .order_by(Order.id)
            .limit(50)
        )
        return self.show_page(
            "channels/deeds.html", title=gettext("What it was told"), row=row, page=listing.fetch(statement),
            asking=db.session.scalars(asking).all(), kinds=KIND_LABELS, labels=DEED.labels, tones=TONES, only=only,
        )  # fmt: skip

    @page("/<int:connection_id>/<int:deed_id>/again", methods=("POST",))
    def again(self, connection_id: int, deed_id: int) -> Response:
        """Tell it again."""
        with unit() as tx:
            tell_again(tx, deed_id)
        flash(gettext("It is told again in a moment"), "success")
        return self._back(connection_id)

    @page("/<int:connection_id>/<int:deed_id>/carrier", methods=("POST",))
    def carrier(self, connection_id: int, deed_id: int) -> Response:
        """The carrier is this one of the platform's own."""
        with unit() as tx:
            told = choose_carrier(tx, ChooseCarrier(deed_id, request.form.get("number", "")))
        flash(
            ngettext("%(num)s word is told with this carrier", "%(num)s words are told with this carrier", told),
            "success",
        )
        return self._back(connection_id)

    @page("/<int:connection_id>/<int:deed_id>/drop", methods=("POST",))
    def drop(self, connection_id: int, deed_id: int) -> Response:
        """It need not be told."""
        with unit() as tx:
            drop_word(tx, deed_id, gettext("Done by hand"))
        flash(gettext("It is not told any more"), "success")
        return self._back(connection_id)

    @page("/<int:connection_id>/orders/<int:order_id>/answer", methods=("POST",))
    def answer(self, connection_id: int, order_id: int) -> Response:
        """Answer a buyer who wants to cancel."""
        agree = request.form.get("agree") == "1"
        with unit() as tx:
            answer_buyer(tx, order_id, agree=agree)
        flash(
            gettext("Canceled; the channel is told") if agree else gettext("Work goes on; the channel is told"),
            "success",
        )
        return self._back(connection_id)

    def _back(self, connection_id: int) -> Response:
        return redirect(url_for("ChannelDeedsView.deeds", connection_id=connection_id), 303)


VIEWS = (ChannelDeedsView,)
