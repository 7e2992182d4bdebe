"""The letterhead's screen: a live picture of one's own paper, saved by whoever may."""

import io

import pytest
from PIL import Image

from oms.actor import system
from oms.db import db, transaction
from oms.documents.models import Company
from oms.documents.states import DocumentKind as K
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.orders_place import place_order
from tests.papers import FULL, seller
from tests.shop import small_shop
from tests.views.test_documents_web import Clerk


@pytest.fixture
def owner(web):
    with transaction(system("test")) as tx:
        seller(tx)
        order_id = place_order(tx, small_shop(tx).order((0, 2), confirm=True)).order_id
        issue_document(tx, IssueDocument(K.TAX_INVOICE, (order_id,), buyer=FULL))
    return Clerk(web, "owner")


def company():
    db.session.expire_all()
    return db.session.get(Company, 1)


def logo():
    out = io.BytesIO()
    Image.new("RGB", (400, 100), "#7a1f3d").save(out, "PNG")
    return io.BytesIO(out.getvalue()), "logo.png"


def test_the_paper_is_shown_with_the_look_before_it_is_saved(owner):
    assert "data-paper=" in owner.get("/setup/letterhead/").text
    seen = owner.post("/setup/letterhead/preview", color="#7a1f3d", logo=logo()).json
    assert (seen["problems"], seen["pages"][0][:22]) == ([], "data:image/png;base64,")
    assert seen["pages"] != owner.post("/setup/letterhead/preview", color="").json["pages"]
    assert [p["field"] for p in owner.post("/setup/letterhead/preview", color="pink").json["problems"]] == ["color"]
    assert (company().color, company().logo) == ("", None)


def test_it_is_saved_and_a_hostile_file_is_refused_on_its_field(owner):
    assert owner.post("/setup/letterhead/", color="#7a1f3d", logo=logo()).status_code == 303
    assert (company().color, company().logo[:4]) == ("#7a1f3d", b"\x89PNG")
    page = owner.post("/setup/letterhead/", color="#123456", logo=(io.BytesIO(b"<svg onload=x>"), "a.png"))
    assert page.status_code == 200
    assert 'aria-invalid="true"' in page.text
    assert company().color == "#7a1f3d"


def test_who_packs_does_not_change_it(web, owner):
    packer = Clerk(web, "warehouse")
    assert packer.get("/setup/letterhead/").status_code in {302, 403}
    assert packer.post("/setup/letterhead/", color="#123456").status_code in {302, 403}
    assert company().color == ""
