"""The ledger of a run: every row received is created, updated, unchanged, quarantined or rejected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, func, select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from oms import clock
from oms.db import Tx
from oms.intake.models import IntakeItem, IntakeRun
from oms.intake.queries import one_of
from oms.intake.states import Outcome
from oms.usecases.intake_orders import Taken

_NOTE = """
UPDATE intake_items i SET {column} = d.outcome, subject_id = d.subject, problems = NULL, unknown_skus = NULL
FROM unnest(CAST(:nos AS int[]), CAST(:outcomes AS varchar[]), CAST(:subjects AS bigint[])) AS d(no, outcome, subject)
WHERE i.run_id = :run AND i.no = d.no
"""
_COVERS = text(
    "SELECT min(i.placed_at), max(i.placed_at) FROM intake_items t JOIN imported_orders i"
    " ON i.shop_id = :shop AND i.external_no = t.key WHERE t.run_id = :run AND t.outcome IS NOT NULL"
)
_NOTES = {True: text(_NOTE.format(column="outcome")), False: text(_NOTE.format(column="planned"))}


def note(tx: Tx, run: IntakeRun, taken: Sequence[Taken], *, writing: bool) -> None:
    """Write down what became of records; a rehearsal names no record it would have made."""
    tx.session.execute(
        _NOTES[writing],
        {
            "run": run.id,
            "nos": [t.no for t in taken],
            "outcomes": [t.outcome.value for t in taken],
            "subjects": [t.order_id if writing or t.outcome is not Outcome.CREATED else None for t in taken],
        },
    )
    bad = [
        {
            "r": run.id,
            "n": t.no,
            "words": [p.as_json() for p in t.problems],
            "skus": list(t.unknown_skus) or None,
        }
        for t in taken
        if t.problems
    ]
    if bad:
        statement = (
            update(IntakeItem.__table__)  # type: ignore[arg-type]  # the table, so that many rows go in one call
            .where(IntakeItem.run_id == bindparam("r"), IntakeItem.no == bindparam("n"))
            .values(problems=bindparam("words"), unknown_skus=bindparam("skus"))
        )
        tx.session.execute(statement, bad)


def count(tx: Tx, run: IntakeRun, column: InstrumentedAttribute[Outcome | None]) -> dict[str, Any]:
    """Rows and orders by outcome, as stored, shown and printed."""
    found = tx.session.execute(
        select(column, func.sum(IntakeItem.rows), func.count()).where(IntakeItem.run_id == run.id).group_by(column)
    ).all()
    rows = {outcome: int(total) for outcome, total, _ in found}
    records = {outcome: int(number) for outcome, _, number in found}
    told: dict[str, Any] = {o.value: rows.get(o, 0) for o in Outcome}
    if run.source != "file":  # words of a channel that said nothing new were counted and not kept
        told[Outcome.UNCHANGED.value] += run.received - sum(rows.values())
    return {
        "received": run.received,
        **told,
        "records": {"received": run.items, **{o.value: records.get(o, 0) for o in Outcome}},
    }


def write(tx: Tx, run: IntakeRun) -> None:
    """Put the five counters of the written records on the run."""
    written = count(tx, run, IntakeItem.outcome)
    run.covers_from, run.covers_to = tx.session.execute(_COVERS, {"run": run.id, "shop": run.shop_id}).one()
    run.written = written
    for outcome in Outcome:
        setattr(run, outcome.value, written[outcome.value])


def close_older(tx: Tx, run: IntakeRun, keys: Sequence[str]) -> None:
    """A newer file speaks of the same orders: what an older file left in quarantine is answered by it."""
    if run.shop_id is not None and keys:
        _close(tx, run, keys, IntakeItem.shop_id == run.shop_id)


def close_older_files(tx: Tx, run: IntakeRun, keys: Sequence[str]) -> None:
    """A newer file of this carrier says the same again and it went in: nobody needs to look at the older row."""
    if keys:
        mine = (IntakeRun.id == IntakeItem.run_id, IntakeRun.kind == run.kind, IntakeRun.carrier == run.carrier)
        _close(tx, run, keys, exists().where(*mine))


def _close(tx: Tx, run: IntakeRun, keys: Sequence[str], which: ColumnElement[bool]) -> None:
    tx.session.execute(
        update(IntakeItem)
        .where(
            which,
            one_of(IntakeItem.key, set(keys)),
            IntakeItem.outcome == Outcome.QUARANTINED,
            IntakeItem.closed_at.is_(None),
            IntakeItem.run_id < run.id,
        )
        .values(closed_at=clock.now(), closed_why=f"newer file: run {run.id}")
        .execution_options(synchronize_session=False)
    )
