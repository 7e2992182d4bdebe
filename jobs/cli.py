"""The command ``oms``."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import click
from flask import Flask

from jobs import cli_channels, cli_chat, cli_checks, cli_files, cli_run, cli_secrets, cli_slips
from jobs.runtime import engines
from oms import settings as installation
from oms.db import db
from oms.errors import OmsError


class Factory(Protocol):
    """Builds a program: with the panel or without."""

    def __call__(self, settings: installation.Settings, *, owner: bool = False) -> Flask: ...


@dataclass(frozen=True)
class Factories:
    """What the composition root hands to the commands, so that they need not know the panel."""

    worker: Factory
    web: Factory
    sync: Callable[[Flask], object]  # writes the panel's permissions and roles
    first_owner: Callable[[Flask], str | None]  # makes the first login when there is none; its password
    demo_users: Callable[[Flask, str], dict[str, tuple[int, str]]]  # one login per role: (id, name) by role
    sandbox: Callable[..., None]  # plays other people's systems until told
    demo_market: Callable[[Flask, int, str, threading.Event], None]  # sells in the demo's shops until told
    demo_site: Callable[
        [Flask, dict[str, tuple[int, str]], installation.Settings, int], bool
    ]  # the demo's remote warehouse


class Sentences(click.Group):
    """Shows a refusal as its sentence, and nothing of where in the code it came from."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OmsError as refusal:
            for problem in refusal.problems():
                click.echo(f"oms: {problem.message}", err=True)
            sys.exit(1)


@click.group(cls=Sentences)
def oms() -> None:
    """Ruam: orders of many channels on one desk."""
    logging.getLogger("flask_appbuilder").setLevel(logging.ERROR)  # its advice is about screens that we do not use


@oms.group()
def migrations() -> None:
    """The schema's history."""


@migrations.command("new")
@click.argument("message")
@click.pass_obj
def migrations_new(factories: Factories, message: str) -> None:
    """Write the next migration from what the models have and a fresh database has not."""
    from jobs.runtime.scratch import scratch_database
    from migrations import steps

    with scratch_database() as settings:
        app = factories.worker(settings, owner=True)
        with app.app_context(), db.engine.connect() as connection:
            steps.upgrade(connection)
            click.echo(str(steps.new(connection, message)))


@migrations.command("check")
@click.pass_obj
def migrations_check(factories: Factories) -> None:
    """Up from empty, compare with the models, one down and up again. Exit 1 when anything differs."""
    from jobs.runtime.scratch import scratch_database
    from migrations import steps

    with scratch_database() as settings:
        app = factories.worker(settings, owner=True)
        with app.app_context(), db.engine.connect() as connection:
            steps.upgrade(connection)
            differences = steps.difference(connection)
            for difference in differences:
                click.echo(f"the models and the migrations differ: {difference}", err=True)
            connection.rollback()
            steps.downgrade(connection)
            steps.upgrade(connection)
            click.echo(f"migrations: up from empty to {steps.current(connection)}, one down and up again")
    if differences:
        sys.exit(1)


@oms.command()
@click.pass_obj
def init(factories: Factories) -> None:
    """Bring the schema, the permissions and the first owner about. Safe to repeat."""
    from jobs import initialize

    with engines.running(installation.from_env(), need_redis=False) as settings:
        done = initialize.everything(factories, settings)
    click.echo(f"schema at {done.revision}")
    for line in initialize.sentences(done):
        click.echo(line)


for commands in (cli_run, cli_channels, cli_checks, cli_files, cli_slips, cli_secrets, cli_chat):
    for command in commands.COMMANDS:
        oms.add_command(command)
