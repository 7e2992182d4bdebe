"""``oms sync SHOP``: one reading of a shop here and now, its ledger printed."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from jobs.runtime import engines
from oms import clock
from oms import settings as installation
from oms.actor import system
from oms.db import db, transaction
from oms.usecases.channel_intake import TERMS, Ledger

if TYPE_CHECKING:
    from jobs.cli import Factories


@click.command()
@click.argument("shop")
@click.option("--since", default="", help="Read what changed since then (2026-11-28 or 2026-11-28T09:00) again.")
@click.option("--json", "as_json", is_flag=True, help="Print the ledger as JSON.")
@click.pass_obj
def sync(factories: Factories, shop: str, *, since: str, as_json: bool) -> None:
    """Read the shop with code SHOP once. Exit 0 when its ledger closes, 1 when the channel did not answer."""
    begin = clock.aware(datetime.fromisoformat(since)) if since else None
    with engines.running(installation.from_env(), need_redis=False) as settings:
        app = factories.worker(settings)
        with app.app_context():
            answer = read_once(shop, begin)
            db.session.remove()
            db.engine.dispose()
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else in_words(answer))
    sys.exit(0 if answer["closes"] and not answer["error"] else 1)


def read_once(code: str, since: datetime | None) -> dict[str, Any]:
    """One sync and what came of it; an error is told beside what was taken in before it."""
    from jobs import channels
    from jobs.channel_line import LeftAlone
    from oms.channels.port import ChannelError
    from oms.usecases.channel_lease import of_shop
    from oms.usecases.channels import shop_by_code

    actor = system("oms sync", source="cli")
    with transaction(actor) as tx:
        connection_id = of_shop(tx, shop_by_code(tx, code).id).id
    error, told = "", Ledger()
    try:
        found = channels.sync(lambda: transaction(actor), connection_id, since=since, told=told)
        if found is None:
            error = "somebody reads this shop at this moment"
    except (ChannelError, LeftAlone) as trouble:
        error = str(trouble)
    return {"shop": code, **{term: getattr(told, term) for term in TERMS}, "pages": told.pages, "run": told.run_id,
            "closes": told.closes, "error": error}  # fmt: skip


def in_words(answer: dict[str, Any]) -> str:
    """The same for a reader."""
    total = " + ".join(f"{answer[term]} {term}" for term in TERMS[1:])
    line = f"{answer['shop']}: {answer['received']} orders = {total}"
    return f"{line}\n{answer['error']}" if answer["error"] else line


COMMANDS = (sync,)
