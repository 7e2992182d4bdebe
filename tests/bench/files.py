"""P3: a file of 10,000 orders of three lines, checked and written by ``oms import`` in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from jobs.runtime.supervise import oms_command
from oms.settings import Settings
from tests.samples import marketplaces


def measure(settings: Settings, orders: int, kind: str, seed: int) -> dict[str, float]:
    """Seconds and the most memory (MB) of dry run and commit together."""
    with tempfile.TemporaryDirectory() as folder:
        samples = marketplaces.samples(orders, seed=seed)
        if kind == "csv":
            path, shop = marketplaces.write_csv(Path(folder) / "orders.csv", marketplaces.tiktok(samples)), "tiktok-th"
        else:
            path, shop = (
                marketplaces.write_xlsx(Path(folder) / "orders.xlsx", marketplaces.shopee(samples)),
                "shopee-th",
            )
        del samples
        environment = {
            **os.environ, "DATABASE_URL": settings.database_url or "", "OMS_DATA_DIR": str(settings.data_dir),
            "OMS_SECRET_KEY": settings.secret_key,
        }  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        process = subprocess.Popen(
            oms_command("import", str(path), "--shop", shop, "--json"),
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        most = 0.0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                most = max(most, watched.memory_info().rss / 1e6)
            except psutil.Error:
                break
            time.sleep(0.1)
        answer = json.loads(process.communicate()[0])
        seconds = time.perf_counter() - began
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "memory": most,
        "cpu": spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime,
        "created": answer.get("created", 0),
        "received": answer.get("received", 0),
    }
