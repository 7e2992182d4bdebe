"""What machines ask."""

from __future__ import annotations

from dataclasses import replace

from flask import Flask
from flask.testing import FlaskClient

from oms import log as lines
from oms import outbox
from oms.actor import system
from oms.db import transaction


def test_alive_and_ready_need_no_login(client: FlaskClient):
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"ready": True, "wrong": {}})


def test_not_ready_says_what_is_wrong(web: Flask):
    settings = web.extensions["oms.settings"]
    web.extensions["oms.settings"] = replace(settings, redis_url="unix:///nowhere/redis.sock")
    try:
        answer = web.test_client().get("/readyz")
    finally:
        web.extensions["oms.settings"] = settings
    assert answer.status_code == 503
    assert set(answer.json["wrong"]) == {"redis"}


def test_figures_for_the_monitoring(client: FlaskClient):
    with transaction(system("test")) as tx:
        outbox.add(tx, "test.topic", "a")
    client.get("/login/")
    text = client.get("/metrics").text
    assert 'ruam_outbox{state="waiting"} 1.0' in text
    assert "ruam_outbox_oldest_seconds" in text
    assert 'endpoint="LoginView.login"' in text


def test_an_answer_names_its_request(client: FlaskClient):
    assert client.get("/healthz", headers={"X-Request-Id": "abc-12345678"}).headers["X-Request-Id"] == "abc-12345678"
    assert len(client.get("/healthz", headers={"X-Request-Id": "a b\tc"}).headers["X-Request-Id"]) == 16


def test_every_log_line_of_a_request_carries_its_id(client: FlaskClient, monkeypatch):
    seen = []
    monkeypatch.setattr("views.health.log.info", lambda *_args, **_facts: seen.append(lines.fact("request_id")))
    client.get("/login/", headers={"X-Request-Id": "abc-12345678"})
    assert seen == ["abc-12345678"]
