"""Take in what a channel says, page by page: the words first, then the orders, and the cursor in the same commit.

Words that say what was said last, or are older, change nothing and are not kept. What cannot become an order waits for
a person like a row of a file does; it holds nothing else up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from oms import clock
from oms.channels.models import ChannelConnection, ChannelMessage, ChannelOrder
from oms.channels.port import OrderNews
from oms.channels.states import Source
from oms.channels.stored import flat, mark_of, told_of
from oms.db import Tx, insert_rows
from oms.errors import say
from oms.intake.models import IntakeItem, IntakeRun
from oms.intake.queries import one_of
from oms.intake.records import CellProblem, OrderIn, Stage
from oms.intake.states import INTAKE_RUN, IntakeKind, Outcome, RunStatus
from oms.usecases.channel_lease import Move, keep_lease
from oms.usecases.channel_mends import fixes_of, mended
from oms.usecases.intake_orders import Incoming, Taken, TakeOrders, take_orders

OPEN = frozenset({Stage.UNKNOWN, Stage.UNPAID, Stage.TO_SHIP, Stage.SHIPPED, Stage.DELIVERED})
TERMS = ("received", "created", "updated", "unchanged", "quarantined", "rejected")


@dataclass
class Ledger:
    """What became of all that was received. ``run_id`` None: nothing new was among it, so no run was kept."""

    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    rejected: int = 0
    pages: int = 0
    run_id: int | None = None

    def add(self, other: Ledger) -> None:
        """One more page."""
        for term in (*TERMS, "pages"):
            setattr(self, term, getattr(self, term) + getattr(other, term))
        self.run_id = other.run_id or self.run_id

    @property
    def closes(self) -> bool:
        """Whether every order received is accounted for."""
        return self.received == self.created + self.updated + self.unchanged + self.quarantined + self.rejected


@dataclass(frozen=True)
class TakePage:
    """What a channel said, by which way, and where the cursor stands after it. ``run_id``: the run it goes on with;
    ``finish``: nothing more comes in it. ``label``: what the run is called."""

    shop_id: int
    source: Source
    news: Sequence[OrderNews]
    label: str
    run_id: int | None = None
    finish: bool = False
    lease: str = ""
    move: Move | None = None
    poison: CellProblem | None = None


@dataclass
class _Page:
    """One page on its way."""

    cmd: TakePage
    at: datetime
    marks: dict[str, str]
    fresh: list[OrderNews]
    taken: dict[str, Taken] = field(default_factory=dict)


def take_page(tx: Tx, cmd: TakePage) -> Ledger:
    """Take one page in. Raises Conflict when the lease of the run is somebody else's by now."""
    tx.actor.require("intake.import")
    connection = keep_lease(tx, cmd.shop_id, cmd.lease, cmd.move)
    ledger = Ledger(received=len(cmd.news), pages=1, run_id=cmd.run_id)
    marks = {news.external_no: mark_of(news) for news in cmd.news}
    last = _last_words(tx, cmd.shop_id, list(marks))
    newest = {news.external_no: news for news in cmd.news}
    fresh = [news for number, news in newest.items() if _is_new(news, marks[number], last.get(number))]
    ledger.unchanged = len(cmd.news) - len(fresh)
    if cmd.source is Source.REFRESH:
        _looked(tx, cmd.shop_id, list(newest))
    if fresh:
        page = _Page(cmd, clock.now(), marks, fresh)
        run = _run(tx, cmd, connection)
        _take(tx, run, page)
        for taken in page.taken.values():
            setattr(ledger, taken.outcome.value, getattr(ledger, taken.outcome.value) + 1)
        _write(tx, run, page)
        ledger.run_id = run.id
    if ledger.run_id is not None:
        _count(tx, ledger, len(fresh), finish=cmd.finish)
    return ledger


def _is_new(news: OrderNews, mark: str, last: Any) -> bool:
    """Whether a word says something that was not said last, and not before that."""
    if last is None:
        return True
    if last.fingerprint == mark:
        return False
    return news.updated_at is None or last.said_at is None or news.updated_at >= last.said_at


