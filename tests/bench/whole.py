"""P14 and P15: how fast ``oms up`` serves, and how much memory it takes in all."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from oms.settings import Settings
from tests.bench import working
from tests.live import Up


def _memory(data: Path) -> float:
    """MB of every process of the installation; shared pages are counted once, divided among who shares them."""
    total = 0
    for process in psutil.process_iter():
        try:
            environment, command = process.environ(), " ".join(process.cmdline())
            if environment.get("OMS_DATA_DIR") == str(data) or str(data) in command or _child_of(process, str(data)):
                total += process.memory_full_info().pss
        except (psutil.Error, OSError):
            continue
    return total / 1e6


def _child_of(process: psutil.Process, data: str) -> bool:
    parent = process.parent()
    return parent is not None and data in " ".join(parent.cmdline())


def measure(idle_seconds: float = 20) -> dict[str, float]:
    """Seconds to ``ready`` at the first and the second start (no demo data), and memory when idle: just started, and
    after a job of every heavy kind and a look at many screens."""
    with tempfile.TemporaryDirectory(prefix="ruam-bench-") as folder:
        data = Path(folder)
        data.chmod(0o755)
        up = Up(data, environment={"OMS_WEB_WORKERS": str(Settings(data).web_workers)})
        began = time.perf_counter()
        up.start(180)
        first = time.perf_counter() - began
        up.stop()
        began = time.perf_counter()
        up.start(180)
        second = time.perf_counter() - began
        time.sleep(idle_seconds)
        memory = _memory(data)
        working.work(up)
        time.sleep(idle_seconds)
        warm = _memory(data)
        up.stop()
    return {"first": first, "second": second, "memory": memory, "warm": warm}
