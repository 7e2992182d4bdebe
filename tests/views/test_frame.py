"""What every page obeys: guards, headers, refusals that people understand."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from oms.audit import AuditLog
from oms.db import db
from oms.permissions import ROLES
from tests.views.browser import PASSWORD, Browser, entered
from views.base import ANY_STAFF, Screen

SCRIPTED = re.compile(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=|javascript:", re.IGNORECASE)
OUTSIDE = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//""")


def gets(app: Flask) -> list[str]:
    """Every page that needs nothing in its address."""
    rules = [r for r in app.url_map.iter_rules() if "GET" in r.methods and not r.arguments]
    return sorted({r.rule for r in rules} - {"/metrics", "/back"})


def test_without_a_login_every_page_leads_to_the_login(web: Flask):
    browser = Browser(web)
    public = {"/login/", "/login/code", "/healthz", "/readyz"}
    for path in gets(web):
        answer = browser.get(path)
        if path in public or path.startswith(("/static", "/api/")):
            continue
        assert answer.status_code == 303 or answer.status_code == 404, path
        if answer.status_code == 303:
            assert answer.location.startswith("/login/?next=/"), path


def test_a_program_without_a_login_gets_json(web: Flask):
    answer = Browser(web).get("/account/", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "login_required"


def test_no_page_has_inline_scripts_styles_or_outside_addresses(web: Flask):
    browser = entered(web, "owner")
    for path in [*gets(web), "/nowhere"]:
        answer = browser.get(path)
        assert answer.status_code < 500, path
        policy = answer.headers["Content-Security-Policy"]
        if answer.mimetype != "application/pdf":  # the browser's own viewer of PDF writes its own style
            assert "unsafe" not in policy, path
        assert "default-src 'none'" in policy
        if answer.mimetype == "text/html":
            assert not SCRIPTED.findall(answer.text), path
            assert not OUTSIDE.findall(answer.text), path


def test_every_screen_declares_the_action_that_opens_it(web: Flask):
    for view in web.appbuilder.baseviews:
        if isinstance(view, Screen):
            assert view.requires is not None, type(view).__name__
        else:
            assert type(view).__name__ in {"LoginView", "LocaleView", "UtilView"}, type(view).__name__


def test_the_library_makes_no_tables_or_permissions_when_the_panel_starts(web: Flask):
    assert web.config["FAB_UPDATE_PERMS"] is False
    names = {type(v).__name__ for v in web.appbuilder.baseviews}
    assert not names & {"UserDBModelView", "RoleModelView", "SecurityApi", "MenuApi", "OpenApi", "SwaggerView"}


def test_a_post_without_its_token_is_refused_with_a_page_and_a_way_out(web: Flask):
    browser = entered(web, "owner")
    answer = browser.client.post(
        "/account/password/form",
        data={"current": PASSWORD},
        headers={"Referer": "http://localhost/account/password/form"},
    )
    assert answer.status_code == 400
    assert "This form has expired" in answer.text
    assert 'href="/account/password/form"' in answer.text


def test_a_form_sent_after_the_session_ended_leads_to_the_login_and_back_to_the_form(web: Flask):
    browser = entered(web, "owner")
    page = "/account/password/form"
    token = browser.token(page)
    stale = Browser(web).english()
    answer = stale.client.post(page, data={"csrf_token": token}, headers={"Referer": f"http://localhost{page}"})
    assert answer.status_code == 303
    assert answer.location == f"/login/?next={page}?resume%3D1" or "resume" in answer.location
    shown = stale.get(answer.location).text
    assert "what you typed is kept on this device" in shown


def test_a_hidden_address_is_refused_and_the_attempt_is_written_down(web: Flask):
    browser = entered(web, "viewer")
    shut = [v for v in web.appbuilder.baseviews if isinstance(v, Screen) and v.requires == "audit.view"]
    assert shut, "the audit log has lost its screen"
    answer = browser.get(f"{shut[0].route_base}/list/")
    assert answer.status_code == 403
    assert "This is not open to your role" in answer.text
    row = db.session.scalars(select(AuditLog).where(AuditLog.action == "permission.refused")).one()
    assert row.role == "viewer"


LATER = {"manager", "sales", "accountant"}  # their menus lie between those of the others


@pytest.mark.parametrize(
    "role", [pytest.param(r.name, marks=[pytest.mark.deep] if r.name in LATER else []) for r in ROLES]
)
def test_each_role_sees_only_its_own_menu_and_everything_in_it_opens(web: Flask, role: str):
    browser = entered(web, role)
    menu = browser.get("/account/").text.split('<div class="menu">')[1].split('<div class="who">')[0]
    actions = next(r.actions for r in ROLES if r.name == role)
    items = [i for i in web.extensions["oms.nav"] if i.endpoint in web.view_functions]
    with web.test_request_context():
        from flask import url_for

        addresses = [url_for(i.endpoint, **i.args) for i in items]
    screens = {v.endpoint: v for v in web.appbuilder.baseviews}
    shown = {a for i, a in zip(items, addresses, strict=True) if i.action == "" or i.action in actions}
    for item, address in zip(items, addresses, strict=True):
        assert (f'href="{address.replace("&", "&amp;")}"' in menu) == (address in shown), address
        endpoint, _, method = item.endpoint.partition(".")
        required = screens[endpoint].required_action(f"can_{method}")
        status = browser.client.get(address, follow_redirects=True).status_code
        if address in shown:
            assert status == 200, address
        elif required != ANY_STAFF and not {required, *screens[endpoint].also_open_to} & actions:
            assert status in (403, 404), address


def test_too_much_is_refused_before_it_is_read(web: Flask):
    browser = entered(web, "owner")
    page = "/account/password/form"
    token = browser.token(page)
    before, web.config["MAX_CONTENT_LENGTH"] = web.config["MAX_CONTENT_LENGTH"], 1000
    try:
        answer = browser.client.post(page, data={"csrf_token": token, "x": (io.BytesIO(b"0" * 2000), "x")})
    finally:
        web.config["MAX_CONTENT_LENGTH"] = before
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_the_frame_costs_few_statements(web: Flask):
    browser = entered(web, "owner")
    browser.get("/account/password/form")
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    engine = db.engines[None]
    event.listen(engine, "before_cursor_execute", note)
    try:
        browser.get("/account/password/form")
    finally:
        event.remove(engine, "before_cursor_execute", note)
    selects = [s for s in seen if s.lstrip().upper().startswith(("SELECT", "WITH"))]
    # who, what they may, worklists, the other counts of the menu, the health of four kinds of services
    assert len(selects) <= 8, selects


def test_the_language_is_kept_on_the_account(web: Flask):
    browser = entered(web, "sales")
    browser.get("/language/th")
    other = Browser(web)
    other.login("sales")
    assert '<html lang="th"' in other.get("/account/").text
    browser.get("/language/en")
    third = Browser(web)
    third.login("sales")
    assert '<html lang="en"' in third.get("/account/").text


def test_refusals_count_once(web: Flask):
    browser = entered(web, "viewer")
    browser.get("/nowhere")
    assert db.session.scalar(select(func.count()).where(AuditLog.action == "permission.refused")) == 0