def _last_words(tx: Tx, shop_id: int, numbers: Sequence[str]) -> dict[str, Any]:
    rows = tx.session.execute(
        select(ChannelOrder.external_no, ChannelOrder.fingerprint, ChannelOrder.said_at).where(
            ChannelOrder.shop_id == shop_id, one_of(ChannelOrder.external_no, numbers)
        )
    )
    return {row.external_no: row for row in rows}


_LOOKED = text(
    "UPDATE channel_orders SET checked_at = :at WHERE shop_id = :shop"
    " AND external_no = ANY(CAST(:numbers AS varchar[]))"
)


def _looked(tx: Tx, shop_id: int, numbers: Sequence[str]) -> None:
    tx.session.execute(_LOOKED, {"at": clock.now(), "shop": shop_id, "numbers": numbers})


def looked_in_vain(tx: Tx, shop_id: int, numbers: Sequence[str]) -> None:
    """The channel was asked about these and knows nothing of them: they are asked for again later."""
    if numbers:
        _looked(tx, shop_id, numbers)


def _run(tx: Tx, cmd: TakePage, connection: ChannelConnection) -> IntakeRun:
    """The run this page belongs to, locked; a new one when it is the first with news."""
    if cmd.run_id is not None:
        return tx.session.get_one(IntakeRun, cmd.run_id, with_for_update=True, populate_existing=True)
    run = IntakeRun(
        kind=IntakeKind.ORDERS, status=RunStatus.COMMITTING, shop_id=cmd.shop_id, format=connection.connector,
        file_name=cmd.label[:255], file_key="", file_sha256="", file_size=0, source=cmd.source.value, staged=True,
        user_id=tx.actor.user_id, user_label=tx.actor.label, created_at=clock.now(),
    )  # fmt: skip
    tx.session.add(run)
    tx.session.flush()  # the id names its items
    return run


def _take(tx: Tx, run: IntakeRun, page: _Page) -> None:
    """Readable orders go the way files go; the rest waits."""
    incoming = []
    fixes = fixes_of(tx, page.cmd.shop_id, {n.external_no for n in page.fresh if n.problems and n.draft is not None})
    for no, news in enumerate(page.fresh, run.items + 1):
        told, problems = _as_mended(news, fixes.get(news.external_no))
        problems = (*problems, page.cmd.poison) if page.cmd.poison else problems
        if told is None or problems:
            page.taken[news.external_no] = Taken(no, Outcome.QUARANTINED, None, problems or (_unread(),))
        else:
            incoming.append(Incoming(no, replace(told, external_no=news.external_no), page.marks[news.external_no]))
    if incoming:
        answers = take_orders(tx, TakeOrders(page.cmd.shop_id, run.id, incoming, vouched=True))
        numbers = {i.no: i.order.external_no for i in incoming}
        page.taken |= {numbers[answer.no]: answer for answer in answers}


def _as_mended(news: OrderNews, fixes: Mapping[str, str] | None) -> tuple[OrderIn | None, tuple[CellProblem, ...]]:
    """The order as it was told, with what a person put right in it before."""
    if news.order is not None or news.draft is None or not fixes:
        return news.order, news.problems
    return mended(news.draft, news.problems, fixes)


def _unread() -> CellProblem:
    return CellProblem(0, "", "order_unread", say("What the channel said about this order cannot be read"))


def _said(news: OrderNews) -> dict[str, Any] | None:
    """What was understood, as it is kept: of an order with problems what could be read."""
    order = news.order or news.draft
    return told_of(order) if order is not None else None


