"""docs/how-to/add-a-channel.md names what there is, and a toy of one row is all the program needs to know of a channel."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from oms.channels.registry import CONNECTORS
from tests.channels.toy import KIND

HOUSE = Path(__file__).parents[2]
PAGE = HOUSE / "docs" / "how-to" / "add-a-channel.md"


def test_the_page_names_what_there_is():
    named = re.findall(r"`((?:oms|views|tests)/[\w/.]+?)(?::|`)", PAGE.read_text())
    assert len(named) > 12
    assert [name for name in named if "NAME" not in name and not (HOUSE / name).exists()] == []


def test_nothing_but_its_row_knows_the_toy():
    assert KIND.code not in CONNECTORS
    told = subprocess.run(
        ["git", "grep", "-il", KIND.code, "--", "oms", "views", "jobs", "migrations"],
        cwd=HOUSE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.stdout == ""
