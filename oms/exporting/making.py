"""An export: asked for by somebody who may, written down in the audit log, made from what they may see, fetched once
or often until its time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session

from oms import audit, clock, outbox
from oms.actor import Actor
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, say
from oms.exporting import writing
from oms.exporting.filtering import narrow
from oms.exporting.lists import find_list
from oms.exporting.shape import COST, PHONE, ExportList
from oms.intake import files
from oms.intake.models import ExportRun, StoredFile
from oms.thai.phone import mask_phone

TOPIC = "export.make"
AT_ONCE = 5_000  # rows made while the reader waits; more goes to the background
KEPT_FOR = timedelta(days=7)
Translate = Callable[[str], str]


@dataclass(frozen=True)
class AskExport:
    """Which list, narrowed how, which columns (none: all this person may see), csv or xlsx. ``queue`` False: the caller
    makes the file, however long it is."""

    list_name: str
    filters: Mapping[str, str]
    columns: Sequence[str] = ()
    form: str = "csv"
    queue: bool = True


@dataclass(frozen=True)
class ExportAsked:
    """``at_once``: few enough rows to make the file while the reader waits; else the background makes it."""

    run_id: int
    at_once: bool


def ask_export(tx: Tx, cmd: AskExport) -> ExportAsked:
    """Put an export on record and in the audit log. Raises Forbidden, NotFound or InvalidInput."""
    tx.actor.require("export.run")
    wanted = find_list(cmd.list_name)
    tx.actor.require(wanted.needs)
    if cmd.form not in writing.FORMS:
        raise InvalidInput(say("Choose CSV or Excel"), field="form", code="export_form")
    columns = chosen(wanted, tx.actor, cmd.columns)
    filters = {k: v for k, v in cmd.filters.items() if v and k not in {"page", "size", "sort", "format"}}
    few = _few(tx, statement_of(wanted, tx.actor, filters, columns))
    run = ExportRun(
        list_name=wanted.name, filters=filters, columns=columns, form=cmd.form, scope=scope_of(tx.actor),
        user_id=tx.actor.user_id, user_label=tx.actor.label, created_at=clock.now(),
    )  # fmt: skip
    tx.session.add(run)
    tx.session.flush()  # the audit row and the work name it
    after = {"list": wanted.name, "filters": filters, "columns": columns, "form": cmd.form}
    audit.record(tx, "export.run", "export", run.id, wanted.name, after=after)
    if not few and cmd.queue:
        outbox.add(tx, TOPIC, f"{TOPIC}:{run.id}", run_id=run.id)
    return ExportAsked(run.id, few)


def _few(tx: Tx, statement: Select[Any]) -> bool:
    inner = statement.with_only_columns(literal(1), maintain_column_froms=True).order_by(None).limit(AT_ONCE + 1)
    return (tx.session.scalar(select(func.count()).select_from(inner.subquery())) or 0) <= AT_ONCE


def chosen(wanted: ExportList, actor: Actor, names: Sequence[str]) -> list[str]:
    """The columns asked for, in the list's own order, without what this actor may not have."""
    allowed = wanted.allowed(actor)
    return [n for n in allowed if n in set(names)] or list(allowed)


def statement_of(wanted: ExportList, actor: Actor, filters: Mapping[str, str], columns: Sequence[str]) -> Select[Any]:
    """The rows this actor may see, under the filters, with the columns."""
    return narrow(wanted, wanted.rows(actor), filters).add_columns(
        *(wanted.columns[n].source.label(n) for n in columns)
    )


def scope_of(actor: Actor) -> dict[str, Any]:
    """What an actor may do and see, for the background that makes the file later."""
    return {
        "role": actor.role,
        "actions": sorted(actor.actions),
        "warehouses": None if actor.warehouses is None else sorted(actor.warehouses),
        "shops": None if actor.shops is None else sorted(actor.shops),
        "own_orders_only": actor.own_orders_only,
        "kind": actor.kind,
    }


def asker(run: ExportRun) -> Actor:
    """Whoever asked for an export, as they were then."""
    scope = run.scope
    return Actor(
        scope["kind"], run.user_label, run.user_id, scope["role"], frozenset(scope["actions"]),
        None if scope["warehouses"] is None else frozenset(scope["warehouses"]),
        None if scope["shops"] is None else frozenset(scope["shops"]), scope["own_orders_only"], source="job",
    )  # fmt: skip


def rows_of(session: Session, run: ExportRun) -> Iterator[list[Any]]:
    """The rows of an export, streamed. Phones are masked for those who may not see them whole."""
    wanted, actor = find_list(run.list_name), asker(run)
    statement = statement_of(wanted, actor, run.filters, run.columns)
    hidden = [] if actor.may(PHONE) else [i for i, n in enumerate(run.columns) if wanted.columns[n].needs == PHONE]
    for row in session.execute(statement.execution_options(yield_per=2000)):
        cells = list(row)
        for i in hidden:
            cells[i] = mask_phone(cells[i] or "")
        yield [_audited(cell, actor) if isinstance(cell, dict) else cell for cell in cells]


def _audited(facts: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """Before and after of an audit entry, without the numbers and costs this reader may not see."""
    shown = dict(facts)
    if not actor.may(PHONE):
        shown |= {k: mask_phone(v) for k, v in facts.items() if "phone" in k and isinstance(v, str)}
    if not actor.may(COST) and facts.get("cost") is not None:
        shown["cost"] = "…"
    return shown


def make(session: Session, run: ExportRun, root: Path, translate: Translate) -> tuple[files.Kept, int]:
    """Write the file of an export into the store; nothing is recorded yet."""
    wanted = find_list(run.list_name)
    key, path = files.new_path(root)
    headings = [translate(wanted.columns[n].label) for n in run.columns]
    count = writing.write(run.form, path, headings, rows_of(session, run))
    name = f"{run.list_name}-{clock.local(run.created_at):%Y%m%d-%H%M}.{run.form}"
    return files.measured(root, key, name), count


def finish(tx: Tx, run_id: int, kept: files.Kept, count: int) -> StoredFile:
    """Put the made file on record, for a week."""
    run = tx.session.get_one(ExportRun, run_id)
    run.rows, run.file_key, run.finished_at = count, kept.key, clock.now()
    return files.register(tx, kept, "export", writing.MIMES[run.form], clock.now() + KEPT_FOR)


def get_export(tx: Tx, run_id: int) -> ExportRun:
    """An export of one's own (the owner of the shop sees all). Raises NotFound."""
    tx.actor.require("export.run")
    run = tx.session.get(ExportRun, run_id)
    if run is None or (run.user_id != tx.actor.user_id and not tx.actor.may("staff.edit")):
        raise NotFound(say("There is no such export, or it is not yours"), code="export_not_found")
    return run
