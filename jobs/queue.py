"""RQ: a doorbell that carries ids. The outbox table is the truth; whatever Redis loses is rung again.

A worker process listens to one queue: a worker on two queues can lose a job when it dies between them. Short worker
lifetimes and maintenance intervals let a killed worker's leavings be cleared within the minute.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TypeVar

import redis
from flask import Flask
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from rq.worker import SimpleWorker, WorkerStatus

from jobs.context import BULK, CHANNELS, QUICK

QUEUES = (QUICK, BULK, CHANNELS)
JOB_SECONDS = {QUICK: 300, BULK: 3600, CHANNELS: 1800}
SIDE_BY_SIDE = {CHANNELS: 16}  # jobs of a queue that one process has under way; others one
LAST_SECONDS = 8.0  # what is under way gets so long when the process is told to stop
FAILED_SECONDS = 7 * 24 * 3600  # how long a failed job stays to be looked at
log = logging.getLogger(__name__)
W = TypeVar("W", bound=SimpleWorker)


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


class Mate(Worker):
    """A worker in a thread of its own beside the one that hears signals; a job's time is kept by a timer."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        """Signals are the main thread's."""

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop_requested = True

    @property
    def is_busy(self) -> bool:
        """Whether it is at a job."""
        return bool(self.get_state() == WorkerStatus.BUSY)


def _made(kind: type[W], url: str, name: str) -> W:
    connection = connect(url)
    return kind(
        [queue(connection, name)],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=45,
        maintenance_interval=30,
        job_monitoring_interval=10,
        log_job_description=False,
    )


def _listen(app: Flask, worker: Worker, *, burst: bool = False) -> bool:
    log.info("worker listens", extra={"queue": worker.queue_names()[0]})
    with app.app_context():
        return worker.work(burst=burst, logging_level="WARNING", with_scheduler=False)


def work(app: Flask, url: str, name: str, *, burst: bool = False) -> bool:
    """Carry out jobs of one queue until told to stop. Work of channels mostly waits for somebody's answer or pace, so
    several jobs are under way at once in one process; told to stop, it waits a little for them."""
    mates = [] if burst else [_made(Mate, url, name) for _ in range(SIDE_BY_SIDE.get(name, 1) - 1)]
    for mate in mates:
        threading.Thread(target=_listen, args=(app, mate), daemon=True).start()
    try:
        return _listen(app, _made(Worker, url, name), burst=burst)
    finally:
        for mate in mates:
            mate.stop()
        end = time.monotonic() + LAST_SECONDS
        while any(mate.is_busy for mate in mates) and time.monotonic() < end:
            time.sleep(0.1)
