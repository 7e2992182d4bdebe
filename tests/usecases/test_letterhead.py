"""The look of papers: checked, frozen with each document, never changed afterwards."""

import base64
import io
import json
import os
from dataclasses import replace

import pytest
from PIL import Image

from oms.documents.letterhead import LOGO_BYTES, LOGO_SIZE, read_color, small_logo
from oms.documents.models import Company, Document
from oms.documents.paper import Look, pdf_of
from oms.documents.states import CreditReason
from oms.documents.states import DocumentKind as K
from oms.errors import Forbidden, InvalidInput
from oms.money import Money
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_notes import IssueNote, issue_note
from oms.usecases.letterhead import SaveLetterhead, save_letterhead
from oms.usecases.orders_place import place_order
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.usecases.refusals import last_audit, refused


def picture(size=(900, 300), color="red"):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "JPEG")
    return out.getvalue()


def noise():
    out = io.BytesIO()
    Image.frombytes("RGB", (420, 120), os.urandom(420 * 120 * 3)).save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.fixture
def shop(tx):
    seller(tx)
    return small_shop(tx)


def issued(tx, shop):
    order_id = place_order(tx, shop.order((0, 2), confirm=True)).order_id
    done = issue_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,), buyer=FULL))
    return tx.session.get_one(Document, done.document_id)


def test_a_document_is_frozen_with_the_look_of_its_day(tx, shop):
    old = issued(tx, shop)
    kept, before = json.dumps(old.content, sort_keys=True), pdf_of(old.content, old.checksum, Look())
    save_letterhead(tx, SaveLetterhead("#7A1F3D", picture()))
    new = issued(tx, shop)
    tx.session.expire_all()
    assert json.dumps(old.content, sort_keys=True) == kept
    assert pdf_of(old.content, old.checksum, Look()) == before
    assert "logo" not in old.content
    assert new.content["color"] == "#7a1f3d"
    logo = base64.b64decode(new.content["logo"].removeprefix("data:image/png;base64,"))
    assert logo == tx.session.get_one(Company, 1).logo
    dressed = pdf_of(new.content, new.checksum, Look())
    assert b"/Image" in dressed
    save_letterhead(tx, SaveLetterhead("", no_logo=True))
    tx.session.expire_all()
    assert pdf_of(new.content, new.checksum, Look()) == dressed
    assert not {"logo", "color"} & set(issued(tx, shop).content)


def test_a_credit_note_wears_it_too(tx, shop):
    invoice = issued(tx, shop)
    save_letterhead(tx, SaveLetterhead("#123456", picture()))
    cmd = IssueNote(invoice.id, K.CREDIT_NOTE, CreditReason.PRICE_CUT, "ทดสอบ", amount=Money.satang(10700))
    note = tx.session.get_one(Document, issue_note(tx, cmd).document_id)
    assert (note.content["color"], note.content["logo"][:22]) == ("#123456", "data:image/png;base64,")


def test_the_change_stands_in_the_audit_once(tx, shop):
    assert save_letterhead(tx, SaveLetterhead("#123456", picture())).changed
    row = last_audit(tx)
    assert (row.action, row.after["color"], len(row.after["logo"])) == ("company.edited", "#123456", 64)
    assert not save_letterhead(tx, SaveLetterhead("#123456")).changed
    assert last_audit(tx).id == row.id


@pytest.mark.parametrize(
    ("text", "code"), [("red", "color"), ("#12345", "color"), ("#fff", "color"), ("#ffee00", "color_pale")]
)
def test_a_color_that_cannot_be_used_is_refused(tx, shop, text, code):
    with refused(tx, code, "color"):
        save_letterhead(tx, SaveLetterhead(text))
    assert tx.session.get_one(Company, 1).color == ""


def test_a_logo_is_made_small_or_refused(tx, shop):
    small = small_logo(picture((3000, 2000)))
    with Image.open(io.BytesIO(small)) as made:
        assert (made.format, made.width <= LOGO_SIZE[0], made.height <= LOGO_SIZE[1]) == ("PNG", True, True)
    assert len(small) <= LOGO_BYTES
    with refused(tx, "logo_large", "logo"):
        save_letterhead(tx, SaveLetterhead("", noise()))
    with refused(tx, "logo", "logo"):
        save_letterhead(tx, SaveLetterhead("", b"<svg onload=alert(1)>"))
    assert tx.session.get_one(Company, 1).logo is None


def test_it_needs_its_right_a_company_and_the_newest_version(tx, actor):
    with refused(tx, "company_missing"):
        save_letterhead(tx, SaveLetterhead("#123456"))
    seller(tx)
    with pytest.raises(Forbidden):
        save_letterhead(replace(tx, actor=actor("warehouse")), SaveLetterhead("#123456"))
    with refused(tx, "stale"):
        save_letterhead(tx, SaveLetterhead("#123456", version=99))


def test_our_own_color_is_dark_enough():
    assert read_color(" #17456B ") == "#17456b"
    with pytest.raises(InvalidInput):
        read_color("#99aabb")
