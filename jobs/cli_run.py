"""``oms up`` and the single processes for installations of several hosts."""

from __future__ import annotations

import os
import sys
import time
import traceback
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobs.context import BULK, CHANNELS, QUICK
from jobs.runtime import engines, layout, postgres, redis, supervise
from oms import log
from oms import settings as installation
from oms.errors import EngineMissing, OmsError, say
from oms.settings import Settings

if TYPE_CHECKING:
    from jobs.cli import Factories

OWN = "OMS_OWN_ENGINES"


def address(settings: Settings) -> str:
    """Where a browser finds the panel."""
    host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(settings.host, settings.host)  # noqa: S104  a comparison
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def programs_of_ours() -> list[supervise.Program]:
    """What one host runs besides the engines."""
    return [
        supervise.Program("web", supervise.oms_command("web")),
        supervise.Program("worker-quick", supervise.oms_command("worker", "--queue", QUICK)),
        supervise.Program("worker-bulk", supervise.oms_command("worker", "--queue", BULK)),
        supervise.Program("worker-channels", supervise.oms_command("worker", "--queue", CHANNELS)),
        supervise.Program("relay", supervise.oms_command("relay")),
        supervise.Program("scheduler", supervise.oms_command("scheduler")),
    ]


def programs(own: engines.Engines, *, demo: bool) -> list[supervise.Program]:
    """Everything one host runs."""
    folder = str(own.layout.data)
    become = (sys.executable, "-m", "jobs.runtime.become")
    steward_command = supervise.oms_command("steward", *(["--demo"] if demo else []))
    listed = [supervise.Program("steward", steward_command, once=True), *programs_of_ours()]
    if own.postgres:
        listed.append(
            supervise.Program(
                "postgres", (*become, "postgres", folder), engine=True, stop_signal="INT", stop_seconds=60
            )
        )
    if own.redis:
        listed.append(supervise.Program("redis", (*become, "redis", folder), engine=True))
    return listed


def demo_site(settings: Settings) -> supervise.Program:
    """The demo's remote warehouse: a program of its own that calls ours."""
    command = (sys.executable, "-m", "views.sandbox.demo_site", str(settings.data_dir), address(settings))
    return supervise.Program("demo-site", command)


@click.command()
@click.option("--demo", is_flag=True, help="Load the demo shop on the first start.")
def up(*, demo: bool) -> None:
    """Start everything on this host: engines, schema, web, workers, relay, scheduler. Ctrl-C stops it all."""
    settings = installation.from_env()
    run = layout.Layout(settings.data_dir, None).run
    if cleared := supervise.take_over(settings.data_dir, run):
        click.echo(f"cleared {cleared} processes that an earlier start left", err=True)
    supervise.check_port(settings.host, settings.port)
    own = engines.prepare(settings)
    filled = own.settings(settings)
    if own.layout.postgres.parent.parent != settings.data_dir and own.postgres:
        click.echo(
            f"PostgreSQL keeps its data in {own.layout.postgres}: its system user may not enter {settings.data_dir}",
            err=True,
        )
    environment = {
        "OMS_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": filled.database_url or "",
        "REDIS_URL": filled.redis_url or "",
        OWN: ",".join(n for n, there in (("postgres", own.postgres), ("redis", own.redis)) if there),
    }
    played = [demo_site(settings), supervise.Program("demo-market", supervise.oms_command("demo-market"))]
    listed = [*programs(own, demo=demo), *(played if demo else [])]
    supervise.become(listed, settings.data_dir, own.layout.log, run, environment)


@click.command(hidden=True)
@click.option("--demo", is_flag=True)
@click.pass_obj
def steward(factories: Factories, *, demo: bool) -> None:
    """Under ``oms up``: bring the schema about, start the rest, say ready."""
    settings = installation.from_env(demo=demo)
    run = layout.Layout(settings.data_dir, None).run
    try:
        _wait_for_engines(settings)
        _announce(factories, settings, run)
    except OmsError as refusal:
        click.echo(f"oms: {refusal}")
        supervise.shut_down(run, failed=True)
    except BaseException:
        traceback.print_exc()
        supervise.shut_down(run, failed=True)
        raise


