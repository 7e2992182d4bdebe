"""``oms secrets renew`` and ``oms sandbox``: keys of stored secrets, and other people's systems to practice on."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click

from jobs.runtime import engines
from oms import settings as installation
from oms.actor import system
from oms.db import db, transaction

if TYPE_CHECKING:
    from jobs.cli import Factories


@click.group()
def secrets() -> None:
    """Keys and passwords that other systems gave us."""


@secrets.command()
@click.pass_obj
def renew(factories: Factories) -> None:
    """Seal everything with the first of OMS_ENCRYPTION_KEYS; then an old key may be taken out of it."""
    from oms.usecases.resealing import EVERYTHING, reseal

    with engines.running(installation.from_env(), need_redis=False) as settings:
        app = factories.worker(settings)
        with app.app_context():
            with transaction(system("oms secrets renew", source="cli")) as tx:
                count = reseal(tx, app.extensions["oms.sealer"], *EVERYTHING)
            db.session.remove()
            db.engine.dispose()
    click.echo(f"sealed anew: {count}")


@click.command()
@click.option("--port", default=8300, show_default=True, help="Port of this machine to listen on.")
@click.option("--rate", default=0.0, show_default=True, help="Orders a minute over all shops.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same goods, buyers and numbers.")
@click.option("--skus", default=60, show_default=True, help="Things on sale in every shop.")
@click.option("--pieces", default=1000, show_default=True, help="Pieces of each that a shop shows at first.")
@click.pass_obj
def sandbox(factories: Factories, port: int, rate: float, seed: int, skus: int, pieces: int) -> None:
    """Play channels, carriers and slip verifiers on this machine, strictly, with trouble on command."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    factories.sandbox(click.echo, stop, port=port, rate=rate, seed=seed, skus=skus, pieces=pieces)


COMMANDS = (secrets, sandbox)
