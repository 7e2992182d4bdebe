"""What a channel said: readings with their ledgers, every word as it came, and words asked for again."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.channels.models import ChannelMessage
from oms.channels.states import Source
from oms.channels.stored import problems_of
from oms.db import db
from oms.errors import NotFound, say
from oms.intake.models import IntakeItem, IntakeRun
from oms.intake.records import stored_sentence
from oms.usecases.channel_hooks import hear_again
from oms.usecases.channel_sync import ask_again
from views import listing
from views.base import OmsView, page, unit
from views.channels import found
from views.filters import tr

SOURCE_LABELS = {
    "poll": "Read by the clock", "webhook": "Told by the channel", "refresh": "Looked at again",
    "backfill": "Days read again", "gap": "Missing ones fetched", "replay": "Asked for again",
}  # fmt: skip
OUTCOME_LABELS = {
    "created": "Created", "updated": "Updated", "unchanged": "Unchanged", "quarantined": "In quarantine",
    "rejected": "Rejected",
}  # fmt: skip
TONES = {"created": "ok", "updated": "info", "unchanged": "mut", "quarantined": "warn", "rejected": "bad"}
PERSONAL = re.compile(
    r"name|phone|mobile|tel|mail|address|street|line[12_]|zip|post|lat|lng|first|last|contact|buyer|customer|recipient",
    re.IGNORECASE,
)
PEOPLE = re.compile(
    r"^(to|ship|bill)|address|recipient|receiver|buyer|customer|consignee|contact|shipping|billing", re.IGNORECASE
)
HIDDEN = "•••"


def masked(value: Any, key: str = "", *, inside: bool = False) -> Any:
    """The same with everything personal hidden: a value under a telling name is dots, and all there is of a person."""
    if isinstance(value, dict):
        return {k: masked(v, k, inside=inside or _is_person(k, v)) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v, key, inside=inside) for v in value]
    said = value not in (None, "", True, False)
    return HIDDEN if said and (inside or PERSONAL.search(key)) else value


def _is_person(key: str, value: Any) -> bool:
    return isinstance(value, dict) and PEOPLE.search(key) is not None


class ChannelPagesView(OmsView):
    """What one connected shop said."""

    route_base = "/channels/said"
    requires = "intake.import"
    requires_for = dict.fromkeys(("hear", "replay"), "intake.resolve")

    @page("/<int:connection_id>/runs")
    def runs(self, connection_id: int) -> str:
        """Readings that brought something new, newest first."""
        row = found(connection_id)
        statement = (
            select(IntakeRun)
            .where(IntakeRun.shop_id == row.shop_id, IntakeRun.source != Source.FILE.value)
            .order_by(IntakeRun.id.desc())
        )
        return self.show_page(
            "channels/runs.html", title=gettext("Readings"), row=row, page=listing.fetch(statement),
            sources=SOURCE_LABELS,
        )  # fmt: skip

    @page("/<int:connection_id>/messages")
    def messages(self, connection_id: int) -> str:
        """Words about orders, newest first."""
        row, number = found(connection_id), request.args.get("number", "").strip().replace("\0", "")
        statement = select(ChannelMessage).where(ChannelMessage.shop_id == row.shop_id)
        if number:
            statement = statement.where(ChannelMessage.external_no == number)
        run = request.args.get("run", "")
        if run.isdecimal() and len(run) < 18:
            statement = statement.where(ChannelMessage.run_id == int(run))
        found_page = listing.fetch(statement.order_by(ChannelMessage.id.desc()))
        return self.show_page(
            "channels/messages.html", title=gettext("What it said"), row=row, page=found_page, number=number,
            sources=SOURCE_LABELS, outcomes=OUTCOME_LABELS, tones=TONES,
        )  # fmt: skip

    @page("/<int:connection_id>/messages/<int:message_id>")
    def message(self, connection_id: int, message_id: int) -> str:
        """One word as it came."""
        row, kept = found(connection_id), _kept(connection_id, message_id)
        item = db.session.get(IntakeItem, (kept.run_id, kept.item_no)) if kept.run_id else None
        problems = [tr(stored_sentence(p)) for p in (item.problems if item else None) or []]
        problems = problems or [tr(p.message) for p in problems_of(kept.problems)]
        raw = json.dumps(masked(kept.raw), ensure_ascii=False, indent=2)
        return self.show_page(
            "channels/message.html", title=kept.external_no, row=row, m=kept, raw=raw, problems=problems,
            sources=SOURCE_LABELS, outcomes=OUTCOME_LABELS,
        )  # fmt: skip

    @page("/<int:connection_id>/messages/<int:message_id>/replay", methods=("POST",))
    def replay(self, connection_id: int, message_id: int) -> Response:
        """Ask the channel for this order again."""
        kept = _kept(connection_id, message_id)
        with unit() as tx:
            ask_again(tx, connection_id, [kept.external_no])
        flash(gettext("The channel is asked again"), "success")
        return redirect(url_for("ChannelPagesView.messages", connection_id=connection_id, number=kept.external_no), 303)

    @page("/<int:connection_id>/hooks/<int:hook_id>/hear", methods=("POST",))
    def hear(self, connection_id: int, hook_id: int) -> Response:
        """Read a webhook once more."""
        with unit() as tx:
            hear_again(tx, connection_id, hook_id)
        flash(gettext("It is read again in a moment"), "success")
        return redirect(url_for("ChannelView.show", connection_id=connection_id), 303)


def _kept(connection_id: int, message_id: int) -> ChannelMessage:
    row, kept = found(connection_id), db.session.get(ChannelMessage, message_id)
    if kept is None or kept.shop_id != row.shop_id:
        raise NotFound(say("There is no such record"))
    return kept


VIEWS = (ChannelPagesView,)
