"""How papers look: color and logo, beside a document of the shop's own as it would look with them."""

from __future__ import annotations

import base64
from typing import Any

from flask import flash, jsonify, redirect, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, StringField

from oms.banks.decoder import Decoder
from oms.banks.pictures import MB, PictureRefused
from oms.db import db
from oms.documents.kinds import KINDS, RECEIPTS, TAX_INVOICES
from oms.documents.letterhead import read_color, small_logo
from oms.documents.models import Company, Document
from oms.documents.paper import COLOR, Look
from oms.documents.queries import visible
from oms.errors import InvalidInput, OmsError, say
from oms.usecases.letterhead import SaveLetterhead, save_letterhead
from views import nav
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.document_parts import data_uri, shown_pages
from views.filters import tr

MOST = 2 * MB
SALES = tuple(sorted(TAX_INVOICES | RECEIPTS))
PRICED = tuple(sorted(kind for kind, row in KINDS.items() if row.has_prices))


class LetterheadForm(FlaskForm):
    """Color and logo."""

    color = StringField(
        lazy_gettext("Color of headings"),
        description=lazy_gettext("Dark enough for white words; empty: as it comes"),
        render_kw={"maxlength": 7, "placeholder": COLOR, "spellcheck": "false", "autocomplete": "off"},
    )
    logo = FileField(lazy_gettext("Logo"), description=lazy_gettext("JPEG, PNG or WebP up to 2 MB, on white"))
    no_logo = BooleanField(lazy_gettext("Take the logo away"))
    version = HiddenField()


class LetterheadView(OmsView):
    """The look of papers."""

    route_base = "/setup/letterhead"
    default_view = "edit"
    requires = "document.design"

    @page("/", methods=("GET", "POST"))
    def edit(self) -> Response | str:
        """Change it."""
        row = db.session.get(Company, 1)
        form = LetterheadForm(data={"color": row.color if row else "", "version": str(row.version) if row else ""})
        if form.validate_on_submit():
            version = form.version.data or ""
            try:
                picture = _picture(form)
                with unit() as tx:
                    save_letterhead(
                        tx,
                        SaveLetterhead(
                            form.color.data or "",
                            picture,
                            form.no_logo.data,
                            int(version) if version.isdigit() else None,
                        ),
                    )
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Saved"), "success")
                return redirect(url_for("LetterheadView.edit"), 303)
        logo = data_uri(row.logo) if row and row.logo else ""
        return self.show_page("papers/letterhead.html", title=gettext("Letterhead"), form=form, logo=logo, company=row)

    @page("/preview", methods=("POST",))
    def preview(self) -> Response:
        """The newest bill of a sale, else the newest document with prices, as it would look; nothing is kept."""
        form = LetterheadForm()
        try:
            look = _look(form)
            document = _sample(SALES) or _sample(PRICED)
            if document is None:
                return jsonify(
                    pages=[], problems=[], warnings=[gettext("Issue a first document, then it is shown here.")]
                )
            content = {k: v for k, v in document.content.items() if k not in {"logo", "color"}} | look
            db.session.close()  # no transaction is held while the paper is made
            pages = shown_pages(content, "", Look(preview=True))[:1]
        except OmsError as refused:
            said = [{"field": p.field or "", "text": tr(p.message)} for p in refused.problems()]
            return jsonify(pages=[], warnings=[], problems=said)
        return jsonify(pages=pages, warnings=[], problems=[])


def _sample(kinds: tuple[str, ...]) -> Document | None:
    """The newest document of these kinds that this person may see."""
    seen = visible(current_actor()).where(Document.kind.in_(kinds))
    found: Document | None = db.session.scalars(seen.order_by(Document.id.desc()).limit(1)).one_or_none()
    return found


def _look(form: Any) -> dict[str, str]:
    """What a paper would be frozen with."""
    found = {"color": color} if (color := read_color(form.color.data or "")) else {}
    picture, row = _picture(form), db.session.get(Company, 1)
    kept = row.logo if row and not form.no_logo.data else None
    if logo := small_logo(picture) if picture else kept:
        found["logo"] = "data:image/png;base64," + base64.b64encode(logo).decode()
    return found


def _picture(form: Any) -> bytes | None:
    """The uploaded logo as the decoding process makes it anew, None when there is none."""
    sent = form.logo.data
    if sent is None or not sent.filename:
        return None
    with sent.stream as stream:
        data = stream.read(MOST + 1)
    if len(data) > MOST:
        raise InvalidInput(say("The logo is larger than 2 MB"), field="logo", code="logo_too_large")
    try:
        with Decoder() as decoder:
            pages = decoder.prepare(data).pages
    except PictureRefused as refused:
        refused.field = "logo"
        raise
    if not pages:
        raise InvalidInput(say("This is no picture that can be a logo"), field="logo", code="logo")
    return pages[0].picture


VIEWS = (LetterheadView,)
NAV = (nav.Item("setup", "Letterhead", "LetterheadView.edit", "document.design", icon="doc", order=6),)
