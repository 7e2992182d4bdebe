"""Work on what waits: map a product's name, mend cells, let records go the same way in as all others, or close them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.importing import ledger, pipeline
from oms.intake.models import IntakeItem, IntakeRow, IntakeRun
from oms.intake.states import Outcome, RunStatus
from oms.usecases.catalog_channels import MapChannelSku, map_channel_sku
from oms.usecases.intake import get_run
from oms.usecases.intake_orders import sku_meanings

RELEASE_AT_ONCE = 500  # records let go in one transaction


@dataclass(frozen=True)
class MapAndRelease:
    """What a shop's word for a product means; every waiting order with that word is tried again."""

    shop_id: int
    external_sku: str
    sku_id: int
    multiplier: int = 1


@dataclass(frozen=True)
class MendItem:
    """Cells of one record as they should be: line -> {column number: text}. The file itself stays as it came."""

    run_id: int
    no: int
    cells: Mapping[int, Mapping[int, str]]


@dataclass(frozen=True)
class Released:
    """How many records went in, and how many still wait."""

    released: int
    waiting: int


def map_and_release(tx: Tx, cmd: MapAndRelease) -> Released:
    """Teach the shop's SKU map one word and let go what waited for it."""
    tx.actor.require("intake.resolve")
    known = sku_meanings(tx, cmd.shop_id, {cmd.external_sku}).get(cmd.external_sku)
    if known is None or (known.sku_id, known.multiplier) != (cmd.sku_id, cmd.multiplier):
        # who may mend quarantined rows may say what a word in them means; no other part of the catalog opens to them
        able = replace(tx, actor=replace(tx.actor, actions=tx.actor.actions | {"catalog.edit"}))
        map_channel_sku(able, MapChannelSku(cmd.shop_id, cmd.external_sku, cmd.sku_id, cmd.multiplier))
    waiting = (
        select(IntakeItem.run_id, IntakeItem.no)
        .where(
            IntakeItem.shop_id == cmd.shop_id,
            IntakeItem.outcome == Outcome.QUARANTINED,
            IntakeItem.closed_at.is_(None),
            IntakeItem.unknown_skus.contains([cmd.external_sku]),
        )
        .order_by(IntakeItem.run_id, IntakeItem.no)
        .limit(RELEASE_AT_ONCE)
    )
    runs: dict[int, list[int]] = {}
    for run_id, no in tx.session.execute(waiting):
        runs.setdefault(run_id, []).append(no)
    released = still = 0
    for run_id, numbers in runs.items():
        done = release(tx, run_id, numbers)
        released, still = released + done.released, still + done.waiting
    return Released(released, still)


def mend_and_release(tx: Tx, cmd: MendItem) -> Released:
    """Keep the mended cells beside the raw ones and take the record in again."""
    tx.actor.require("intake.resolve")
    run, item = open_item(tx, cmd.run_id, cmd.no)
    lines = set(
        tx.session.scalars(select(IntakeRow.line).where(IntakeRow.run_id == run.id, IntakeRow.item_no == item.no))
    )
    width = len(run.headers or [])
    mended = {line: dict(cells) for line, cells in (item.mended or {}).items()}
    for line, cells in cmd.cells.items():
        if line not in lines or any(not 0 <= column < width for column in cells):
            raise InvalidInput(say("This cell is not part of the record"), code="cell_unknown")
        mended.setdefault(str(line), {}).update({str(column): text.strip()[:4000] for column, text in cells.items()})
    item.mended = mended
    tx.session.flush()  # the record is read back with its mended cells
    audit.record(tx, "intake.mended", "intake_run", run.id, f"{run.file_name} · {item.key}", after={"cells": mended})
    return release(tx, run.id, [item.no])


def open_item(tx: Tx, run_id: int, no: int) -> tuple[IntakeRun, IntakeItem]:
    """A waiting record and its run, locked. Raises NotFound or Refused."""
    run = get_run(tx, run_id, lock=True)
    item = tx.session.get(IntakeItem, (run_id, no), populate_existing=True)
    if item is None:
        raise NotFound(say("There is no such record"), code="item_not_found")
    if item.outcome is not Outcome.QUARANTINED or item.closed_at is not None:
        raise Refused(say("This record does not wait any more"), code="item_not_open")
    return run, item


def release(tx: Tx, run_id: int, numbers: Sequence[int]) -> Released:
    """Try waiting records again, the way they would have gone in; the ledger follows."""
    tx.actor.require("intake.resolve")
    run = get_run(tx, run_id, lock=True)
    if run.status not in {RunStatus.DONE, RunStatus.CANCELED}:
        raise Refused(say("This import is still being worked on"), code="run_busy")
    statement = select(IntakeItem.no, IntakeItem.key).where(
        IntakeItem.run_id == run_id,
        IntakeItem.no.in_(numbers),
        IntakeItem.outcome == Outcome.QUARANTINED,
        IntakeItem.closed_at.is_(None),
    )
    items = [(no, key) for no, key in tx.session.execute(statement.order_by(IntakeItem.no))]
    if not items:
        return Released(0, 0)
    able = replace(tx, actor=pipeline.with_verbs(tx.actor, run.kind))
    taken = pipeline.source_of(run).take(able, run, pipeline.load_records(tx, run_id, items), rehearse=False)
    tx.session.flush()  # the notes are written by SQL
    ledger.note(tx, run, taken, writing=True)
    ledger.write(tx, run)
    waiting = sum(1 for t in taken if t.outcome is Outcome.QUARANTINED)
    audit.record(
        tx, "intake.released", "intake_run", run.id, run.file_name, after={"released": len(taken) - waiting,
        "waiting": waiting, "keys": [key for _, key in items][:20]},
    )  # fmt: skip
    return Released(len(taken) - waiting, waiting)


def close_item(tx: Tx, run_id: int, no: int, reason: str) -> None:
    """Say that a waiting record needs no work any more, and why. It stays counted as quarantined."""
    tx.actor.require("intake.resolve")
    if not reason.strip():
        raise InvalidInput(say("Say in a few words why"), field="reason", code="reason_missing")
    run, item = open_item(tx, run_id, no)
    item.closed_at, item.closed_why = clock.now(), reason.strip()[:300]
    audit.record(tx, "intake.closed", "intake_run", run.id, f"{run.file_name} · {item.key}", reason=reason)
