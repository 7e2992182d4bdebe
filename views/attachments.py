"""Files of an order: taken in from a phone or a desk, shown safely, removed with a reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, flash, jsonify, redirect, request, send_file, url_for
from flask_babel import gettext, ngettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from oms.actor import Actor
from oms.banks.decoder import Decoder
from oms.banks.pictures import LIMITS
from oms.db import Tx, db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.intake import files
from oms.orders.attachments import ATTACHMENT_LABELS, AttachmentKind, OrderAttachment
from oms.orders.queries import get_order
from oms.shipping.pictures import get_attachment, of_orders, of_shipment
from oms.shipping.queries import get_shipment
from oms.usecases.attachments import (
    ADD,
    AddAttachment,
    AddPackingPhoto,
    AttachmentAdded,
    RemoveAttachment,
    add_attachment,
    add_packing_photo,
    remove_attachment,
)
from oms.usecases.attachments_file import TYPES, KeptFile, drop_file, keep_file
from views.base import OmsView, current_actor, may, page, safe_path, unit
from views.errors import wants_json
from views.filters import tr
from views.intake import store
from views.order_actions import choice, text
from views.slips import PICTURE_HEADERS

AT_ONCE = 20  # files in one upload
KINDS = (AttachmentKind.CHAT, AttachmentKind.PACKING, AttachmentKind.SLIP, AttachmentKind.DAMAGE, AttachmentKind.OTHER)
_DECODERS = threading.local()  # one decoding process for each thread that is ever asked
Verb = Callable[[Tx, KeptFile], AttachmentAdded]


class AttachmentView(OmsView):
    """The files of orders and of boxes."""

    route_base = "/attachments"
    default_view = "show"
    requires = "order.view"
    requires_for = {"photo": "shipment.pack"}

    @page("/order/<int:pk>", methods=("POST",))
    def add(self, pk: int) -> Response:
        """Take files in for an order; each answers by itself, so that a broken one holds none up."""
        kind, note = choice(AttachmentKind, "kind"), text("note")
        with unit() as tx:
            get_order(tx, pk)  # before anything is opened
        return _answered(
            lambda tx, kept: add_attachment(tx, AddAttachment(pk, kind, kept, note)),
            url_for("OrderView.show", pk=pk, _anchor="files"),
        )

    @page("/shipment/<int:shipment_id>", methods=("POST",))
    def photo(self, shipment_id: int) -> Response:
        """Take photos of a packed box in."""
        note = text("note")
        with unit() as tx:
            get_shipment(tx, shipment_id)
        return _answered(
            lambda tx, kept: add_packing_photo(tx, AddPackingPhoto(shipment_id, kept, note)),
            url_for("ShipmentPageView.show", shipment_id=shipment_id, _anchor="files"),
        )

    @page("/<int:attachment_id>")
    def show(self, attachment_id: int) -> Response:
        """The picture."""
        return _picture(attachment_id, thumb=False)

    @page("/<int:attachment_id>/thumb")
    def thumb(self, attachment_id: int) -> Response:
        """The picture, small."""
        return _picture(attachment_id, thumb=True)

    @page("/<int:attachment_id>/remove", methods=("POST",))
    def remove(self, attachment_id: int) -> Response:
        """Take it off, saying why."""
        with unit() as tx:
            done = remove_attachment(tx, RemoveAttachment(attachment_id, text("reason")))
        flash(gettext("Removed; it stays on record with the reason"), "success")
        back = url_for("OrderView.show", pk=done.order_ids[0])
        return redirect(safe_path(request.form.get("next")) or back, 303)


def _answered(verb: Verb, back: str) -> Response:
    sent = [f for f in request.files.getlist("file") if f.filename]
    if not sent:
        raise InvalidInput(say("Choose a file"), field="file", code="file_missing")
    if len(sent) > AT_ONCE:
        raise InvalidInput(say("At most {most} files at once", most=AT_ONCE), field="file", code="too_many")
    db.session.close()  # no transaction is held while files are opened
    results = [_take(f, verb) for f in sent]
    if wants_json():
        return jsonify(results=results)
    good = sum(1 for r in results if r["ok"] and r["tone"] == "success")
    if good:
        flash(ngettext("%(num)s file added", "%(num)s files added", good), "success")
    for result in [r for r in results if r["tone"] != "success"]:
        flash(f"{result['name']}: {result['text']}", "warning" if result["ok"] else "danger")
    return redirect(safe_path(request.form.get("next")) or back, 303)


def _take(sent: FileStorage, verb: Verb) -> dict[str, Any]:
    """One file: opened and kept, then put on record. What is refused leaves nothing behind."""
    name, kept, done = files.tidy_name(sent.filename or ""), None, None
    try:
        kept = keep_file(store(), decoder(), sent.stream.read(LIMITS.file_bytes + 1), name)
        with unit() as tx:
            done = verb(tx, kept)
    except OmsError as refused:
        return {"name": name, "ok": False, "tone": "danger", "text": tr(refused.problems()[0].message)}
    finally:
        sent.close()
        if kept is not None and (done is None or done.known):
            drop_file(store(), kept)
    url = url_for("AttachmentView.show", attachment_id=done.attachment_ids[0])
    thumb = url_for("AttachmentView.thumb", attachment_id=done.attachment_ids[0])
    answer = {"name": name, "ok": True, "url": url, "thumb": thumb}
    if done.known:
        return answer | {"tone": "warning", "text": gettext("This file is there already; nothing was added")}
    return answer | {"tone": "success", "text": gettext("Added")}


def decoder() -> Decoder:
    """The decoding process of this thread."""
    if not hasattr(_DECODERS, "decoder"):
        _DECODERS.decoder = Decoder()
    found: Decoder = _DECODERS.decoder
    return found


def _picture(attachment_id: int, *, thumb: bool) -> Response:
    with unit() as tx:
        row = get_attachment(tx, attachment_id)
        key = row.thumb_key if thumb else row.file_key
    path = files.path_of(store(), key)
    if not path.is_file():
        raise NotFound(say("The picture is not in the file store any more"), code="picture_not_found")
    answer = send_file(path, mimetype="image/jpeg", max_age=0, etag=False)
    answer.headers.update(PICTURE_HEADERS)
    return answer


def may_add(actor: Actor) -> bool:
    """Whether this person puts files to orders."""
    return any(actor.may(action) for action in ADD)


def may_remove(row: OrderAttachment) -> bool:
    """Whether this person may take a file off again."""
    actor = current_actor()
    mine = row.user_id is not None and row.user_id == actor.user_id
    return row.removed_at is None and (mine or actor.may("document.void"))


def kinds_shown() -> list[tuple[str, str]]:
    """What a file can be, for the drop-down."""
    prices = may("order.price")
    return [(k.value, tr(ATTACHMENT_LABELS[k])) for k in KINDS if k is not AttachmentKind.SLIP or prices]


def install(app: Flask) -> None:
    """Give the templates the files of an order, of several, of a box."""
    app.jinja_env.globals.update(
        ATTACHMENT_LABELS=ATTACHMENT_LABELS, ATTACHMENT_TYPES=TYPES, attachment_kinds=kinds_shown,
        attachments_of=lambda ids: of_orders(db.session(), current_actor(), ids),
        pictures_of=lambda shipment_id: of_shipment(db.session(), current_actor(), shipment_id),
        may_attach=lambda: may_add(current_actor()), may_remove_attachment=may_remove,
        attachment_limit=LIMITS.file_bytes // (1024 * 1024),
    )  # fmt: skip


VIEWS = (AttachmentView,)
