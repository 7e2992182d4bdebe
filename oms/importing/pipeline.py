"""A run from file to ledger: staged, then every record taken in, first as a rehearsal, then for good.

The rehearsal is the same code in a savepoint that is undone, so what it shows is what the writing gives. Records are
taken in batches, each in its own transaction together with the note of what became of it: a run that is killed or
stopped goes on with the records that have no outcome, and repeating it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from oms import audit, clock
from oms.actor import Actor
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import OmsError
from oms.importing import ledger
from oms.importing.channels import ChannelSource
from oms.importing.cod import CodSource, find_cod
from oms.importing.masters import MasterSource
from oms.importing.orders import OrderSource
from oms.importing.sources import Found, Record, Source, find_table, order_format
from oms.importing.staging import Unit, stage
from oms.importing.statements import StatementSource, find_statement
from oms.importing.tracking import NumberSource, find_numbers
from oms.intake import files
from oms.intake.models import IntakeItem, IntakeRow, IntakeRun
from oms.intake.queries import one_of
from oms.intake.records import RawRow
from oms.intake.states import INTAKE_RUN, IntakeKind, RunStatus
from oms.payments.models import ReceivingAccount
from oms.staff.queries import scope_of
from oms.usecases.intake import get_run
from oms.usecases.intake_orders import Taken

VERBS: dict[IntakeKind, frozenset[str]] = {  # what taking a file in does on behalf of whoever may import it
    IntakeKind.ORDERS: frozenset({
        "intake.import", "order.create", "order.confirm", "order.cancel", "order.hold",
    }),
    IntakeKind.PRODUCTS: frozenset({"intake.import", "catalog.edit"}),
    IntakeKind.CUSTOMERS: frozenset({"intake.import", "customer.edit"}),
    IntakeKind.STOCK: frozenset({"intake.import", "stock.adjust", "stock.receive"}),
    IntakeKind.STATEMENT: frozenset({"payment.statement"}),
    IntakeKind.COD: frozenset({"payment.cod"}),
    IntakeKind.TRACKING: frozenset({"shipment.track"}),
}  # fmt: skip
FILE = "file"
CHUNK = 500  # records taken in one transaction
Beat = Callable[[Tx], None]


def _quiet(_: Tx) -> None:
    """Nobody waits for a sign of life."""


NAMES_PLACES = frozenset({IntakeKind.STOCK, IntakeKind.TRACKING})  # files whose rows say which warehouse they are about


class _Rehearsed(Exception):
    """Everything was tried; nothing of it stays."""


def with_verbs(actor: Actor, kind: IntakeKind) -> Actor:
    """An actor who may import, able to do what the records of that kind need: a channel's cancellation cancels, also
    when a clerk takes the file in who may not cancel by hand."""
    return replace(actor, actions=actor.actions | VERBS[kind])


def clerk(tx: Tx, run: IntakeRun, *, may_see_cost: bool = False) -> Actor:
    """Whoever uploaded a file, coming in through it: the background writes on their behalf, and the audit says so. A
    file of stock or of tracking numbers names rows of any warehouse and shop; it reaches those the clerk sees."""
    extra = {"stock.cost"} if may_see_cost else set()
    actor = Actor(
        "user", run.user_label, run.user_id, actions=VERBS[run.kind] | extra, source="csv", discount_limit=100
    )
    if run.kind not in NAMES_PLACES or run.user_id is None:
        return actor
    scope = scope_of(tx.session, run.user_id)
    return replace(actor, warehouses=scope.warehouses, shops=scope.shops, own_orders_only=scope.own_orders_only)


def carry_out(unit: Unit, root: Path, run_id: int, beat: Beat = _quiet) -> RunStatus:
    """Bring a run to its next resting place: checked, done, stopped or refused. ``root`` is the file store.

    ``beat`` is called in every transaction, so that whoever gave the work out knows that it goes on.
    """
    with unit() as tx:
        run = get_run(tx, run_id, lock=True)
        if run.status is RunStatus.UPLOADED:
            INTAKE_RUN.fire(run, "check")
        writing = run.status is RunStatus.COMMITTING
        staged, busy = run.staged, run.status in {RunStatus.CHECKING, RunStatus.COMMITTING}
        beat(tx)
        status = run.status
    if not busy:
        return status
    if not staged:
        try:
            _stage(unit, root, run_id, beat)
        except OmsError as refusal:
            return _refuse(unit, run_id, refusal)
    rest = None
    while rest is None:
        rest = _next_batch(unit, run_id, beat, writing=writing)
    if rest is RunStatus.CHECKED and _goes_on(unit, run_id):
        return carry_out(unit, root, run_id, beat)
    return rest


def _goes_on(unit: Unit, run_id: int) -> bool:
    """A run that was to be written at once is written after its check."""
    with unit() as tx:
        run = get_run(tx, run_id, lock=True)
        if run.commit_after_check:
            INTAKE_RUN.fire(run, "commit")
            run.progress = 0
        return run.commit_after_check


def _stage(unit: Unit, root: Path, run_id: int, beat: Beat) -> None:
    with unit() as tx:
        run = get_run(tx, run_id)
        shop = tx.session.get(Shop, run.shop_id) if run.shop_id else None
        account = tx.session.get(ReceivingAccount, run.account_id) if run.account_id else None
        tx.session.expunge_all()  # read on without a transaction
    path = files.path_of(root, run.file_key)
    found = _find(path, run, shop, account)
    with unit() as tx:
        kept = get_run(tx, run_id, lock=True)
        kept.format, kept.findings = found.format, found.findings
    run.findings = found.findings
    source = _source(run, found.format, found.headings)
    stage(unit, run_id, source, found, beat)


def _find(path: Path, run: IntakeRun, shop: Shop | None, account: ReceivingAccount | None) -> Found:
    if run.kind is IntakeKind.STATEMENT:
        return find_statement(path, run, account)
    if run.kind is IntakeKind.TRACKING:
        return find_numbers(path, run)
    return find_cod(path, run) if run.kind is IntakeKind.COD else find_table(path, run, shop)


def _source(run: IntakeRun, form: str, headings: Sequence[str]) -> Source:
    if run.kind is IntakeKind.STATEMENT:
        return StatementSource.of(run, form, headings)
    if run.kind is IntakeKind.COD:
        return CodSource.of(run, headings)
    if run.kind is IntakeKind.TRACKING:
        return NumberSource.of(run, headings)
    if run.kind is not IntakeKind.ORDERS:
        return MasterSource.of(run.kind, headings)
    run.format = form
    return OrderSource.of(order_format(run, None), headings)


def source_of(run: IntakeRun) -> Source:
    """How the records of a staged run are read."""
    if run.source != FILE and run.shop_id is not None:
        return ChannelSource(run.shop_id)
    return _source(run, run.format, run.headers or [])


def _refuse(unit: Unit, run_id: int, refusal: OmsError) -> RunStatus:
    """Note why a file could not be read at all; nothing of it was taken in."""
    with unit() as tx:
        run = get_run(tx, run_id, lock=True)
        facts = {k: v if isinstance(v, str | int) else str(v) for k, v in refusal.facts.items()}
        run.refusal = {"code": refusal.detail_code, "template": refusal.message.template, "facts": facts}
        if INTAKE_RUN.refusal(run, "refuse") is None:
            INTAKE_RUN.fire(run, "refuse")
        run.finished_at = clock.now()
        audit.record(tx, "intake.refused", "intake_run", run.id, run.file_name, reason=str(refusal))
        return run.status


def _next_batch(unit: Unit, run_id: int, beat: Beat, *, writing: bool) -> RunStatus | None:
    """Take the next batch in; the resting place when there was none left, None when there may be more."""
    with unit() as tx:
        run = get_run(tx, run_id, lock=True)
        beat(tx)
        if run.status not in {RunStatus.CHECKING, RunStatus.COMMITTING}:
            return run.status
        if run.cancel_requested:
            INTAKE_RUN.fire(run, "cancel")
            run.finished_at, run.cancel_requested = clock.now(), False
            ledger.write(tx, run)
            return run.status
        records = _records(tx, run, writing=writing)
        if not records:
            return _rest(tx, run, writing=writing)
        taken = _take(tx, run, records, rehearse=False) if writing else _rehearse(tx, run, records)
        ledger.note(tx, run, taken, writing=writing)
        run.progress += len(records)
        return None


def _take(tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:
    taken = source_of(run).take(tx, run, records, rehearse=rehearse)
    tx.session.flush()  # the notes are written by SQL
    ledger.close_older(tx, run, [r.key for r in records if r.key])
    return taken


def _rehearse(tx: Tx, run: IntakeRun, records: Sequence[Record]) -> list[Taken]:
    taken: list[Taken] = []
    tx.session.flush()
    try:
        with tx.session.begin_nested():
            taken = _take(tx, run, records, rehearse=True)
            raise _Rehearsed  # noqa: TRY301  raised to undo the savepoint
    except _Rehearsed:
        tx.session.expire_all()
    return taken


def _rest(tx: Tx, run: IntakeRun, *, writing: bool) -> RunStatus:
    if writing:
        ledger.write(tx, run)
        INTAKE_RUN.fire(run, "finish")
        audit.record(tx, "intake.finished", "intake_run", run.id, run.file_name, after=run.written)
    else:
        run.planned = ledger.count(tx, run, IntakeItem.planned)
        INTAKE_RUN.fire(run, "checked")
    run.finished_at = clock.now()
    return run.status


def _records(tx: Tx, run: IntakeRun, *, writing: bool) -> list[Record]:
    """The next records without an outcome, with their rows."""
    open_items = IntakeItem.outcome.is_(None) if writing else IntakeItem.planned.is_(None)
    items = tx.session.execute(
        select(IntakeItem.no, IntakeItem.key)
        .where(IntakeItem.run_id == run.id, open_items)
        .order_by(IntakeItem.no)
        .limit(CHUNK)
    ).all()
    return load_records(tx, run.id, [(no, key) for no, key in items])


def load_records(tx: Tx, run_id: int, items: Sequence[tuple[int, str]]) -> list[Record]:
    """Records with their rows, as mended."""
    numbers = [no for no, _ in items]
    changes = select(IntakeItem.no, IntakeItem.mended).where(
        IntakeItem.run_id == run_id, one_of(IntakeItem.no, numbers), IntakeItem.mended.is_not(None)
    )
    mended: dict[int, dict[str, Any] | None] = {row.no: row.mended for row in tx.session.execute(changes)}
    rows: dict[int, list[RawRow]] = {no: [] for no in numbers}
    statement = (
        select(IntakeRow.item_no, IntakeRow.line, IntakeRow.cells)
        .where(IntakeRow.run_id == run_id, one_of(IntakeRow.item_no, numbers))
        .order_by(IntakeRow.item_no, IntakeRow.line)
    )
    for number, line, cells in tx.session.execute(statement):
        changed = (mended.get(number) or {}).get(str(line), {})
        for column, value in changed.items():
            index = int(column)
            cells.extend([""] * (index + 1 - len(cells)))
            cells[index] = value
        rows[number].append(RawRow(line, cells))
    return [Record(no, key, rows[no]) for no, key in items]
