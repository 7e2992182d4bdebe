"""``python -m jobs.runtime.become postgres|redis FOLDER``: turn into one of the engines, under the supervisor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jobs.runtime import layout, postgres, redis


def main() -> None:
    """Become the engine; the process keeps its number, so the supervisor watches the engine itself."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    found = layout.Layout(folder, layout.system_account())
    if name == "postgres":
        postgres.become(postgres.describe(found))
    server = redis.prepare(found)
    os.execv(server.program, server.command())


if __name__ == "__main__":
    main()
