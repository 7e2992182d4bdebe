"""The slip inbox: pictures come in, many at once; the list of all of them; the pictures themselves, for who may see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, Response, flash, jsonify, redirect, request, send_file, url_for
from flask_babel import gettext, ngettext
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from oms.actor import Actor
from oms.banks.pictures import is_cut, refuse
from oms.db import Tx, db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.intake import files
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import get_order
from oms.payments.models import ReceivingAccount
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import OPEN_SLIPS, count_open, open_slips, visible_slips
from oms.payments.states import REJECT_LABELS as REASONS
from oms.payments.states import SLIP, RejectReason, SlipStatus
from oms.usecases.slip_base import get_slip
from oms.usecases.slips import AT_ONCE, PICTURE_BYTES, ReceiveSlip, SlipReceived, receive_slip
from views import listing, nav
from views.base import OmsView, current_actor, page, safe_path, unit
from views.errors import wants_json
from views.filters import tr
from views.intake import store
from views.order_actions import past_moment, text

TONES = {
    SlipStatus.RECEIVED: "info", SlipStatus.WAITING: "warn", SlipStatus.CONFIRMED: "ok", SlipStatus.REJECTED: "bad",
    SlipStatus.DUPLICATE: "bad",
}  # fmt: skip
LISTS: dict[str, tuple[SlipStatus, ...]] = {
    "open": OPEN_SLIPS,
    "confirmed": (SlipStatus.CONFIRMED,),
    "rejected": (SlipStatus.REJECTED,),
    "duplicate": (SlipStatus.DUPLICATE,),
    "all": tuple(SlipStatus),
}
LIST_LABELS: dict[str, str] = {
    "open": "Waiting to be checked", "confirmed": "Confirmed", "rejected": "Rejected", "duplicate": "Used before",
    "all": "All slips",
}  # fmt: skip
PICTURE_HEADERS = {
    "Cache-Control": "private, no-store", "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff", "Content-Disposition": "inline",
}  # fmt: skip


class SlipView(OmsView):
    """Everything that came in, and the way in."""

    route_base = "/slips"
    default_view = "inbox"
    requires = "payment.claim"

    @page("/")
    def inbox(self) -> str:
        """The list, and the place to drop pictures on."""
        shown = request.args.get("show", "open")
        shown = shown if shown in LISTS else "open"
        asked = request.args.get("q", "").replace("\x00", "").strip()[:80]
        actor = current_actor()
        statement = visible_slips(actor).where(Slip.status.in_(LISTS[shown]), *_search(asked))
        oldest_first = shown == "open"
        statement = statement.order_by(*((Slip.uploaded_at, Slip.id) if oldest_first else _NEWEST))
        found = listing.fetch(statement.options(joinedload(Slip.claim), joinedload(Slip.account)), size=50)
        orders = _orders_of(found.rows)
        facts = {
            "page": found,
            "orders": orders,
            "shown": shown,
            "asked": asked,
            "waiting": db.session.scalar(count_open(actor)) or 0,
        }
        return self.show_page("slips/inbox.html", title=gettext("Slips"), **facts, **upload_facts())

    @page("/upload", methods=("POST",))
    def upload(self) -> AnyResponse:
        """Take pictures in; each answers by itself, so that a broken one holds none up."""
        sent = [f for f in request.files.getlist("file") if f.filename]
        if not sent:
            raise InvalidInput(say("Choose a picture first"), field="file", code="file_missing")
        if len(sent) > AT_ONCE:
            raise InvalidInput(say("At most {most} pictures at once", most=AT_ONCE), field="file", code="too_many")
        current_actor().require("payment.claim")
        with unit() as tx:
            order = _named_order(tx)
            order_id = order.id if order is not None else None
        said = text("amount", 40)
        amount = Money.parse(said, "amount") if said else None
        results = [_take(f, order_id, amount) for f in sent]
        if wants_json():
            return jsonify(results=results)
        _tell(results)
        return redirect(safe_path(request.form.get("next")) or url_for("SlipView.inbox"), 303)

    @page("/<int:slip_id>/picture")
    def picture(self, slip_id: int) -> AnyResponse:
        """The picture, made safe."""
        return _picture(slip_id, thumb=False)

    @page("/<int:slip_id>/thumb")
    def thumb(self, slip_id: int) -> AnyResponse:
        """The picture, small."""
        return _picture(slip_id, thumb=True)

    @page("/<int:slip_id>/progress")
    def progress(self, slip_id: int) -> Response:
        """Whether the picture has been read."""
        with unit() as tx:
            slip = get_slip(tx, slip_id)
            return jsonify(done=slip.status is not SlipStatus.RECEIVED, value=0, max=1, text="")


_NEWEST = (Slip.uploaded_at.desc(), Slip.id.desc())


def _search(asked: str) -> list[ColumnElement[bool]]:
    """A transfer reference, or an order's number."""
    if not asked:
        return []
    orders = select(Order.id).where(Order.number == asked.upper())
    return [or_(Slip.reference.icontains(asked, autoescape=True), Slip.order_id.in_(orders))]


