"""What machines ask: alive, ready, how much. And the log line of every request."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable

import redis
from flask import Flask, Response, current_app, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from migrations import steps
from oms import clock
from oms import log as lines
from oms.db import db
from oms.outbox import Outbox, OutboxStatus
from oms.payments.slip_models import VerifierAccount
from oms.settings import Settings
from oms.usecases import verifiers

UNLOGGED = frozenset({"healthz", "readyz", "metrics", "static", "appbuilder.static"})
log = logging.getLogger("ruam.requests")


class OutboxFigures(Collector):
    """Background work as the table has it at the moment of asking."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Rows by state, and how long the oldest waiting one has been due."""
        counted = dict(
            db.session.execute(
                select(Outbox.status, func.count()).where(Outbox.status != OutboxStatus.DONE).group_by(Outbox.status)
            ).all()
        )
        rows = GaugeMetricFamily("ruam_outbox", "Background work by state", labels=["state"])
        for state in OutboxStatus:
            if state is not OutboxStatus.DONE:
                rows.add_metric([state.value], counted.get(state, 0))
        yield rows
        oldest = db.session.scalar(select(func.min(Outbox.next_try_at)).where(Outbox.status == OutboxStatus.WAITING))
        late = max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0
        yield GaugeMetricFamily("ruam_outbox_oldest_seconds", "How long the oldest waiting work is overdue", value=late)


class VerifierFigures(Collector):
    """How the slip verifiers in use do."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Whether each is asked and answers, and how many checks it has left."""
        now = clock.now()
        up = GaugeMetricFamily("ruam_slip_verifier_ok", "1 while nothing needs a person", labels=["name"])
        left = GaugeMetricFamily("ruam_slip_checks_left", "Checks left in the package", labels=["name"])
        for row in db.session.scalars(select(VerifierAccount).where(VerifierAccount.is_active)):
            up.add_metric([row.name], 0 if verifiers.health(row, now).trouble else 1)
            if row.quota_left is not None:
                left.add_metric([row.name], row.quota_left)
        yield from (up, left)


def alive() -> Response:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


def ready() -> tuple[Response, int]:
    """Database, queue and schema are as they must be: 200, else 503 with what is wrong."""
    settings: Settings = current_app.extensions["oms.settings"]
    wrong: dict[str, str] = {}
    try:
        at, head = steps.current(db.session.connection()), steps.head()
        if at != head:
            wrong["schema"] = f"at {at}, the program needs {head}"
    except DBAPIError as exc:
        wrong["database"] = str(exc.orig).splitlines()[0]
    client = redis.Redis.from_url(settings.redis_url or "", socket_connect_timeout=1, socket_timeout=1)
    try:
        client.ping()
    except redis.RedisError as exc:
        wrong["redis"] = str(exc)
    finally:
        client.close()
    return jsonify({"ready": not wrong, "wrong": wrong}), 503 if wrong else 200


def metrics() -> Response:
    """Counters of every web process and gauges of the outbox, for Prometheus."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)
    else:
        registry.register(current_app.extensions["oms.seconds"])
    registry.register(OutboxFigures())
    registry.register(VerifierFigures())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _begin() -> None:
    g.request_began = time.perf_counter()
    g.request_lines = lines.about(request_id=g.get("request_id", ""))
    g.request_lines.__enter__()


def _end(response: Response) -> Response:
    endpoint = request.endpoint or "unknown"
    if endpoint not in UNLOGGED and "request_began" in g:
        seconds = time.perf_counter() - g.request_began
        current_app.extensions["oms.seconds"].labels(request.method, endpoint, response.status_code).observe(seconds)
        log.info(
            "%s %s",
            request.method,
            request.path,
            extra={"status": response.status_code, "ms": round(seconds * 1000), "endpoint": endpoint},
        )
    return response


def _leave(_error: BaseException | None) -> None:
    if (opened := g.pop("request_lines", None)) is not None:
        opened.__exit__(None, None, None)


def install(app: Flask) -> None:
    """Put the three addresses, the log line of each request and its clock into the panel. After ``web.install``."""
    app.extensions["oms.seconds"] = Histogram(
        "ruam_request_seconds",
        "Time to answer a request",
        ["method", "endpoint", "status"],
        registry=CollectorRegistry(),
        buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    )
    app.before_request_funcs.setdefault(None, []).insert(1, _begin)  # the request's id is known, nothing else ran
    app.after_request(_end)
    app.teardown_request(_leave)
    for path, view in (("healthz", alive), ("readyz", ready), ("metrics", metrics)):
        app.add_url_rule(f"/{path}", path, view)
