"""Every page in Thai and in English, with nothing left in the other language."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from oms.db import db
from tests.views.browser import Browser, entered
from views import i18n, i18n_check

# Names and codes that are the same in every language, and what people and files write themselves.
SAME = re.compile(
    r"""
    Ruam|KBank|Shopee|Lazada|TikTok(\ Shop)?|LINE(\ SHOPPING|\ OA|\ MyShop)?|MyShop|Facebook|Instagram|PromptPay|COD|SKUs?|CSV|XLSX?|Excel|UTF-8|
    Windows-874|PDF|EN|English|VAT|MB|kB|SVG|IP|ID|URL|RU-\d+|SO\d\d-\d+|PostgreSQL|Redis|DATABASE_URL|oms(\ init)?|
    owner|manager|sales|cashier|warehouse|accountant|viewer|[A-Z]{2,4}\d*|Google\ Authenticator|Microsoft\ Authenticator|
    1Password|OpenAPI|Linux|Chrome|Safari|Edge|Werkzeug|Seller\ Cent(re|er)[^.]*|\(?\.?(xlsx|csv|xls)\)?|https?|e-[Ww]allet|[a-z_]+\.[a-z_.]+|
    SlipOK|EasySlip|Slip2Go|ThaiBulkSMS|SMSMKT|SMS|Messenger|user\ id|Webhook|HEIC|JPEG|WebP|Biller\ ID|Enter|
    [A-Za-z0-9._-]+@[A-Za-z0-9.-]+|[0-9a-f]{6,}|BKK|CNX|HDY|line|web|shopee|lazada|tiktok|facebook|instagram
    """,
    re.VERBOSE,
)
WORD = re.compile(r"[A-Za-z]{3,}")
THAI = re.compile(r"[\u0e01-\u0e5b]{2,}")
SPOKEN = ("placeholder", "title", "aria-label", "alt", "data-label", "data-confirm", "data-confirm-yes", "data-confirm-no",
          "data-copied", "data-restored", "data-nothing")  # fmt: skip


class Words(HTMLParser):
    """What a person reads or hears of a page. Cells, code and what is marked as another language are data."""

    DATA = ("td", "code", "kbd", "option", "textarea", "script", "style", "time")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag in self.DATA or (tag != "html" and ("lang" in facts or "hreflang" in facts)) or "data-data" in facts:
            self.inside.append(tag)
        self.found += [value for name, value in attrs if name in SPOKEN and value and not self.inside]

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside and data.strip():
            self.found.append(data.strip())


def words(page: str) -> list[str]:
    parser = Words()
    parser.feed(page[page.find("<body") :])
    return [unescape(w) for w in parser.found]


def pages(app: Flask) -> list[str]:
    """Pages without anything in their address, the menu's, and the first record of each list."""
    rules = [r for r in app.url_map.iter_rules() if "GET" in r.methods and not r.arguments]
    with app.test_request_context():
        from flask import url_for

        listed = [url_for(i.endpoint, **i.args) for i in app.extensions["oms.nav"] if i.endpoint in app.view_functions]
    skip = {"/metrics", "/back", "/healthz", "/readyz"}
    return sorted(({r.rule for r in rules} | set(listed)) - skip | {"/nowhere"})


def read(browser: Browser, app: Flask) -> dict[str, list[str]]:
    found = {}
    for path in pages(app):
        answer = browser.get(path, headers={"Accept": "text/html"})
        assert answer.status_code < 500, path
        if answer.mimetype == "text/html":
            found[path] = words(answer.text)
    assert len(found) > 10
    return found


def test_no_thai_page_has_an_english_word(web: Flask):
    browser = entered(web, "owner")
    browser.get("/language/th")
    wrong = {
        (path, text)
        for path, texts in read(browser, web).items()
        for text in texts
        if WORD.search(SAME.sub(" ", text)) and "Owner" not in text
    }
    assert not wrong, sorted(wrong)[:40]


def test_no_english_page_has_a_thai_word(web: Flask):
    browser = entered(web, "owner")
    browser.get("/language/en")
    wrong = {(p, t) for p, texts in read(browser, web).items() for t in texts if THAI.search(t)}
    assert not wrong, sorted(wrong)[:40]


