"""Printing itself: decide the next labels of a batch, one label at once, draw the file, put it on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from oms import clock
from oms.db import Tx, insert_rows
from oms.documents.labels.layout import plan
from oms.documents.labels.models import BatchStatus, LabelBatch, LabelPrint, LabelRow, RowStatus
from oms.documents.labels.papers import FORMS, Paper
from oms.errors import OmsError, Refused, say
from oms.intake import files
from oms.shipping import rules
from oms.shipping.models import Shipment
from oms.shipping.queries import Locked, lock_with_orders
from oms.shipping.states import BEFORE_HAND_OVER
from oms.usecases.gate import GateStep, Verdict, judge
from oms.usecases.labels import acting, give_up
from oms.usecases.labels_facts import Page, pages_of, read_around
from oms.usecases.labels_setup import Look, look_of
from oms.usecases.sentences import pack
from oms.usecases.shipping_work import check_printable, mark_labeled

AT_ONCE = 50  # decided in one transaction
KEPT_FOR = timedelta(days=7)  # labels hold names and addresses


@dataclass(frozen=True)
class PrintLabel:
    """The labels of one shipment, now. ``reason``: why they are printed again."""

    shipment_id: int
    paper: Paper | None = None
    reason: str = ""


@dataclass(frozen=True)
class LabelReady:
    """What to print, on which paper."""

    shipment_id: int
    number: str
    paper: Paper
    look: Look
    pages: tuple[Page, ...]


@dataclass(frozen=True)
class Progress:
    """How far the deciding of a batch is. ``over``: nothing is left to decide."""

    total: int
    done: int
    over: bool


def print_next(tx: Tx, batch_id: int, most: int = AT_ONCE) -> Progress:
    """Decide the next shipments of a batch: put their labels on record, or write down why not. Call until ``over``.

    The same shipment in two batches at once is printed by the first; the other says so, unless it has a reason.
    """
    batch = tx.session.scalars(
        select(LabelBatch).where(LabelBatch.id == batch_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if batch.canceled_at is not None:
        give_up(tx, batch)
    waiting = select(LabelRow).where(LabelRow.batch_id == batch_id, LabelRow.status == RowStatus.WAITING)
    rows = list(tx.session.scalars(waiting.order_by(LabelRow.position).limit(most)))
    if batch.status is BatchStatus.WAITING:
        batch.status = BatchStatus.RUNNING
    if rows:
        decided = _decide(acting(tx, batch), [r.shipment_id or 0 for r in rows], _look(batch), batch.reason, batch.id)
        for row in rows:
            _write(row, decided[row.shipment_id or 0])
        printed = [r for r in rows if r.status is RowStatus.PRINTED]
        batch.printed += len(printed)
        batch.refused += len(rows) - len(printed)
        batch.labels += sum(len(r.facts or ()) for r in printed)
        tx.session.flush()
    return Progress(batch.total, batch.done, len(rows) < most)


def _look(batch: LabelBatch) -> Look:
    return Look.from_json(batch.paper, batch.options)


def _write(row: LabelRow, outcome: Sequence[Page] | OmsError) -> None:
    if isinstance(outcome, OmsError):
        row.status, row.code, row.message = RowStatus.REFUSED, outcome.detail_code[:64], pack(outcome.message)
    else:
        row.status, row.facts = RowStatus.PRINTED, [page.to_json() for page in outcome]


def print_label(tx: Tx, cmd: PrintLabel) -> LabelReady:
    """Put the labels of one shipment on record and answer what to draw, for the printer at the packing table.

    Raises NotFound, Refused (gate, state, or printed before and no reason), InvalidInput for what cannot be printed.
    """
    tx.actor.require("shipment.label")
    look = look_of(tx.session)
    if cmd.paper is not None:
        look = Look.from_json(cmd.paper, look.to_json())
    reason = cmd.reason.strip()[:200]
    outcome = _decide(tx, [cmd.shipment_id], look, reason, None)[cmd.shipment_id]
    if isinstance(outcome, OmsError):
        raise outcome
    number = outcome[0].parcel.shipment.number
    return LabelReady(cmd.shipment_id, number, look.paper, look, tuple(outcome))


def _decide(
    tx: Tx, shipment_ids: Sequence[int], look: Look, reason: str, batch_id: int | None
) -> dict[int, Sequence[Page] | OmsError]:
    """The pages of each shipment, put on record; or the refusal, and nothing of it is changed."""
    tx.actor.require("shipment.label")
    locked = lock_with_orders(tx, shipment_ids)
    verdicts = judge(tx, list(locked.orders.values()), GateStep.LABEL)
    around = read_around(tx, locked)
    outcomes: dict[int, Sequence[Page] | OmsError] = {}
    for shipment_id in shipment_ids:
        try:
            shipment = locked.shipment(shipment_id)
            _check(shipment, locked, verdicts, reason)
            _give_box(tx, shipment)
            pages = pages_of(shipment, locked.inside(shipment), around, look)
            for page in pages:
                if page.label is not None:
                    plan(page.label, FORMS[look.paper])
            outcomes[shipment_id] = pages
        except OmsError as refusal:
            outcomes[shipment_id] = refusal
    _record(tx, outcomes, reason, batch_id)
    return outcomes


def _check(shipment: Shipment, locked: Locked, verdicts: Mapping[int, Verdict], reason: str) -> None:
    inside = [verdicts[o.id] for o in locked.inside(shipment)]
    if shipment.status in BEFORE_HAND_OVER:  # why the goods stopped says more than where they stopped
        for verdict in inside:
            verdict.check()
    check_printable(shipment, inside)
    if not reason and any(p.label_prints for p in rules.live_parcels(shipment)):
        raise Refused(
            say("The label of {number} was printed already; print it again with a reason", number=shipment.number),
            code="label_printed_before",
        )


def _record(tx: Tx, outcomes: dict[int, Sequence[Page] | OmsError], reason: str, batch_id: int | None) -> None:
    """The log of prints, and the marks on shipments and boxes."""
    printed = {i: pages for i, pages in outcomes.items() if not isinstance(pages, OmsError)}
    rows = [
        {
            "parcel_id": page.parcel.id, "shipment_id": shipment_id, "batch_id": batch_id, "copy": page.copy,
            "is_waybill": page.label is None, "code": page.code[:80], "reason": reason if page.copy else "",
            "by_id": tx.actor.user_id, "by": tx.actor.label[:120], "at": clock.now(),
        }
        for shipment_id, pages in printed.items()
        for page in {p.parcel.id: p for p in reversed(pages)}.values()
    ]  # fmt: skip
    insert_rows(tx, LabelPrint, rows)
    for answer in mark_labeled(tx, list(printed)).values():
        if isinstance(answer, OmsError):  # nothing came between: the locks are ours since the decision
            raise answer


def _give_box(tx: Tx, shipment: Shipment) -> None:
    """A shipment that has no box yet goes in one."""
    if not rules.live_parcels(shipment):
        shipment.parcels.append(rules.new_parcel(shipment, 1))
        tx.session.flush()


def finish_batch(tx: Tx, batch_id: int, kept: files.Kept | None) -> None:
    """Put the file on record, for a week; what stood on the labels is forgotten."""
    batch = tx.session.get_one(LabelBatch, batch_id, with_for_update=True, populate_existing=True)
    batch.status = BatchStatus.CANCELED if batch.canceled_at else BatchStatus.DONE
    batch.finished_at = clock.now()
    if kept is not None:
        batch.file_key = kept.key
        files.register(acting(tx, batch), kept, "labels", "application/pdf", clock.now() + KEPT_FOR)
    tx.session.execute(update(LabelRow).where(LabelRow.batch_id == batch_id).values(facts=None))
