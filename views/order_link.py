"""The link to an order's public page, and the words that go with it, on the order's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import force_locale, gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.db import Tx
from oms.errors import NotFound, say
from oms.payments.models import ReceivingAccount
from oms.reports.order_page import OrderPage, order_page
from oms.reports.order_texts import ChatText, Sending, chat_texts
from oms.usecases.order_links import (
    SHARE,
    LinkState,
    extend_order_link,
    link_state,
    order_link,
    path,
    revoke_order_link,
)
from views.base import OmsView, page, unit
from views.errors import wants_json
from views.filters import day, tr
from views.public_pages import LANGUAGES


@dataclass(frozen=True)
class Words:
    """A message in each language."""

    kind: str
    label: str
    texts: dict[str, str]


def public_address(token: str) -> str:
    """The whole address of an order's page, as the browser reaches us."""
    return request.url_root.rstrip("/") + path(token)


def words(found: OrderPage, accounts: Sequence[ReceivingAccount], token: str) -> list[Words]:
    """Every message that makes sense now, in both languages."""
    parcels = [(p.carrier, p.tracking_no) for card in found.shipments.cards for p in card.parcels if p.tracking_no]
    sending = Sending(found.order, found.money, accounts, parcels, public_address(token) if token else "")
    made = chat_texts(sending)
    spoken: dict[str, list[str]] = {}
    for language in LANGUAGES:
        with force_locale(language):
            spoken[language] = [_text(text) for text in made]
    return [Words(t.kind, t.label, {code: spoken[code][i] for code in LANGUAGES}) for i, t in enumerate(made)]


def _text(text: ChatText) -> str:
    return "\n".join(tr(line) for line in text.lines)


def link_facts(tx: Tx, found: OrderPage, accounts: Sequence[ReceivingAccount]) -> dict[str, Any]:
    """What the order page shows to those who may share its link."""
    actor = tx.actor
    if not (actor.may(SHARE) and actor.may("order.price")):
        return {"chat_words": [], "public_link": None}
    link: LinkState | None = link_state(tx, found.order.id)
    token = link.token if link else ""
    return {
        "public_link": link, "public_url": public_address(token) if link else "",
        "chat_words": words(found, accounts, token), "chat_languages": [("th", "ไทย"), ("en", "EN")],
    }  # fmt: skip


class OrderLinkView(OmsView):
    """Make the link, make it longer, take it back; a message with the link in one go."""

    route_base = "/order-link"
    default_view = "make"
    requires = SHARE

    @page("/<int:pk>/make", methods=("POST",))
    def make(self, pk: int) -> Response:
        """A link for the buyer."""
        with unit() as tx:
            order_link(tx, pk)
        flash(gettext("The order's page is open for the customer; copy the link or a message"), "success")
        return _back(pk)

    @page("/<int:pk>/extend", methods=("POST",))
    def extend(self, pk: int) -> Response:
        """Some weeks longer."""
        with unit() as tx:
            until = extend_order_link(tx, pk)
        flash(gettext("The link works until %(day)s", day=day(until)), "success")
        return _back(pk)

    @page("/<int:pk>/revoke", methods=("POST",))
    def revoke(self, pk: int) -> Response:
        """Shut the page."""
        with unit() as tx:
            revoke_order_link(tx, pk)
        flash(gettext("The order's page is shut; the old link leads nowhere"), "success")
        return _back(pk)

    @page("/<int:pk>/text/<kind>/<code>", methods=("POST",))
    def text(self, pk: int, kind: str, code: str) -> Response:
        """A message with the link in it, which is made when there is none."""
        with unit() as tx:
            tx.actor.require("order.price")
            token = order_link(tx, pk).token
            accounts = tx.session.scalars(
                select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code)
            ).all()
            found = [w for w in words(order_page(tx, pk), accounts, token) if w.kind == kind and code in w.texts]
            if not found:
                raise NotFound(say("This message does not fit the order any more; reload it"), code="text_gone")
        if wants_json():
            return jsonify(text=found[0].texts[code])
        flash(gettext("The order's page is open for the customer; copy the link or a message"), "success")
        return _back(pk)


def _back(pk: int) -> Response:
    return redirect(url_for("OrderView.show", pk=pk, _anchor="for-customer"), 303)


VIEWS = (OrderLinkView,)
NAV = ()
