"""The public page of an order: for whoever has its link, without a login, without a script, masked. A buyer pays here,
sends the slip, watches the parcel and asks for a return."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, redirect, request, url_for
from flask_babel import force_locale, gettext
from markupsafe import Markup
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from oms.actor import Actor, system
from oms.banks.codes import bank_name
from oms.banks.pictures import is_cut, kind_of, refuse
from oms.db import transaction
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.intake import files
from oms.money import Money
from oms.payments.models import ReceivingAccount
from oms.payments.states import SlipStatus
from oms.reports.pay_codes import PayCode
from oms.reports.public_order import PublicOrder, public_order
from oms.returns.states import COMPLAINTS, REASON_LABELS, ReturnReason
from oms.thai.text import arabic_digits
from oms.usecases.attachments_file import KeptFile, drop_file, keep_file
from oms.usecases.order_links import SOURCE, AskReturn, SendSlip, ask_return, open_order, send_slip
from oms.usecases.returns import AskedLine
from oms.usecases.slips import PICTURE_BYTES
from views.attachments import decoder
from views.filters import tr
from views.intake import store
from views.order_qr import MODULE, drawn
from views.public_pages import language, masked, open_to_all, private, public_page
from views.track_public import gone

PAGE, SLIP, RETURN, PICTURE = "public_order", "public_slip", "public_return", "public_pay_code"
PER_LINK = "120 per minute"
CHANGES = "6 per minute;40 per hour"  # slips and requests through one link
ROOM = PICTURE_BYTES + 256 * 1024  # a picture and the form around it
DONE_LABELS: dict[str, str] = {
    "slip": "We have your slip. We check it and you see the answer on this page.",
    "again": "We have this slip already. There is nothing more to do.",
    "return": "We have your request. You see our answer on this page.",
}


@dataclass(frozen=True)
class Code:
    """A QR code to pay with, drawn."""

    code: PayCode
    label: str
    picture: Markup


def visitor() -> Actor:
    """The program, on behalf of whoever opened the link."""
    return system("public page", source=SOURCE)


def order(token: str) -> Response:
    """The page, or one answer for every link that leads nowhere."""
    return _page(token)


def _page(token: str, problems: Sequence[str] = (), status: int = 200, opened: str = "") -> Response:
    try:
        with transaction(visitor()) as tx:
            found = public_order(tx, open_order(tx, token))
            facts = _facts(found)
    except NotFound:
        return gone()
    done = _still(found, request.args.get("done", "")) if request.method == "GET" else ""
    return public_page(
        "public/order.html", status, lambda: gettext("Your order"), page=found, token=token, problems=problems,
        done=DONE_LABELS.get(done, ""), typed=_form() or {}, opened=opened or done, key=secrets.token_hex(12), **facts,
    )  # fmt: skip


def _still(found: PublicOrder, done: str) -> str:
    """What was just done, as long as it is news: the page is opened again for days, and it answers by itself then."""
    waits = any(s.status in {SlipStatus.RECEIVED, SlipStatus.WAITING} for s in found.slips)
    news = {"slip": waits, "again": bool(found.slips), "return": any(r.is_asked for r in found.returns)}
    return done if news.get(done) else ""


def _bank(account: ReceivingAccount) -> str:
    """The bank in the language of the page."""
    return bank_name(account.bank_code, account.bank, language())


def _facts(found: PublicOrder) -> dict[str, Any]:
    order, contact = found.order, found.order.shop.contact_url
    codes = [
        Code(c, c.label, Markup(drawn(c.payload).svg_inline(scale=4, border=3, omitsize=True, light="#fff")))  # noqa: S704  squares drawn by us
        for c in (found.pay.codes if found.pay else ())
    ]
    return {
        "order": order, "shop": order.shop.name, "who": masked(order.ship_name), "bank": _bank,
        "where": " ".join(x for x in (order.ship_district, order.ship_province) if x),
        "phone_end": order.ship_phone[-2:] if len(order.ship_phone) > 6 else "",
        "contact": contact if contact.startswith("https://") and "{" not in contact else "",
        "codes": codes, "reasons": [(r.value, REASON_LABELS[r]) for r in COMPLAINTS],
    }  # fmt: skip


def _form() -> MultiDict[str, str] | None:
    """What was typed; None when what came with it is larger than any picture. The page says so: the answer for staff
    would lead a buyer to their login."""
    request.max_content_length = ROOM
    try:
        return request.form
    except RequestEntityTooLarge:
        return None


def _too_large() -> InvalidInput:
    limit = PICTURE_BYTES // (1024 * 1024)
    words = say("The picture is larger than {limit} MB. Take a screenshot of it and send that", limit=limit)
    return InvalidInput(words, field="file", code="file_too_large")


def slip(token: str) -> Response:
    """Take a slip in. A picture that is here already is answered kindly; a program that fills the trap is thanked."""
    form = _form()
    if form is None:
        return _refused(token, _too_large(), "slip")
    if form.get("website"):
        return _done(token, "slip")
    kept: files.Kept | None = None
    used = False
    try:
        with transaction(visitor()) as tx:
            open_order(tx, token)
        said = arabic_digits(form.get("amount", "")[:40]).strip()
        amount = Money.parse(said, "amount") if said else None
        kept = _kept(request.files.get("file"))
        with transaction(visitor()) as tx:
            came = send_slip(tx, SendSlip(token, kept, amount))
        used = not came.known
    except NotFound:
        return gone()
    except OmsError as refusal:
        return _refused(token, refusal, "slip")
    finally:
        if kept is not None and not used:
            files.path_of(store(), kept.key).unlink(missing_ok=True)
    current_app.extensions["oms.wake"]()
    return _done(token, "again" if came.known or came.first_id else "slip")


def _kept(sent: FileStorage | None) -> files.Kept:
    """A picture in the store. What is none by its first bytes is not kept."""
    if sent is None or not sent.filename:
        raise InvalidInput(say("Choose the picture of your slip first"), field="file", code="file_missing")
    kind_of(sent.stream.read(4096))
    if sent.stream.seek(0, io.SEEK_END) > PICTURE_BYTES:
        raise _too_large()
    sent.stream.seek(0)
    if is_cut(sent.stream.read(PICTURE_BYTES)):
        raise refuse("picture_damaged")  # told while the buyer still has the slip before her
    sent.stream.seek(0)
    return files.keep(store(), sent.stream, files.tidy_name(sent.filename), PICTURE_BYTES)


def send_back(token: str) -> Response:
    """Take a request for a return in, with a photo when there is one."""
    form = _form()
    if form is None:
        return _refused(token, _too_large(), "return")
    if form.get("website"):
        return _done(token, "return")
    photo: KeptFile | None = None
    booked = False
    try:
        with transaction(visitor()) as tx:
            open_order(tx, token)  # before anything is opened or kept
        reason = form.get("reason", "")
        if reason not in {r.value for r in COMPLAINTS}:
            raise InvalidInput(say("Choose a reason"), field="reason", code="reason_missing")
        sent = request.files.get("photo")
        if sent is not None and sent.filename:
            photo = keep_file(store(), decoder(), sent.stream.read(ROOM), sent.filename)
        note, key = form.get("note", ""), form.get("key", "")[:40]
        with transaction(visitor()) as tx:
            ask_return(tx, AskReturn(token, _pieces(), ReturnReason(reason), note, key, photo))
        booked = True
    except NotFound:
        return gone()
    except OmsError as refusal:
        return _refused(token, refusal, "return")
    finally:
        if photo is not None and not booked:
            drop_file(store(), photo)
    current_app.extensions["oms.wake"]()
    return _done(token, "return")


def _pieces() -> tuple[AskedLine, ...]:
    """How many of which line, as typed; what is no number of pieces counts as none."""
    return tuple(
        AskedLine(int(name[4:]), int(count))
        for name, count in request.form.items()
        if name.startswith("qty_") and _number(name[4:]) and _number(count) and int(count)
    )


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _refused(token: str, refusal: OmsError, opened: str) -> Response:
    with force_locale(language()):
        sentences = [tr(p.message) for p in refusal.problems()]
    return _page(token, sentences, refusal.http_status, opened)


def _done(token: str, done: str) -> Response:
    target = url_for(PAGE, token=token, done=done, lang=request.args.get("lang") or None, _anchor="main")
    return private(redirect(target, 303))


def picture(token: str, key: str) -> Response:
    """A QR code as a PNG file, for the bank's app to open. Made at this moment: the amount is what is missing now."""
    try:
        with transaction(visitor()) as tx:
            found = public_order(tx, open_order(tx, token))
    except NotFound:
        return gone()
    code = next((c for c in (found.pay.codes if found.pay else ()) if c.key == key), None)
    if code is None:
        return gone()
    out = io.BytesIO()
    drawn(code.payload).save(out, kind="png", scale=MODULE, border=4)
    response = Response(out.getvalue(), mimetype="image/png")
    response.headers["Content-Disposition"] = f'attachment; filename="promptpay-{code.amount.amount:.2f}.png"'
    return private(response)


def install(app: Flask) -> None:
    """The addresses, open to all who have a link. Forms carry no token against forgery: the link itself is the secret,
    and there is no login that another site could borrow."""
    open_to_all(app, "/o/<token>", PAGE, order, per_link=PER_LINK)
    open_to_all(app, "/o/<token>/qr/<key>.png", PICTURE, picture, per_link=PER_LINK)
    for address, endpoint, view in (("slip", SLIP, slip), ("return", RETURN, send_back)):
        open_to_all(app, f"/o/<token>/{address}", endpoint, view, methods=("POST",), per_link=CHANGES)
        app.extensions["csrf"].exempt(view)
