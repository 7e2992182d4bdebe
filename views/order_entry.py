"""The entry screen: one page takes an order from a chat, a call or the counter, from first word to reserved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import current_app, flash, redirect, request, session, url_for
from flask_appbuilder.security.sqla.models import User
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.catalog.finding import by_codes
from oms.catalog.models import CHANNEL_LABELS, Channel, Routing, Shop
from oms.db import Tx, db
from oms.errors import Conflict, NotFound, OmsError, say
from oms.inventory.availability import available, places
from oms.notifications.writers import ChatWriter
from oms.orders.models import Order
from oms.orders.queries import get_order
from oms.orders.states import TERM_LABELS, OrderStatus
from oms.reports.chat_writers import customers_of, talk_text, words_of
from oms.thai.text import clean
from oms.usecases.approvals import RequestDiscount, latest_request, request_discount
from oms.usecases.chat_writers import IDENTITY, get_writer
from oms.usecases.customers import IdentityInput
from oms.usecases.orders_entry import OrderEntered, PossibleDuplicate, enter_order
from oms.usecases.privacy import order_form_shown
from views import nav, order_entry_form
from views.base import OmsView, current_actor, current_staff, page, unit
from views.filters import tr
from views.order_entry_form import TERMS, Staff, Typed, to_command

_LAST_SHOP = "entry_shop"  # key of the session: the shop this person entered an order for last
_TRIES = 2  # two clicks at the same moment: the second finds what the first made
_CHATS = (Channel.LINE, Channel.FACEBOOK, Channel.INSTAGRAM, Channel.WEB, Channel.OTHER)


@dataclass(frozen=True)
class ShopChoice:
    """A shop as the screen offers it. ``warehouse_id`` None: the warehouse is chosen when the order is confirmed."""

    id: int
    label: str
    channel: Channel
    warehouse_id: int | None


def shop_choices() -> list[ShopChoice]:
    """The active shops this person works for, chats first."""
    statement = select(Shop).where(Shop.is_active).order_by(Shop.code)
    actor = current_actor()
    shops = [shop for shop in db.session.scalars(statement) if actor.sees_shop(shop.id)]
    shops.sort(key=lambda shop: (shop.channel not in _CHATS, shop.code))
    return [
        ShopChoice(
            shop.id, f"{shop.name} · {tr(CHANNEL_LABELS[shop.channel])}", shop.channel,
            None if shop.routing is Routing.AUTOMATIC else shop.warehouse_id,
        )
        for shop in shops
    ]  # fmt: skip


def staff_choices() -> list[Staff]:
    """Who orders can be given to: oneself, and everybody active for those who may assign."""
    me = current_staff()
    mine = [Staff(me.id, me.get_full_name())] if me else []
    if not current_actor().may("order.assign"):
        return mine
    rows = db.session.execute(
        select(User.id, User.first_name, User.last_name).where(User.active.is_(True)).order_by(User.first_name, User.id)
    )
    return mine + [Staff(i, f"{first} {last}".strip()) for i, first, last in rows if not me or i != me.id]


def order_url(order_id: int) -> str:
    """The page of an order, or its entry screen while there is no such page."""
    endpoint = "OrderView.show" if "OrderView.show" in current_app.view_functions else "OrderEntryView.draft"
    return url_for(endpoint, pk=order_id)


class OrderEntryView(OmsView):
    """New orders and drafts. What was typed is shown again whatever happens."""

    route_base = "/entry"
    default_view = "new"
    requires = "order.create"

    @page("/")
    def new(self) -> str:
        """An empty form: the last shop, oneself as owner, the cursor on the buyer. ``copy``: as that order was."""
        if request.args.get("copy", "").isdecimal():
            with unit() as tx:
                me = current_staff()
                old = get_order(tx, int(request.args["copy"][:18]))
                order_form_shown(tx, old)
                return self._show(tx, order_entry_form.from_order(old, owner_id=me.id if me else None))
        if request.args.get("writer", "").isdecimal():
            with unit() as tx:
                return self._of_writer(tx, get_writer(tx, int(request.args["writer"][:18])))
        shops = shop_choices()
        last = next((s for s in shops if s.id == session.get(_LAST_SHOP)), shops[0] if shops else None)
        me = current_staff()
        typed = order_entry_form.blank(
            shop_id=str(last.id) if last else "",
            warehouse_id=str(last.warehouse_id or "") if last else "",
            owner_id=str(me.id) if me else "",
        )
        with unit() as tx:
            return self._show(tx, typed)

    def _of_writer(self, tx: Tx, writer: ChatWriter) -> str:
        """The form, with what somebody of a chat wrote last ready to be read."""
        tx.actor.require("message.send")
        shop = shop_of_writer(shop_choices(), writer)
        me, known = current_staff(), customers_of(tx.session, [writer]).get(writer.id)
        typed = order_entry_form.blank(
            shop_id=str(shop.id) if shop else "", warehouse_id=str(shop.warehouse_id or "") if shop else "",
            owner_id=str(me.id) if me else "", writer_id=str(writer.id),
            customer_id=str(known.id) if known else "", customer_name=known.name if known else "",
        )  # fmt: skip
        return self._show(tx, typed, chat=talk_text(words_of(tx.session, writer.id)), writer=writer)

    @page("/", methods=("POST",))
    def create(self) -> Response | tuple[str, int]:
        """Save a new order."""
        return self._save(None)

    @page("/<int:pk>")
    def draft(self, pk: int) -> str | Response:
        """Open a draft again; what is no draft any more is shown on its own page."""
        with unit() as tx:
            order = get_order(tx, pk)
            if order.status is not OrderStatus.DRAFT:
                flash(gettext("%(number)s is no draft any more", number=order.number), "info")
                return redirect(order_url(pk))
            order_form_shown(tx, order)
            return self._show(tx, order_entry_form.from_draft(order), order)

    @page("/<int:pk>", methods=("POST",))
    def change(self, pk: int) -> Response | tuple[str, int]:
        """Save a draft again."""
        return self._save(pk)

    def _save(self, draft_id: int | None) -> Response | tuple[str, int]:
        typed, action = order_entry_form.read(request.form), request.form.get("action", "draft")
        try:
            entered = self._enter(typed, draft_id, action)
        except OmsError as refusal:
            with unit() as tx:
                order = get_order(tx, draft_id) if draft_id else None
                shown = self._show(tx, typed, order, refusal, action, **_pasted(tx, typed.writer_id))
                return shown, refusal.http_status
        session[_LAST_SHOP] = int(typed.shop_id)
        return self._after(entered, action)

    def _enter(self, typed: Typed, draft_id: int | None, action: str) -> OrderEntered:
        for left in reversed(range(_TRIES)):
            try:
                with unit() as tx:
                    return _enter(tx, typed, draft_id, action)
            except Conflict as lost:
                if not left or lost.detail_code == "stale":
                    raise
        raise AssertionError("the last try raises or returns")

    def _after(self, entered: OrderEntered, action: str) -> Response:
        number, more = entered.number, _left() > 0
        if action == "confirm":
            flash(gettext("%(number)s is confirmed and its stock is reserved", number=number), "success")
            if not more:
                return redirect(order_url(entered.order_id), 303)
        if action == "approval":
            flash(gettext("Draft %(number)s is saved and waits for approval of its discount", number=number), "info")
        else:
            flash(gettext("Draft %(number)s is saved. Nothing is reserved yet", number=number), "success")
        if more:  # the next order of the pasted chat
            return redirect(url_for("OrderEntryView.new", chat="next"), 303)
        return redirect(url_for("OrderEntryView.draft", pk=entered.order_id), 303)

    def _show(
        self, tx: Tx, typed: Typed, order: Order | None = None, refusal: OmsError | None = None, action: str = "",
        **chat: Any,
    ) -> str:  # fmt: skip
        """The screen with what was typed and, on their fields, the problems."""
        needs_approval = refusal is not None and refusal.code == "needs_approval"
        errors: dict[str, list[str]] = {}
        for problem in refusal.problems() if refusal else []:
            field = "" if needs_approval else order_entry_form.field_of(problem)
            errors.setdefault(field, []).append(tr(problem.message))
        return self.show_page(
            "order_entry.html",
            title=gettext("Draft %(number)s", number=order.number) if order else gettext("New order"),
            typed=typed,
            order=order,
            errors=errors,
            twins=refusal.twins if isinstance(refusal, PossibleDuplicate) else (),
            action=action,
            shops=shop_choices(),
            places=places(tx.session, tx.actor),
            staff=staff_choices(),
            terms=[(term.value, TERM_LABELS[term]) for term in TERMS],
            rows=_rows(tx, typed),
            stale=isinstance(refusal, Conflict),
            needs_approval=needs_approval,
            approval=latest_request(tx, order.id) if order else None,
            order_url=order_url,
            **chat,
        )


def _enter(tx: Tx, typed: Typed, draft_id: int | None, action: str) -> OrderEntered:
    channels = {shop.id: shop.channel for shop in shop_choices()}
    writer = _unlinked(tx, typed.writer_id)
    cmd = to_command(
        tx.session, typed, channels=channels, staff=staff_choices(), user_id=tx.actor.user_id, writer=writer
    )  # fmt: skip
    version = int(typed.version) if typed.version.isdecimal() else None
    if draft_id is not None and version is None:
        raise NotFound(say("This form does not know which draft it changes; open the draft again"), code="no_version")
    order = replace(cmd.order, confirm=action == "confirm")
    anyway = bool(request.form.get("anyway"))
    entered = enter_order(tx, replace(cmd, draft_id=draft_id, version=version, accept_twin=anyway, order=order))
    if action == "approval":
        request_discount(tx, RequestDiscount(entered.order_id, typed.reason))
    return entered


def shop_of_writer(shops: Sequence[ShopChoice], writer: ChatWriter) -> ShopChoice | None:
    """The shop a chat sells for: its account's own, else the first of its channel, else the one used last."""
    own, kind = writer.account.shop_id, IDENTITY[writer.account.route].value
    fits = [s for s in shops if s.id == own] or [s for s in shops if own is None and s.channel.value == kind]
    last = [s for s in shops if s.id == session.get(_LAST_SHOP)]
    return next(iter([*fits, *last, *shops]), None)