def _orders_of(slips: Any) -> dict[int, Order]:
    ids = sorted({s.order_id for s in slips if s.order_id is not None})
    return {o.id: o for o in db.session.scalars(select(Order).where(Order.id.in_(ids)))} if ids else {}


def _named_order(tx: Tx) -> Order | None:
    """The order the pictures belong to, by id or by number. Raises InvalidInput for one there is not."""
    if (order_id := request.form.get("order_id", type=int)) is not None:
        return get_order(tx, order_id)
    number = text("order_number", 40).upper()
    if not number:
        return None
    found = tx.session.scalar(select(Order.id).where(Order.number == number))
    if found is None:
        raise InvalidInput(say("There is no order “{number}”", number=number), field="order_number", code="order")
    return get_order(tx, found)


def _take(sent: FileStorage, order_id: int | None, amount: Money | None) -> dict[str, Any]:
    """One picture: kept first, then put on record. What is refused leaves nothing behind."""
    name = files.tidy_name(sent.filename or "")
    key = ""
    try:
        kept = files.keep(store(), sent.stream, name, PICTURE_BYTES)
        key = kept.key
        if not kept.size:
            raise InvalidInput(say("The file is empty"), field="file", code="file_empty")
        if is_cut(files.path_of(store(), key).read_bytes()):
            raise refuse("picture_damaged")
        account_id = request.form.get("account_id", type=int)
        with unit() as tx:
            came = receive_slip(tx, ReceiveSlip(kept, order_id, amount, past_moment("said_at"), account_id))
    except OmsError as refused:
        if key:
            files.path_of(store(), key).unlink(missing_ok=True)
        return {"name": name, "ok": False, "text": tr(refused.problems()[0].message)}
    finally:
        sent.close()
    if came.known:
        files.path_of(store(), key).unlink(missing_ok=True)
    tone = "warning" if came.known or came.first_id else "success"
    url = url_for("SlipReviewView.review", slip_id=came.slip_id)
    return {"name": name, "ok": True, "text": _words(came), "tone": tone, "url": url}


def _words(came: SlipReceived) -> str:
    if came.known:
        return gettext("This picture was here already; nothing was added")
    if came.first_id is not None:
        return gettext("Used before: this picture came with another order")
    return gettext("Received; it is being read")


def _tell(results: list[dict[str, Any]]) -> None:
    good = sum(1 for r in results if r["ok"] and r["tone"] == "success")
    if good:
        flash(ngettext("%(num)s slip received", "%(num)s slips received", good), "success")
    for result in [r for r in results if not r["ok"] or r["tone"] != "success"][:20]:
        flash(f"{result['name']}: {result['text']}", "warning" if result["ok"] else "danger")


def _picture(slip_id: int, *, thumb: bool) -> AnyResponse:
    with unit() as tx:
        slip = get_slip(tx, slip_id)
        key = (slip.thumb_key or slip.picture_key) if thumb else slip.picture_key
    path: Path = files.path_of(store(), key)
    if not path.is_file():
        raise NotFound(say("There is no picture of this slip"), code="picture_not_found")
    answer = send_file(path, mimetype="image/jpeg", max_age=0, etag=False)
    answer.headers.update(PICTURE_HEADERS)
    return answer


def upload_facts() -> dict[str, Any]:
    """What the form for uploads needs."""
    accounts = db.session.scalars(
        select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code)
    )
    return {"accounts": list(accounts), "limit": PICTURE_BYTES // (1024 * 1024), "most": AT_ONCE}


def order_slips(order_id: int) -> list[Slip]:
    """The slips of one order, for its page."""
    actor = current_actor()
    if not (actor.may("payment.claim") or actor.may("payment.verify")):
        return []
    return list(db.session.scalars(visible_slips(actor).where(Slip.order_id == order_id).order_by(Slip.id)))


def counts(actor: Actor) -> nav.Waiting:
    """How many slips wait, for the menu of who decides them."""
    return {"slips_open": count_open(actor)} if actor.may("payment.verify") else {}


def install(app: Flask) -> None:
    """Give the menu its count, and templates the words of slips."""
    nav.add_counts(app, counts)
    app.jinja_env.globals.update(
        SLIP_LABELS=SLIP.labels, SLIP_TONES=TONES, SLIP_LISTS=LIST_LABELS, REJECT_REASONS=REASONS,
        reject_words=reject_words, order_slips=order_slips,
    )  # fmt: skip


def reject_words(code: str) -> str:
    """Why a slip was rejected, in words."""
    return tr(REASONS[RejectReason(code)]) if code in set(RejectReason) else ""


def first_open(tx: Tx) -> int | None:
    """The slip at the head of the queue."""
    return tx.session.scalar(open_slips(tx.actor).with_only_columns(Slip.id).limit(1))


VIEWS = (SlipView,)
NAV = (
    nav.Item("work", "Review slips", "SlipReviewView.start", "payment.verify", icon="slip", order=1,
             count="slips_open", hot=True),
    nav.Item("data", "Slips", "SlipView.inbox", "payment.claim", icon="slip", order=20),
)  # fmt: skip
