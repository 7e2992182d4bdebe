"""How labels look: paper, sender, phone, logo."""

from __future__ import annotations

import io
from typing import Any

from flask import flash, redirect, request, send_file, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField, StringField

from oms.banks.decoder import Decoder
from oms.db import db
from oms.documents.labels.facts import LabelFacts
from oms.documents.labels.models import PHONE_LABELS, PhoneShown
from oms.documents.labels.papers import PAPER_LABELS, Paper
from oms.documents.labels.sheet import draw_labels
from oms.errors import InvalidInput, OmsError, say
from oms.intake import files
from oms.usecases.labels_setup import SaveLabelSetting, find_setting, look_of, save_label_setting
from views import nav
from views.base import OmsView, page, pin_problems, unit
from views.fields import choices
from views.filters import tr
from views.intake import store
from views.label_print import framed, send_pdf
from views.order_parts import options

LOGO_BYTES = 2 * 1024 * 1024


class LabelSettingForm(FlaskForm):
    """The one setting of labels."""

    version = HiddenField()
    paper = SelectField(lazy_gettext("Paper"))
    phone = SelectField(
        lazy_gettext("Receiver's phone"), description=lazy_gettext("Hidden: 081xxxxx78. Couriers see it in their app.")
    )
    show_items = BooleanField(
        lazy_gettext("Goods on the label"), description=lazy_gettext("COD labels always show them")
    )
    cover = BooleanField(lazy_gettext("Cover sheet before a batch"))
    sender_name = StringField(lazy_gettext("Sender"), description=lazy_gettext("Empty: the name of the shop"))
    sender_address = StringField(
        lazy_gettext("Sender's address"), description=lazy_gettext("Empty: the address of the warehouse")
    )
    sender_phone = StringField(
        lazy_gettext("Sender's phone"), description=lazy_gettext("Empty: the phone of the warehouse")
    )
    remark = StringField(lazy_gettext("Remark on every label"), description=lazy_gettext("For example: Fragile"))
    logo = FileField(lazy_gettext("Logo"), description=lazy_gettext("JPEG, PNG or WebP up to 2 MB; black prints best"))
    no_logo = BooleanField(lazy_gettext("Take the logo away"))


def _form() -> Any:
    row = find_setting(db.session())
    look = look_of(db.session())
    facts = {
        "paper": look.paper.value, "phone": look.phone.value, "show_items": look.items, "cover": look.cover,
        "sender_name": look.sender_name, "sender_address": look.sender_address, "sender_phone": look.sender_phone,
        "remark": look.remark, "version": str(row.version) if row else "",
    }  # fmt: skip
    form = LabelSettingForm(data=facts)
    form.paper.choices = choices(options(PAPER_LABELS))
    form.phone.choices = choices(options(PHONE_LABELS))
    return form


def _logo(form: Any) -> str | None:
    """The key of a new logo, "" to take it away, None to keep it. Opened in the decoding process and kept as we encode
    it."""
    sent = form.logo.data
    if sent is None or not sent.filename:
        return "" if form.no_logo.data else None
    data = sent.stream.read(LOGO_BYTES + 1)
    if len(data) > LOGO_BYTES:
        raise InvalidInput(say("The logo is larger than 2 MB"), field="logo", code="logo_too_large")
    with Decoder() as decoder:
        picture = decoder.prepare(data).pages[0].thumb
    return files.keep(store(), io.BytesIO(picture), "label-logo.jpg").key


class LabelSetupView(OmsView):
    """The settings of labels, with a label to look at."""

    route_base = "/labels/settings"
    default_view = "edit"
    requires = "document.design"

    @page("/", methods=("GET", "POST"))
    def edit(self) -> Response | str:
        """Change them."""
        form = _form()
        if form.validate_on_submit():
            try:
                self._save(form)
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Saved"), "success")
                return redirect(url_for("LabelSetupView.edit"), 303)
        shown = self.show_page(
            "labels/settings.html", title=gettext("Labels"), form=form, logo=look_of(db.session()).logo_key
        )
        return framed(shown)

    def _save(self, form: Any) -> None:
        version = form.version.data or ""
        command = SaveLabelSetting(
            Paper(form.paper.data), PhoneShown(form.phone.data), form.show_items.data, form.cover.data,
            form.sender_name.data or "", form.sender_address.data or "", form.sender_phone.data or "",
            form.remark.data or "", _logo(form), int(version) if version.isdigit() else None,
        )  # fmt: skip
        with unit() as tx:
            save_label_setting(tx, command)

    @page("/sample")
    def sample(self) -> Response:
        """A label with invented facts, as the settings have it."""
        look = look_of(db.session())
        asked = request.args.get("paper", "")
        paper = Paper(asked) if asked in set(Paper) else look.paper
        facts = LabelFacts(
            code="TH0123456789AB", is_own=False, carrier="Flash Express", service="Standard", sort_code="BKK-04",
            channel="LINE", orders=("R2569-000123",), shipment="SH2569-000123", box=1, boxes=2,
            name="คุณตัวอย่าง ปู่น้ำทิพย์", phone="081xxxxx78" if look.phone is not PhoneShown.NEVER else "081-234-5678",
            line="99/123 หมู่บ้านตัวอย่าง ซอยรามอินทรา 39", area="แขวงท่าแร้ง เขตบางเขน", province="กรุงเทพมหานคร",
            postcode="10220", sender=look.sender_name or "ชื่อร้าน", sender_address=look.sender_address or "ที่อยู่คลัง",
            sender_phone=look.sender_phone or "02-123-4567", cod="1,290.00",
            items=("2 × เสื้อยืดคอกลม สีดำ L", "1 × กระเป๋าผ้า"), remark=look.remark,
        )  # fmt: skip
        return send_pdf(draw_labels([facts], paper, logo=_kept_logo(look.logo_key)), "sample.pdf")

    @page("/logo")
    def logo(self) -> Response:
        """The logo as it is kept."""
        path = files.path_of(store(), look_of(db.session()).logo_key)
        return send_file(path, mimetype="image/jpeg")


def _kept_logo(key: str) -> bytes | None:
    return files.path_of(store(), key).read_bytes() if key else None


def paper_label(paper: Paper) -> str:
    """A paper in words."""
    return tr(PAPER_LABELS[paper])


VIEWS = (LabelSetupView,)
NAV = (nav.Item("setup", "Labels", "LabelSetupView.edit", "document.design", icon="print", order=60),)