def _left() -> int:
    """How many orders of the pasted chat wait until this one is saved."""
    posted = request.form.get("chat_left", "0")
    return int(posted) if posted.isascii() and posted.isdecimal() and len(posted) < 4 else 0


def _pasted(tx: Tx, writer_id: str) -> dict[str, Any]:
    """What stood in the box for chats when the form was sent, for showing it again."""
    try:
        writer = _writer(tx, writer_id)
    except NotFound:
        writer = None
    return {"chat": request.form.get("chat_text", ""), "chat_left": _left(), "writer": writer}


def _writer(tx: Tx, writer_id: str) -> ChatWriter | None:
    """Who wrote what the form was made of. Raises NotFound for a chat of others."""
    if not (writer_id.isascii() and writer_id.isdecimal() and len(writer_id) < 19):
        return None
    return get_writer(tx, int(writer_id))


def _unlinked(tx: Tx, writer_id: str) -> IdentityInput | None:
    """Who wrote what the form was made of, when they are no customer yet: the buyer of this order is."""
    writer = _writer(tx, writer_id)
    if writer is None or customers_of(tx.session, [writer]):
        return None
    return IdentityInput(IDENTITY[writer.account.route], writer.address, writer.name)


def _rows(tx: Tx, typed: Typed) -> list[dict[str, Any]]:
    """The typed lines with what is known of their SKUs, for the first paint; the preview keeps them fresh."""
    skus = by_codes(tx.session, [line.sku for line in typed.lines])
    ids = [place.id for place in places(tx.session, tx.actor)]
    free = available(tx.session, [sku.id for sku in skus.values()], ids)
    rows = []
    for line in typed.lines:
        sku = skus.get(clean(line.sku))
        rows.append({"line": line, "sku": sku, "free": free.get(sku.id, {}) if sku else {}})
    return rows


VIEWS = (OrderEntryView,)
NAV = (nav.Item("work", "Enter an order", "OrderEntryView.new", "order.create", icon="plus", order=5),)
