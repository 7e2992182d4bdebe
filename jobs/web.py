"""The web server: gunicorn, the program loaded once and shared by its workers."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from oms.db import db
from oms.settings import Settings


class Lines(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn's own messages through the house's log lines; requests are logged by the program itself."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)


def metrics_folder(settings: Settings) -> Path:
    """Where web workers leave their counters for whichever of them is asked."""
    return settings.data_dir / "run" / "metrics"


def _after_fork(_server: Any, worker: Any) -> None:
    """Connections are never shared between processes."""
    app: Flask = worker.app.callable
    with app.app_context():
        db.engine.dispose(close=False)


def _child_gone(_server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library's function is untyped


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn, configured here alone."""

    def __init__(self, make: Callable[[], Flask], settings: Settings) -> None:
        self.make, self.settings = make, settings
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        for name, value in {
            "bind": f"{host}:{self.settings.port}",
            "workers": self.settings.web_workers,
            "threads": self.settings.web_threads,
            "worker_class": "gthread",
            "preload_app": True,
            "timeout": 120,
            "graceful_timeout": 10,
            "keepalive": 5,
            "logger_class": Lines,
            "post_fork": _after_fork,
            "child_exit": _child_gone,
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108  a heartbeat file
            "proc_name": "ruam-web",
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = self.make()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        gc.collect()
        gc.freeze()  # workers share what nobody writes to; a collection would write to all of it
        return app


def serve(make: Callable[[], Flask], settings: Settings) -> None:
    """Serve until told to stop."""
    folder = metrics_folder(settings)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    Server(make, settings).run()
