"""``oms up`` under fire: whatever is killed comes back, nothing is lost and nothing is done twice."""

from __future__ import annotations

import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from flask import Flask
from sqlalchemy import func, select

from oms.actor import system
from oms.customers.models import CustomerAddress
from oms.db import db, transaction
from oms.outbox import Outbox, OutboxStatus
from oms.reports import auditor
from oms.usecases.orders_place import ShipTo, place_order
from tests.live import Up, answers, close, leftovers, until
from tests.shop import SmallShop, small_shop

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """One running installation for the tests of this file."""
    with tempfile.TemporaryDirectory(prefix="ruam-up-", ignore_cleanup_errors=True) as folder:
        running = Up(Path(folder))
        running.start()
        yield running
        running.stop()
        assert leftovers(running.data) == []


@pytest.fixture(scope="module")
def beside(up: Up) -> Iterator[Flask]:
    """A program beside it that reaches its database."""
    from app import create_worker_app

    app = create_worker_app(up.settings)
    yield app
    close(app)


@pytest.fixture(scope="module")
def shop(beside: Flask) -> SmallShop:
    with beside.app_context(), transaction(system("test")) as tx:
        return small_shop(tx, pieces=10_000)


_numbers = iter(range(10_000))


def place(app: Flask, shop: SmallShop, count: int = 1) -> list[int]:
    """Place orders that each owe one address to the address book; returns their ids."""
    ids = []
    for _ in range(count):
        number = next(_numbers)
        to = ShipTo("ผู้รับ", f"08{number:08d}", f"{number} หมู่ 1", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
        with app.app_context(), transaction(system("test")) as tx:
            ids.append(place_order(tx, shop.order((0, 1), confirm=True, ship_to=to)).order_id)
    return ids


def open_work(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).where(Outbox.status != OutboxStatus.DONE))


def back(up: Up, why: str = "") -> None:
    """Wait until the database lets one in and the panel is ready."""

    def connects() -> bool:
        try:
            psycopg.connect(up.settings.database_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    until(lambda: connects() and answers(up.url), 40, why or "it never came back")


def settled(app: Flask, seconds: float = 100) -> None:
    """Wait until nothing is owed: a process killed in the middle of a job keeps its lease of a minute."""
    until(lambda: open_work(app) == 0, seconds, "background work was lost")


def addresses(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(CustomerAddress))


def expect(app: Flask, before: int, more: int) -> None:
    """Exactly ``more`` addresses were remembered, each once, and the auditor agrees with everything."""
    settled(app)
    assert addresses(app) == before + more
    with app.app_context():
        assert auditor.audit_all(db.session()) == []


def test_ready_is_said_when_it_really_serves(up: Up) -> None:
    assert answers(up.url)
    assert up.lines.count(f"ready {up.url}\n") == 1
    assert any("first login: owner" in line for line in up.first_lines)


def test_a_second_start_in_the_same_folder_is_refused_with_one_sentence(up: Up) -> None:
    other = Up(up.data)
    other.start(wait=False)
    assert other.process.wait(60) == 1
    until(lambda: other.lines, 5)
    assert "already runs with the data folder" in "".join(other.lines)
    assert answers(up.url)


@pytest.mark.parametrize(
    "name",
    [
        "worker-quick", "postgres", pytest.param("redis", marks=pytest.mark.deep), pytest.param("relay", marks=pytest.mark.deep),
        pytest.param("scheduler", marks=pytest.mark.deep), pytest.param("web", marks=pytest.mark.deep),
    ],
)  # fmt: skip
def test_what_is_killed_comes_back_and_work_goes_on(up: Up, beside: Flask, shop: SmallShop, name: str) -> None:
    settled(beside)
    before = addresses(beside)
    place(beside, shop, 3)
    up.kill(name)
    close(beside)
    back(up, f"not ready after {name} was killed")
    place(beside, shop, 2)
    expect(beside, before, 5)


def test_a_worker_killed_in_the_middle_of_a_job_loses_and_repeats_nothing(
    up: Up, beside: Flask, shop: SmallShop
) -> None:
    settled(beside)
    before = addresses(beside)
    with psycopg.connect(up.settings.database_url) as hold:
        hold.execute("LOCK TABLE customer_addresses IN EXCLUSIVE MODE")  # the job stands still in its middle
        place(beside, shop)
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with psycopg.connect(up.settings.database_url, autocommit=True) as look:
            until(lambda: look.execute(blocked).fetchone()[0], 20, "the job never began")
            up.kill("worker-quick")
            look.execute("UPDATE outbox SET lease_until = now() - interval '1 second' WHERE status = 'running'")
    expect(beside, before, 1)


def test_a_flushed_redis_is_fed_again(up: Up, beside: Flask, shop: SmallShop) -> None:
    settled(beside)
    before = addresses(beside)
    client = redis.Redis.from_url(up.settings.redis_url)
    for _ in range(3):
        place(beside, shop, 4)
        client.flushall()
    client.close()
    expect(beside, before, 12)


def test_postgres_restarted_while_orders_come_in(up: Up, beside: Flask, shop: SmallShop) -> None:
    settled(beside)
    before, made = addresses(beside), 0
    old = up.processes()["postgres"]
    place(beside, shop, 5)
    old.send_signal(signal.SIGINT)  # a fast shutdown, as an administrator does it
    until(lambda: not old.is_running(), 30)
    close(beside)
    back(up)
    made = len(place(beside, shop, 5))
    expect(beside, before, 5 + made)


def test_the_database_keeps_its_promises_to_the_disk(up: Up) -> None:
    with psycopg.connect(up.settings.database_url) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone()[0] == "on"
        assert connection.execute("SHOW listen_addresses").fetchone()[0] == ""


@pytest.mark.deep
def test_the_supervisor_killed_and_started_again_keeps_everything(up: Up, beside: Flask, shop: SmallShop) -> None:
    settled(beside)
    before = addresses(beside)
    place(beside, shop, 3)
    up.process.kill()
    up.process.wait()
    up.start()
    assert "cleared" in up.lines[0]
    assert not any("first login" in line for line in up.lines)
    close(beside)
    expect(beside, before, 3)


def test_ctrl_c_stops_every_process_and_a_second_start_keeps_the_data(up: Up, beside: Flask, shop: SmallShop) -> None:
    place(beside, shop)
    settled(beside)
    before = addresses(beside)
    close(beside)
    assert up.stop(signal.SIGINT) == 0
    assert leftovers(up.data) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", up.port)) != 0
    up.start()
    assert addresses(beside) == before > 0


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other = Up(tmp_path, port=taken.getsockname()[1])
        other.start(wait=False)
        assert other.process.wait(60) == 1
        until(lambda: other.lines, 5)
    assert len(other.lines) == 1
    assert f"Port {other.port} on 127.0.0.1 cannot be used" in other.lines[0]
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        pytest.param(
            {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "oms: The database cannot be reached",
            marks=pytest.mark.deep,
        ),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "oms: Redis does not answer at redis://127.0.0.1:1/0"),
    ],
)  # fmt: skip
@pytest.mark.deep
def test_an_engine_that_cannot_be_reached_is_one_sentence_and_exit_1(tmp_path: Path, facts, sentence) -> None:
    other = Up(tmp_path, environment=facts)
    other.start(wait=False)
    assert other.process.wait(60) == 1
    until(lambda: any(line.startswith(sentence) for line in other.lines), 5)
    assert not any("Traceback" in line for line in other.lines)
    assert leftovers(tmp_path) == []
