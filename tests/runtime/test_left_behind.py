"""What a start clears away is its own installation's: engines of others on the same host go on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jobs.runtime import supervise
from jobs.runtime.layout import Layout


def engine(name: str, *words: str) -> SimpleNamespace:
    return SimpleNamespace(name=lambda: name, cmdline=lambda: list(words), environ=dict)


@pytest.mark.parametrize("folder", ["engines/0a1b2c/data", "data", "postgres/data2"])
def test_an_engine_kept_below_our_folder_is_not_ours(tmp_path, folder):
    assert not supervise._ours(engine("postgres", "/bin/postgres", "-D", str(tmp_path / folder)), tmp_path)


def test_our_own_engines_are_known_by_their_folders(tmp_path):
    own = Layout(tmp_path, None)
    assert supervise._ours(engine("postgres", "/bin/postgres", "-D", str(own.postgres), "-k", "/x"), tmp_path)
    assert supervise._ours(engine("redis-server", f"redis-server unixsocket:{own.run}/redis.sock"), tmp_path)
    assert supervise._ours(engine("redis-server", "/bin/redis-server", "--dir", str(own.redis)), tmp_path)


def test_an_engine_that_was_put_elsewhere_is_ours_too(tmp_path):
    elsewhere = tmp_path / "elsewhere" / "data"
    data = tmp_path / "shop"
    data.mkdir()
    (data / "postgres.path").write_text(str(elsewhere))
    assert supervise._ours(engine("postgres", "/bin/postgres", "-D", str(elsewhere)), data)
    assert not supervise._ours(engine("postgres", "/bin/postgres", "-D", f"{elsewhere}2"), data)
