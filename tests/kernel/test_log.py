"""Logs as JSON lines."""

from __future__ import annotations

import io
import json
import logging

import pytest

from oms import log
from oms.errors import Refused, say


@pytest.fixture
def stream():
    """A stream that a logger of the test's own writes to."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(log.JSONFormatter())
    logger = logging.getLogger("test.lines")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield out
    logger.removeHandler(handler)


def lines(out: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_names_the_request_and_the_job_it_belongs_to(stream):
    logger = logging.getLogger("test.lines")
    with log.about(request_id="r1"):
        with log.about(job_id="outbox-7"):
            logger.info("สวัสดี %s", "โลก", extra={"status": 200})
        logger.warning("after")
    logger.info("outside")
    first, second, third = lines(stream)
    assert (first["message"], first["request_id"], first["job_id"], first["status"]) == (
        "สวัสดี โลก",
        "r1",
        "outbox-7",
        200,
    )
    assert first["level"] == "info"
    assert first["at"].endswith("+00:00")
    assert (second["request_id"], "job_id" in second) == ("r1", False)
    assert "request_id" not in third


def test_a_refusal_is_logged_with_its_code(stream):
    refusal = Refused(say("Not now"), code="too_early")
    logging.getLogger("test.lines").error("refused", exc_info=refusal)
    [line] = lines(stream)
    assert line["code"] == "too_early"
    assert "Not now" in line["error"]


def test_a_line_break_in_a_message_stays_on_one_line(stream):
    logging.getLogger("test.lines").info('one\ntwo {"level": "error"}')
    assert len(stream.getvalue().splitlines()) == 1