def _write(tx: Tx, run: IntakeRun, page: _Page) -> None:
    """Keep the words, what became of them, and each order's last word."""
    tx.session.flush()  # what was taken stands before the notes about it
    items, messages = [], []
    for news in page.fresh:
        taken, number = page.taken[news.external_no], news.external_no
        problems = [p.as_json() for p in taken.problems] or None
        items.append({
            "run_id": run.id, "no": taken.no, "key": number, "shop_id": run.shop_id, "rows": 1,
            "outcome": taken.outcome, "problems": problems, "unknown_skus": list(taken.unknown_skus) or None,
            "subject_id": taken.order_id, "closed_why": "",
        })  # fmt: skip
        messages.append({
            "shop_id": run.shop_id, "external_no": number, "source": page.cmd.source,
            "fingerprint": page.marks[number], "raw": flat(news.raw), "told": _said(news),
            "problems": [p.as_json() for p in news.problems] or None, "said_at": news.updated_at,
            "received_at": page.at, "run_id": run.id, "item_no": taken.no, "outcome": taken.outcome,
            "order_id": taken.order_id,
        })  # fmt: skip
    _close_older(tx, run, [news.external_no for news in page.fresh])
    insert_rows(tx, IntakeItem, items)
    insert_rows(tx, ChannelMessage, messages)
    _remember(tx, page)
    run.items += len(items)


_CLOSE = text(
    "UPDATE intake_items SET closed_at = :at, closed_why = :why WHERE shop_id = :shop"
    " AND key = ANY(CAST(:keys AS varchar[])) AND outcome = 'quarantined' AND closed_at IS NULL"
)


def _close_older(tx: Tx, run: IntakeRun, numbers: Sequence[str]) -> None:
    """A newer word answers what an older one left waiting."""
    facts = {"at": clock.now(), "why": f"newer word: run {run.id}", "shop": run.shop_id, "keys": list(numbers)}
    tx.session.execute(_CLOSE, facts)


_REMEMBER = text("""
INSERT INTO channel_orders AS c (shop_id, external_no, order_id, fingerprint, said_at, placed_at, is_open, cancel_asked,
  seen_at, checked_at)
SELECT :shop, d.number, d.order_id, d.mark, d.said, d.placed, d.open, d.asked, :at, :at
FROM unnest(CAST(:numbers AS varchar[]), CAST(:orders AS bigint[]), CAST(:marks AS varchar[]),
  CAST(:saids AS timestamptz[]), CAST(:placeds AS timestamptz[]), CAST(:opens AS boolean[]), CAST(:askeds AS boolean[]))
  AS d(number, order_id, mark, said, placed, open, asked)
ON CONFLICT (shop_id, external_no) DO UPDATE SET order_id = coalesce(excluded.order_id, c.order_id),
  fingerprint = excluded.fingerprint, said_at = coalesce(excluded.said_at, c.said_at),
  placed_at = coalesce(excluded.placed_at, c.placed_at), is_open = excluded.is_open,
  cancel_asked = excluded.cancel_asked, checked_at = excluded.checked_at
""")


def _remember(tx: Tx, page: _Page) -> None:
    fresh = page.fresh
    tx.session.execute(
        _REMEMBER,
        {
            "shop": page.cmd.shop_id, "at": page.at, "numbers": [n.external_no for n in fresh],
            "orders": [page.taken[n.external_no].order_id for n in fresh],
            "marks": [page.marks[n.external_no] for n in fresh], "saids": [n.updated_at for n in fresh],
            "placeds": [n.order.placed_at if n.order else None for n in fresh],
            "opens": [n.order is None or n.order.stage in OPEN for n in fresh],
            "askeds": [n.order is not None and n.order.cancel_requested for n in fresh],
        },
    )  # fmt: skip


def _count(tx: Tx, ledger: Ledger, news: int, *, finish: bool) -> None:
    """Add a page to the figures of its run."""
    run = tx.session.get_one(IntakeRun, ledger.run_id)
    for term in TERMS:
        setattr(run, term, getattr(run, term) + getattr(ledger, term))
    run.progress += news
    if finish:
        finish_run(tx, run)


def finish_run(tx: Tx, run: IntakeRun) -> None:
    """Nothing more comes in this run: its ledger closes."""
    if run.status is RunStatus.COMMITTING:
        INTAKE_RUN.fire(run, "finish")
        run.finished_at = clock.now()
        run.written = {term: getattr(run, term) for term in TERMS}
        run.written["records"] = dict(run.written)
    tx.session.flush()  # the database checks the sum


def end_run(tx: Tx, run_id: int | None) -> None:
    """Close the ledger of a run that had news."""
    if run_id is not None:
        finish_run(tx, tx.session.get_one(IntakeRun, run_id, with_for_update=True, populate_existing=True))