@pytest.mark.parametrize("language", ["th", "en"])
def test_the_login_page_speaks_one_language(web: Flask, language: str):
    browser = Browser(web)
    browser.get(f"/language/{language}")
    texts = words(browser.get("/login/").text)
    other = THAI if language == "en" else WORD
    assert not [t for t in texts if other.search(SAME.sub(" ", t))]


def test_every_sentence_has_its_thai_and_names_the_same_facts():
    asked = [sys.executable, "-m", "views.i18n"]  # alone: a running panel fills in labels of its own
    answer = subprocess.run(asked, check=False, capture_output=True, text=True, cwd=i18n_check.HOUSE)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]


def test_the_form_library_speaks_thai(web: Flask):
    browser = entered(web, "owner")
    browser.get("/language/th")
    answer = browser.post("/account/password/form", {"current": "", "password": "", "again": ""})
    assert "ต้องกรอกช่องนี้" in answer.text
    assert "This field is required" not in answer.text


def test_dates_are_of_the_readers_era(web: Flask):
    browser = entered(web, "owner")
    year = db.session.scalar(text("SELECT extract(year FROM now() AT TIME ZONE 'Asia/Bangkok')::int"))
    db.session.execute(text("UPDATE staff_sessions SET started_at = started_at - interval '3 days'"))
    db.session.commit()
    browser.get("/language/th")
    assert str(year + 543) in browser.get("/account/").text
    browser.get("/language/en")
    assert str(year + 543) not in browser.get("/account/").text


def test_the_catalogue_is_read_once():
    assert i18n.thai() is i18n.thai()


@pytest.fixture
def said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program can say is looked for elsewhere; it takes seconds."""
    monkeypatch.setattr(i18n_check, "everything", dict)


def part(folder: Path, name: str, *pairs: tuple[str, str]) -> None:
    said = "\n".join(f'msgid "{english}"\nmsgstr "{thai}"\n' for english, thai in pairs)
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    (folder / f"{name}.po").write_text(f"{head}\n{said}")


@pytest.mark.usefixtures("said_nothing")
def test_a_sentence_that_stands_in_two_parts_is_refused(tmp_path: Path):
    part(tmp_path, "desk", ("Goods", "สินค้า"), ("Paid", "จ่ายแล้ว"))
    part(tmp_path, "money", ("Goods", "ค่าสินค้า"))
    assert i18n_check.problems(tmp_path)[1] == ["money.po: “Goods” stands in desk.po already; keep one of them"]


@pytest.mark.usefixtures("said_nothing")
def test_a_sentence_that_stands_twice_in_one_part_is_refused(tmp_path: Path):
    part(tmp_path, "desk", ("Goods", "สินค้า"), ("Goods", "สินค้า"))
    assert i18n_check.problems(tmp_path)[1] == ["desk.po: “Goods” stands in desk.po already; keep one of them"]


@pytest.mark.usefixtures("said_nothing")
def test_a_word_the_house_writes_otherwise_is_refused(tmp_path: Path):
    part(tmp_path, "desk", ("Stock", "สต๊อก"), ("Order", "คำสั่งซื้อ"))
    assert i18n_check.problems(tmp_path)[1] == ["desk.po: “Stock” says สต๊อก; we write สต็อก"]


def test_templates_and_scripts_keep_the_words_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert i18n_check.odd_files() == []
    monkeypatch.setattr(i18n_check, "HOUSE", tmp_path)
    monkeypatch.setattr(i18n_check, "TEMPLATES", tmp_path)
    (tmp_path / "page.html").write_text("<p>ออเดอร์ใหม่</p>")
    assert i18n_check.odd_files() == ["page.html says ออเดอร์; we write คำสั่งซื้อ"]


@pytest.mark.usefixtures("said_nothing")
def test_two_meanings_of_a_word_may_stand_side_by_side(tmp_path: Path):
    part(tmp_path, "desk", ("Goods", "สินค้า"))
    with (tmp_path / "desk.po").open("a") as more:
        more.write('\nmsgctxt "sum"\nmsgid "Goods"\nmsgstr "ค่าสินค้า"\n')
    assert i18n_check.problems(tmp_path)[1] == []
