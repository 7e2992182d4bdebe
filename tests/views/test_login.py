"""Getting in, staying in, getting out."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import func, select

from oms import clock
from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.staff.models import StaffBackupCode, StaffSession
from oms.usecases import logins
from tests.views.browser import PASSWORD, Browser, add_person, entered
from views import people


def audited(action: str) -> int:
    return db.session.scalar(select(func.count()).where(AuditLog.action == action))


def test_a_person_with_the_right_password_gets_in_and_the_wrong_one_does_not(web: Flask):
    add_person("sales")
    browser = Browser(web).english()
    answer = browser.login("sales", "something else")
    assert answer.status_code == 401
    assert "The user name or the password is not right" in answer.text
    assert not browser.logged_in()
    assert browser.login("sales").location == "/"
    assert browser.logged_in()
    assert audited("login.failed") == audited("login.started") == 1


def test_an_unknown_name_is_refused_in_the_same_words_as_a_wrong_password(web: Flask):
    add_person("sales")
    browser = Browser(web)
    texts = [browser.login(name, "wrong password").text for name in ("sales", "nobody")]
    without = [t.replace("sales", "X").replace("nobody", "X") for t in texts]
    assert len({len(t) for t in without}) == 1


def test_after_eight_failures_a_name_is_locked_even_for_the_right_password_and_even_when_it_does_not_exist(web: Flask):
    add_person("sales")
    for name in ("sales", "nobody"):
        browser = Browser(web).english()
        for _ in range(logins.MAX_FAILURES):
            browser.login(name, "wrong password")
        answer = browser.login(name)
        assert answer.status_code == 401
        assert "is locked" in answer.text
    assert audited("login.locked") == 2
    with clock.at(clock.now() + logins.LOCK + timedelta(seconds=1)):
        assert browser.login("sales").status_code == 302


def test_the_owner_unlocks_a_name_and_nobody_else_can(web: Flask):
    user_id = add_person("sales")
    browser = Browser(web)
    for _ in range(logins.MAX_FAILURES):
        browser.login("sales", "wrong password")
    with transaction(system("test")) as tx:
        logins.unlock(tx, "sales", user_id)
    assert browser.login("sales").status_code == 302


def test_tries_are_limited_by_address(web: Flask):
    browser = Browser(web).english()
    codes = [browser.login(f"name{n}", "wrong password").status_code for n in range(11)]
    assert codes[:10] == [401] * 10
    assert codes[10] == 429
    answer = browser.login("name12", "wrong")
    assert "Too many tries in a short time" in answer.text
    assert answer.headers["Retry-After"] == "60"


def test_a_logout_kills_a_copied_cookie(web: Flask):
    browser = entered(web, "sales")
    thief = Browser(web)
    cookie = browser.client.get_cookie("ruam")
    thief.client.set_cookie("ruam", cookie.value)
    assert thief.logged_in()
    browser.post("/logout/", form_on="/account/")
    assert not browser.logged_in()
    assert not thief.logged_in()


def test_a_session_ends_after_its_idle_time(web: Flask):
    browser = entered(web, "sales")
    with clock.at(clock.now() + logins.IDLE + timedelta(seconds=1)):
        assert not browser.logged_in()


def test_a_closed_login_is_out_at_once(web: Flask):
    browser = entered(web, "sales")
    user_id = db.session.scalar(select(people.USERS.c.id).where(people.USERS.c.username == "sales"))
    with transaction(system("test")) as tx:
        people.set_active(tx, user_id, active=False)
    assert not browser.logged_in()


def test_one_device_ends_the_session_of_another(web: Flask):
    browser, other = entered(web, "sales"), Browser(web)
    other.login("sales")
    rows = db.session.scalars(select(StaffSession).order_by(StaffSession.id)).all()
    answer = browser.post(f"/account/sessions/{rows[-1].id}/end", form_on="/account/", follow_redirects=True)
    assert "The session is ended" in answer.text
    assert browser.logged_in()
    assert not other.logged_in()


def test_somebody_elses_session_cannot_be_ended_without_the_permission(web: Flask):
    other = entered(web, "cashier")
    browser = entered(web, "sales")
    row = db.session.scalars(select(StaffSession).order_by(StaffSession.id)).first()
    browser.post(f"/account/sessions/{row.id}/end", form_on="/account/")
    assert other.logged_in()
    assert audited("permission.refused") == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("not it", "blue sky elephant", "blue sky elephant"), "This is not your present password"),
        ((PASSWORD, "short", "short"), "Use at least 10 characters"),
        ((PASSWORD, "password1234", "password1234"), "tried first"),
        ((PASSWORD, "blue sky elephant", "blue sky"), "The two passwords differ"),
    ],
)
def test_a_bad_new_password_is_refused_and_the_old_one_stays(web: Flask, given: tuple[str, str, str], sentence: str):
    browser = entered(web, "sales")
    current, password, again = given
    answer = browser.post("/account/password/form", {"current": current, "password": password, "again": again})
    assert sentence in answer.text
    assert Browser(web).login("sales").status_code == 302


def test_a_new_password_logs_the_other_devices_out(web: Flask):
    browser, other = entered(web, "sales"), Browser(web)
    other.login("sales")
    new = "blue sky elephant"
    answer = browser.post("/account/password/form", {"current": PASSWORD, "password": new, "again": new})
    assert answer.location == "/account/"
    assert browser.logged_in()
    assert not other.logged_in()
    assert Browser(web).login("sales").status_code == 401
    assert Browser(web).login("sales", new).status_code == 302


def switched_on(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    page = browser.get("/account/two-step").text
    totp = pyotp.TOTP(page.split('data-copy="')[1].split('"')[0])
    answer = browser.post("/account/two-step", {"code": totp.at(clock.now())})
    return totp, [x.split("</li>")[0] for x in answer.text.split('<ul class="codes">')[1].split("<li>")[1:]]


def test_two_step_login_asks_for_a_code_and_takes_each_only_once(web: Flask):
    browser = entered(web, "sales")
    totp, _codes = switched_on(browser)
    newcomer = Browser(web).english()
    answer = newcomer.login("sales")
    assert answer.location == "/login/code?next=/"
    assert not newcomer.logged_in()
    assert "This code is not right" in newcomer.post("/login/code", {"code": "000000"}).text
    with clock.at(clock.now() + timedelta(seconds=30)):
        code = totp.at(clock.now())
        assert newcomer.post("/login/code", {"code": code}).location == "/"
        assert newcomer.logged_in()
        again = Browser(web).english()
        again.login("sales")
        assert "This code is not right" in again.post("/login/code", {"code": code}).text


def test_a_backup_code_works_once(web: Flask):
    browser = entered(web, "sales")
    _totp, codes = switched_on(browser)
    assert len(codes) == 10
    for expected in (302, 200):
        newcomer = Browser(web)
        newcomer.login("sales")
        assert newcomer.post("/login/code", {"code": codes[0]}).status_code == expected
    assert db.session.scalar(select(func.count()).where(StaffBackupCode.used_at.is_not(None))) == 1


def test_two_step_login_is_switched_off_only_with_the_password(web: Flask):
    browser = entered(web, "sales")
    switched_on(browser)
    browser.post("/account/two-step/off", {"password": "guess"}, form_on="/account/")
    assert Browser(web).login("sales").location.startswith("/login/code")
    browser.post("/account/two-step/off", {"password": PASSWORD}, form_on="/account/")
    assert Browser(web).login("sales").location == "/"


def test_the_password_step_is_forgotten_after_five_minutes(web: Flask, monkeypatch: pytest.MonkeyPatch):
    browser = entered(web, "sales")
    totp, _codes = switched_on(browser)
    newcomer = Browser(web).english()
    newcomer.login("sales")
    token = newcomer.token("/login/code")
    monkeypatch.setattr("views.auth.SECOND_STEP_SECONDS", -1)
    answer = newcomer.client.post("/login/code", data={"csrf_token": token, "code": totp.at(clock.now())})
    assert answer.location.startswith("/login/?next")
    assert not newcomer.logged_in()


def test_after_the_login_nobody_is_sent_to_another_site(web: Flask):
    add_person("sales")
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/%0d%0aX: y"):
        browser = Browser(web)
        answer = browser.client.post(
            "/login/",
            query_string={"next": target},
            data={"csrf_token": browser.token("/login/"), "username": "sales", "password": PASSWORD},
            environ_base={"REMOTE_ADDR": browser.ip},
        )
        assert answer.location.startswith("/")
        assert not answer.location.startswith(("//", "/\\"))
        browser.post("/logout/", form_on="/account/")
