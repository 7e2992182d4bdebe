"""Orders a channel told that wait in quarantine: read again from the kept words and handed to the same verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update

from oms.channels.models import ChannelMessage, ChannelOrder
from oms.channels.stored import order_of, problems_of
from oms.db import Tx
from oms.importing.sources import Record
from oms.intake.models import IntakeRun
from oms.intake.queries import one_of
from oms.intake.records import CellProblem, RawRow
from oms.intake.states import Outcome
from oms.usecases.intake_orders import Incoming, Taken, TakeOrders, take_orders


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
        taken: dict[int, Taken] = {}
        incoming: list[Incoming] = []
        for record in records:
            word = words[record.no]
            problems: tuple[CellProblem, ...] = problems_of(word.problems)
            if word.told is None or problems:
                taken[record.no] = Taken(record.no, Outcome.QUARANTINED, None, problems)
            else:
                order = replace(order_of(word.told), external_no=word.external_no)
                incoming.append(Incoming(record.no, order, word.fingerprint))
        if incoming:
            answers = take_orders(tx, TakeOrders(self.shop_id, run.id, incoming, rehearse))
            taken |= {answer.no: answer for answer in answers}
        self._remember(tx, [(words[no].external_no, t.order_id) for no, t in taken.items() if t.order_id is not None])
        return [taken[record.no] for record in records]

    def _words(self, tx: Tx, run: IntakeRun, numbers: Sequence[int]) -> dict[int, Any]:
        rows = tx.session.execute(
            select(
                ChannelMessage.item_no, ChannelMessage.external_no, ChannelMessage.told, ChannelMessage.problems,
                ChannelMessage.fingerprint,
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
