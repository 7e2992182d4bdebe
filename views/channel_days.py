"""Is anything missing? Each shop and day: how many orders the channel has, how many we have, which are not here."""

from __future__ import annotations

from datetime import date

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms import clock
from oms.channels.states import Source
from oms.db import db
from oms.errors import InvalidInput, say
from oms.usecases.channel_days import ask_proof, proofs, silences
from oms.usecases.channel_health import connections
from oms.usecases.channel_lease import of_shop
from oms.usecases.channel_sync import ask_again
from views import nav
from views.base import OmsView, current_actor, page, unit
from views.channels import found

DAYS = 14


class ChannelDaysView(OmsView):
    """The completeness page."""

    route_base = "/channels/days"
    requires = "intake.import"

    @page("/")
    def days(self) -> str:
        """The last two weeks of every shop, or of one."""
        actor, shop = current_actor(), request.args.get("shop", "")
        rows = connections(db.session(), actor)
        chosen = [row for row in rows if str(row.shop_id) == shop]
        today = clock.local(clock.now()).date()
        return self.show_page(
            "channels/days.html", title=gettext("Is anything missing?"), rows=rows, shop=shop, today=today,
            only=chosen[0] if chosen else None, quiet=silences(db.session(), actor),
            days=proofs(db.session(), chosen or rows, today, DAYS if chosen else 4),
        )  # fmt: skip

    @page("/<int:connection_id>/<day>/prove", methods=("POST",))
    def prove(self, connection_id: int, day: str) -> Response:
        """Count this day at the channel now."""
        with unit() as tx:
            ask_proof(tx, connection_id, _day(day))
        flash(gettext("The channel is asked for its list; reload in a moment"), "success")
        return redirect(url_for("ChannelDaysView.days", shop=found(connection_id).shop_id), 303)

    @page("/<int:connection_id>/<day>/fetch", methods=("POST",))
    def fetch(self, connection_id: int, day: str) -> Response:
        """Fetch what is missing."""
        row, wanted = found(connection_id), _day(day)
        proof = next(iter(proofs(db.session(), [row], wanted, 1)), None)
        shop_id = row.shop_id
        if proof is not None and proof.missing:
            with unit() as tx:
                ask_again(tx, of_shop(tx, shop_id).id, proof.missing, Source.GAP)
                ask_proof(tx, connection_id, wanted)
            flash(gettext("%(n)s orders are fetched", n=len(proof.missing)), "success")
        return redirect(url_for("ChannelDaysView.days", shop=shop_id), 303)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(say("This is no day"), field="day", code="day") from None


VIEWS = (ChannelDaysView,)
NAV = (nav.Item("watch", "Is anything missing?", "ChannelDaysView.days", "intake.import", icon="check", order=45),)
