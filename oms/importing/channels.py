"""Orders a channel told that wait in quarantine: read again from the kept words and handed to the same verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update

from oms.channels.models import ChannelConnection, ChannelMessage, ChannelOrder
from oms.channels.registry import CONNECTORS, ConnectorKind
from oms.channels.stored import order_of, problems_of
from oms.db import Tx
from oms.importing.sources import Record
from oms.intake.models import IntakeRun
from oms.intake.queries import one_of
from oms.intake.records import CellProblem, OrderIn, RawRow
from oms.intake.states import Outcome
from oms.usecases.channel_mends import fixes_of, mended
from oms.usecases.intake_orders import Incoming, Taken, TakeOrders, take_orders


def _read(
    word: Any, connector: ConnectorKind | None, fixes: Mapping[str, str]
) -> tuple[OrderIn | None, tuple[CellProblem, ...]]:
    """A kept word as it can be read by now: the raw one anew where it could not be read, with what a person put
    right."""
    order = order_of(word.told) if word.told is not None else None
    problems = problems_of(word.problems)
    if (order is None or problems) and connector is not None and isinstance(word.raw, dict):
        anew = connector.kind.reread(word.raw)
        if anew is not None and (anew.order or anew.draft) is not None:
            order, problems = anew.order or anew.draft, anew.problems
    return mended(order, problems, fixes) if order is not None else (None, problems)


@dataclass(frozen=True)
class Waiting:
    """A waiting order of a channel as a person sees it: what can be read of it, and the word it comes from."""

    order: OrderIn | None
    message_id: int
    connection_id: int | None


def waiting_order(tx: Tx, run: IntakeRun, no: int) -> Waiting | None:
    """What is known of a record of a channel's run; None when its word is gone."""
    word = tx.session.scalars(
        select(ChannelMessage).where(ChannelMessage.run_id == run.id, ChannelMessage.item_no == no)
    ).one_or_none()
    if word is None or run.shop_id is None:
        return None
    order, _ = _read(
        word, CONNECTORS.get(run.format), fixes_of(tx, run.shop_id, [word.external_no]).get(word.external_no, {})
    )
    at = select(ChannelConnection.id).where(ChannelConnection.shop_id == run.shop_id)
    return Waiting(order, word.id, tx.session.scalar(at))


@dataclass(frozen=True)
class ChannelSource:
    """The words of a channel, one record each; there are no rows to tell apart."""

    shop_id: int

    def key(self, row: RawRow) -> str:  # noqa: ARG002  a word has its number already
        return ""

    def carries_down(self) -> bool:
        return False

    def skips(self, row: RawRow, *, first: bool) -> bool:  # noqa: ARG002  nothing is skipped
        return False

    def take(self, tx: Tx, run: IntakeRun, records: Sequence[Record], *, rehearse: bool) -> list[Taken]:
        """What could be read is tried again; what could not goes on waiting."""
        words = self._words(tx, run, [record.no for record in records])
        fixes = fixes_of(tx, self.shop_id, {word.external_no for word in words.values()})
        connector = CONNECTORS.get(run.format)
        taken: dict[int, Taken] = {}
        incoming: list[Incoming] = []
        for record in records:
            word = words[record.no]
            order, problems = _read(word, connector, fixes.get(word.external_no, {}))
            if order is None or problems:
                taken[record.no] = Taken(record.no, Outcome.QUARANTINED, None, problems)
            else:
                incoming.append(Incoming(record.no, replace(order, external_no=word.external_no), word.fingerprint))
        if incoming:
            answers = take_orders(tx, TakeOrders(self.shop_id, run.id, incoming, rehearse, vouched=True))
            taken |= {answer.no: answer for answer in answers}
        self._remember(tx, [(words[no].external_no, t.order_id) for no, t in taken.items() if t.order_id is not None])
        return [taken[record.no] for record in records]

    def _words(self, tx: Tx, run: IntakeRun, numbers: Sequence[int]) -> dict[int, Any]:
        rows = tx.session.execute(
            select(
                ChannelMessage.item_no, ChannelMessage.external_no, ChannelMessage.told, ChannelMessage.problems,
                ChannelMessage.fingerprint, ChannelMessage.raw,
            ).where(ChannelMessage.run_id == run.id, one_of(ChannelMessage.item_no, numbers))
        )  # fmt: skip
        return {row.item_no: row for row in rows if row.item_no is not None}

    def _remember(self, tx: Tx, placed: Sequence[tuple[str, int]]) -> None:
        for number, order_id in placed:
            tx.session.execute(
                update(ChannelOrder)
                .where(ChannelOrder.shop_id == self.shop_id, ChannelOrder.external_no == number)
                .values(order_id=order_id)
            )
