"""A worker of channels in a process of its own whose jobs need each other: ``python -m tests.jobs.side_by_side``."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from app import create_worker_app
from jobs import handlers, queue
from jobs.context import CHANNELS, Handler, program
from oms import outbox
from oms.db import transaction
from oms.outbox import Work
from oms.settings import Settings

TOGETHER = 4
MEET, LINGER = "test.meet", "test.linger"


def main() -> None:
    """Listen until told to stop."""
    place = threading.Barrier(TOGETHER)

    def meet(work: Work) -> None:
        place.wait(60)  # only others that are under way at the same time open it
        _settle(work)

    def linger(work: Work) -> None:
        Path(str(work.payload["began"])).touch()
        time.sleep(2)
        _settle(work)

    handlers.TOPICS[MEET], handlers.TOPICS[LINGER] = Handler(meet, CHANNELS), Handler(linger, CHANNELS)
    settings = Settings(
        data_dir=Path(os.environ["PLAY_DATA"]), database_url=os.environ["PLAY_DATABASE"],
        redis_url=os.environ["PLAY_REDIS"], secret_key="test", testing=True,
    )  # fmt: skip
    queue.work(create_worker_app(settings), os.environ["PLAY_REDIS"], CHANNELS)


def _settle(work: Work) -> None:
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


if __name__ == "__main__":
    main()
