"""Lists and records that Flask-AppBuilder makes, under our rules."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from oms.actor import system
from oms.catalog.models import Product, Shop
from oms.db import db, transaction
from oms.errors import NotFound
from tests.views.browser import Browser, entered
from views import listing


@pytest.fixture
def products(web: Flask) -> Flask:
    with transaction(system("test")) as tx:
        tx.session.add_all(Product(code=f"P-{n:04}", name=f"เสื้อ {n} <b>") for n in range(120))
    return web


def found(browser: Browser, query: str = "") -> str:
    answer = browser.get(f"/products/list/?{query}")
    assert answer.status_code == 200
    return answer.text


def test_a_list_is_searched_filtered_sorted_and_paged_by_its_address(products: Flask):
    browser = entered(products, "owner")
    page = found(browser, "sort=code")
    assert "1–50 of 120" in page
    assert page.index("P-0000") < page.index("P-0049")
    assert "P-0050" not in page
    assert "P-0050" in found(browser, "sort=code&page=2")
    assert "P-0119" in found(browser, "sort=-code")
    assert "1–1 of 1" in found(browser, "q=P-0077")
    assert "Nothing matches" in found(browser, "f_is_active_is=0")


def test_names_are_shown_as_text_and_never_as_markup(products: Flask):
    page = found(entered(products, "owner"), "q=P-0001")
    assert "เสื้อ 1 &lt;b&gt;" in page
    assert "เสื้อ 1 <b>" not in page


@pytest.mark.parametrize(
    "query",
    ["page=abc", "page=999999", "page=-1", "size=100000", "sort=drop table", "sort=-nothing", "f_nothing_is=1",
     "f_created_at_is=never", "f_is_active_is=maybe", "f_name_nonsense=1", "q=%00", "q=" + "x" * 5000, "f_name_has=%25"],
)  # fmt: skip
def test_a_strange_address_shows_a_list_and_never_an_error(products: Flask, query: str):
    found(entered(products, "owner"), query)


def test_a_filter_that_cannot_be_read_is_said_and_left_out(products: Flask):
    page = found(entered(products, "owner"), "f_created_at_from=somewhen")
    assert "“somewhen” is not a date" in page
    assert "of 120" in page


def test_a_long_list_stops_counting_and_paging(products: Flask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listing, "COUNT_UP_TO", 100)
    browser = entered(products, "owner")
    assert "1–50 of 100+" in found(browser)
    last = found(browser, "page=2")
    assert "51–100 of 100+" in last
    assert 'rel="next"' not in last
    assert "51–100 of 100+" in found(browser, "page=3")


def test_who_may_not_change_gets_no_button_and_no_form(products: Flask):
    browser = entered(products, "viewer")
    key = db.session.scalar(select(Product.id).limit(1))
    assert "/products/add" not in found(browser)
    for path in ("/products/add", f"/products/edit/{key}"):
        assert browser.get(path).status_code == 403


def test_nothing_is_deleted_by_the_librarys_own_addresses(products: Flask):
    browser = entered(products, "owner")
    key = db.session.scalar(select(Product.id).limit(1))
    for answer in (
        browser.get(f"/products/delete/{key}"),
        browser.post(f"/products/delete/{key}", form_on="/account/"),
    ):
        assert answer.status_code == 404
    assert db.session.get(Product, key) is not None


def test_a_record_that_is_not_there_is_a_friendly_page(products: Flask):
    browser = entered(products, "owner")
    for key in ("999999", "abc", "9" * 30, "-1", "1 OR 1=1"):
        answer = browser.get(f"/products/show/{key}")
        assert answer.status_code == 404
        assert "There is no such record" in answer.text


def test_a_refused_form_keeps_what_was_typed_and_changes_nothing(products: Flask):
    browser = entered(products, "owner")
    answer = browser.post("/products/add", {"code": "P-0001", "name": "อีกตัว 🎽"})
    assert answer.status_code == 200
    assert 'value="อีกตัว 🎽"' in answer.text
    assert 'class="field bad"' in answer.text or "flash danger" in answer.text
    assert len(db.session.scalars(select(Product).where(Product.code == "P-0001")).all()) == 1


def test_a_stale_form_is_refused(products: Flask):
    browser = entered(products, "owner")
    row = db.session.scalars(select(Product).order_by(Product.id).limit(1)).one()
    page = f"/products/edit/{row.id}"
    data = {"code": row.code, "name": "ของฉัน", "version": str(row.version), "is_active": "y"}
    db.session.execute(update(Product).where(Product.id == row.id).values(name="ของเขา", version=row.version + 1))
    db.session.commit()
    answer = browser.post(page, data)
    assert "Someone else" in answer.text
    db.session.expire_all()
    assert db.session.get(Product, row.id).name == "ของเขา"


def test_an_action_gets_only_rows_that_its_reader_may_see(products: Flask):
    view: Any = next(v for v in products.appbuilder.baseviews if type(v).__name__ == "ProductView")
    keys = [str(k) for k in db.session.scalars(select(Product.id).limit(2))]
    assert len(view.visible(keys)) == 2
    with pytest.raises(NotFound):
        view.visible([*keys, "999999"])
    with pytest.raises(NotFound):
        view.visible([])


def test_two_readers_at_once_do_not_get_each_others_filters(products: Flask):
    """The library keeps filters on the view; ours come from each request alone."""
    view: Any = next(v for v in products.appbuilder.baseviews if type(v).__name__ == "ProductView")
    seen: dict[str, str] = {}
    barrier = threading.Barrier(2)

    def read(name: str) -> None:
        with products.test_request_context(f"/products/list/?q={name}"):
            statement, _active = view.filtered()
            barrier.wait(5)
            seen[name] = str(statement.compile(compile_kwargs={"literal_binds": True}))

    threads = [threading.Thread(target=read, args=(name,)) for name in ("P-0001", "P-0002")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(name in text and sum(other in text for other in seen) == 1 for name, text in seen.items())


def test_choices_are_named_and_filtered_by_their_names(web: Flask):
    browser = entered(web, "owner")
    page = browser.get("/shops/list/?f_channel_is=shopee").text
    assert "is Shopee" in page
    assert browser.get("/shops/list/?f_channel_is=nonsense").status_code == 200
    assert db.session.scalar(select(Shop.id).limit(1)) is None