def _wait_for_engines(settings: Settings) -> None:
    own = os.environ.get(OWN, "").split(",")
    if "postgres" in own:
        server = postgres.describe(layout.Layout(settings.data_dir, layout.system_account()))
        postgres.wait(server, 300)
        postgres.ensure_database(server)
    redis.wait(settings.redis_url or "", 300 if "redis" in own else 10)


def _announce(factories: Factories, settings: Settings, run: Path) -> None:
    from jobs import initialize

    if initialize.was_done(settings) and (settings.demo_mark.exists() or not settings.demo):
        supervise.start(run, "web")  # a second start: the panel loads while this makes sure that nothing is missing
    done = initialize.everything(factories, settings)
    lines = initialize.sentences(done)
    if settings.demo:
        from jobs import demo

        lines = [*demo.prepare(factories, settings, click.echo), *initialize.sentences(replace(done, secrets=()))]
    supervise.start(run, "web")
    url = address(settings)
    _wait_until_served(f"{url}/readyz", settings)
    supervise.start(run, *(p.name for p in programs_of_ours()))
    if settings.demo and (settings.data_dir / "demo_site.json").exists():
        supervise.start(run, "demo-site")
    if settings.demo:
        supervise.start(run, "demo-market")
    click.echo(f"\nRuam is at {url}")
    for line in lines:
        click.echo(f"  {line}")
    click.echo(f"ready {url}")


def _wait_until_served(url: str, settings: Settings, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own address
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise EngineMissing(
        say("The web server does not answer; its log is {path}", path=str(settings.data_dir / "log" / "web.log"))
    )


@click.command()
@click.pass_obj
def web(factories: Factories) -> None:
    """Serve the panel (one process group; put as many hosts as you like behind one address)."""
    from jobs import web as server

    log.install()
    with engines.running(installation.from_env()) as settings:
        if supervise.MARK not in os.environ:  # under the supervisor a killed server's children let go within a second
            supervise.check_port(settings.host, settings.port)
        server.serve(lambda: factories.web(settings), settings)


@click.command()
@click.option("--queue", "name", type=click.Choice([QUICK, BULK, CHANNELS]), default=QUICK, show_default=True)
@click.option("--burst", is_flag=True, help="End when the queue is empty.")
@click.pass_obj
def worker(factories: Factories, name: str, *, burst: bool) -> None:
    """Carry out background work of one queue."""
    from jobs import queue

    log.install()
    with engines.running(installation.from_env()) as settings:
        queue.work(factories.worker(_lean(settings)), settings.redis_url or "", name, burst=burst)


@click.command()
@click.pass_obj
def relay(factories: Factories) -> None:
    """Ring for background work that is due (may run on every host; one of them works)."""
    from jobs import election, queue
    from jobs import relay as bell

    log.install()
    stopping = election.stop_event()
    with engines.running(installation.from_env()) as settings:
        feed = bell.Relay(queue.connect(settings.redis_url or ""))
        election.lead(factories.worker(_lean(settings)), bell.RELAY_LOCK, feed.tick, bell.TICK_SECONDS, stopping)


@click.command()
@click.pass_obj
def scheduler(factories: Factories) -> None:
    """Do what happens by the clock and tell shops what they may sell (may run on every host; one of them works)."""
    from jobs import election, offers, schedule

    log.install()
    stopping = election.stop_event()
    with engines.running(installation.from_env()) as settings:
        clockwork, pusher = schedule.Scheduler(), offers.Pusher()
        app = factories.worker(replace(settings, web_threads=6))
        with election.beside(
            lambda: election.lead(app, offers.OFFERS_LOCK, pusher.tick, offers.TICK_SECONDS, stopping), stopping
        ):
            election.lead(app, schedule.SCHEDULE_LOCK, clockwork.tick, schedule.TICK_SECONDS, stopping)


@click.command("demo-market", hidden=True)
@click.pass_obj
def demo_market(factories: Factories) -> None:
    """Sell in the demo's shops, so that orders arrive live."""
    from jobs import election
    from jobs.demo import free_port

    log.install()
    stopping = election.stop_event()
    with engines.running(installation.from_env(demo=True), need_redis=False) as settings:
        app = factories.worker(_lean(settings))
        factories.demo_market(app, free_port(settings.port + 30), address(settings), stopping)


def _lean(settings: Settings) -> Settings:
    """A background process needs few connections."""
    return replace(settings, web_threads=2)


COMMANDS = (up, steward, web, worker, relay, scheduler, demo_market)
