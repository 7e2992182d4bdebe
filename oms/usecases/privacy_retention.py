"""What came raw is dropped when its term is over: lines of files, files as they came, pictures of slips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select, update

from oms import audit, clock
from oms.db import Tx
from oms.intake.files import path_of
from oms.intake.models import IntakeItem, IntakeRow, IntakeRun
from oms.intake.states import Outcome, RunStatus
from oms.orders.attachments import OrderAttachment
from oms.orders.models import Order
from oms.payments.slip_models import Slip
from oms.usecases.privacy import rules_of
from oms.usecases.privacy_erase import ERASED
from oms.usecases.privacy_words import MOST, purge_words

BATCH: Final = 50
OVER: Final = (RunStatus.DONE, RunStatus.CANCELED, RunStatus.REFUSED)


@dataclass(frozen=True)
class Purged:
    """How many were dropped. ``more``: a batch was full, so ask again."""

    runs: int = 0
    slips: int = 0
    files: int = 0
    words: int = 0

    @property
    def more(self) -> bool:
        return BATCH in {self.runs, self.slips, self.files} or self.words >= MOST


def purge_old(tx: Tx, root: Path) -> Purged:
    """Drop one batch of what is over its term. A file goes before its record, so that a crash in between leaves a
    record that is taken up again."""
    rules, now = rules_of(tx), clock.now()
    done = Purged(
        _purge_runs(tx, root, now - timedelta(days=rules.intake_days)),
        _purge_slips(tx, root, now - timedelta(days=rules.slip_days)),
        drop_erased(tx, root),
        purge_words(tx, now - timedelta(days=rules.intake_days)),
    )
    if done != Purged():
        after = {"runs": done.runs, "slips": done.slips, "files": done.files, "words": done.words}
        audit.record(tx, "privacy.purged", "retention_rules", 1, "retention", after=after)
    return done


def _purge_runs(tx: Tx, root: Path, before: datetime) -> int:
    """Lines and files of runs that are over; a run with rows in quarantine keeps them until they are dealt with."""
    waiting = select(IntakeItem.run_id).where(
        IntakeItem.run_id == IntakeRun.id, IntakeItem.outcome == Outcome.QUARANTINED, IntakeItem.closed_at.is_(None)
    )
    rows = tx.session.scalars(
        select(IntakeRun)
        .where(
            IntakeRun.purged_at.is_(None), IntakeRun.created_at < before, IntakeRun.status.in_(OVER), ~waiting.exists()
        )
        .order_by(IntakeRun.created_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()  # fmt: skip
    for run in rows:
        _unlink(root, [run.file_key])
        tx.session.execute(delete(IntakeRow).where(IntakeRow.run_id == run.id))
        tx.session.execute(
            update(IntakeItem)
            .where(IntakeItem.run_id == run.id, IntakeItem.mended.is_not(None))
            .values(mended=None)
            .execution_options(synchronize_session=False)
        )
        run.purged_at = clock.now()
    return len(rows)


def _purge_slips(tx: Tx, root: Path, before: datetime) -> int:
    """Pictures of decided slips and who paid; reference and amount stay, so that no slip is used again."""
    rows = tx.session.scalars(
        select(Slip)
        .where(Slip.picture_key != "", Slip.decided_at < before)
        .order_by(Slip.decided_at)
        .limit(BATCH)
        .with_for_update(of=Slip, skip_locked=True)
    ).all()
    for slip in rows:
        _unlink(root, [slip.picture_key, slip.thumb_key, slip.raw_key])
        slip.picture_key = slip.thumb_key = slip.raw_key = slip.payer_name = slip.file_name = ""
        slip.receiver = None
    return len(rows)


def drop_erased(tx: Tx, root: Path) -> int:
    """The files of pictures that were erased with their person. A picture other orders show stays for them."""
    rows = tx.session.scalars(
        select(OrderAttachment)
        .where(OrderAttachment.removed_by == ERASED, OrderAttachment.file_key != "")
        .order_by(OrderAttachment.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        others = (
            select(OrderAttachment.id)
            .join(Order, Order.id == OrderAttachment.order_id)
            .where(OrderAttachment.file_key == row.file_key, OrderAttachment.removed_by != ERASED)
        )
        if tx.session.scalar(others.limit(1)) is None:
            _unlink(root, [row.file_key, row.thumb_key])
        row.file_key = row.thumb_key = ""
    return len(rows)


def _unlink(root: Path, keys: Iterable[str]) -> None:
    for key in keys:
        if key:
            path_of(root, key).unlink(missing_ok=True)
