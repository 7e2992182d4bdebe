"""RQ: a doorbell that carries ids. The outbox table is the truth; whatever Redis loses is rung again.

A worker process listens to one queue: a worker on two queues can lose a job when it dies between them. Short worker
lifetimes and maintenance intervals let a killed worker's leavings be cleared within the minute.
"""

from __future__ import annotations

import logging

import redis
from flask import Flask
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from jobs.context import BULK, CHANNELS, QUICK

QUEUES = (QUICK, BULK, CHANNELS)
JOB_SECONDS = {QUICK: 300, BULK: 3600, CHANNELS: 1800}
FAILED_SECONDS = 7 * 24 * 3600  # how long a failed job stays to be looked at
log = logging.getLogger(__name__)


def connect(url: str) -> redis.Redis:
    """A connection that tries again for a few seconds while Redis restarts."""
    retry = Retry(ExponentialBackoff(cap=1, base=0.05), 5)
    return redis.Redis.from_url(url, retry=retry, retry_on_error=[redis.ConnectionError], health_check_interval=15)


def queue(connection: redis.Redis, name: str) -> Queue:
    """The queue of that name, speaking JSON."""
    return Queue(name, connection=connection, serializer=JSONSerializer, default_timeout=JOB_SECONDS[name])


def ring(connection: redis.Redis, name: str, ids: list[int], mark: int) -> None:
    """Ask a worker to carry out these outbox rows. ``mark`` tells one ringing for a row from the next."""
    queue(connection, name).enqueue(
        "jobs.relay.drain",
        ids,
        job_id=f"outbox-{ids[0]}-{mark}",
        result_ttl=0,
        failure_ttl=FAILED_SECONDS,
        description=f"outbox {ids[0]} and {len(ids) - 1} more",
    )


class Worker(SimpleWorker):
    """A worker without a fork for each job: the supervisor replaces a process that dies."""

    max_connection_wait_time = 2.0  # look for a restarted Redis again soon


def work(app: Flask, url: str, name: str, *, burst: bool = False) -> bool:
    """Carry out jobs of one queue until told to stop."""
    connection = connect(url)
    worker = Worker(
        [queue(connection, name)],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=45,
        maintenance_interval=30,
        job_monitoring_interval=10,
        log_job_description=False,
    )
    log.info("worker listens", extra={"queue": name})
    with app.app_context():
        return worker.work(burst=burst, logging_level="WARNING", with_scheduler=False)
