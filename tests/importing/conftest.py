"""A shop, a folder for files, and a short way to take a file in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from oms.actor import Actor, system
from oms.db import db, transaction
from oms.importing import pipeline
from oms.intake import files
from oms.intake.models import IntakeItem, IntakeRun
from oms.intake.states import IntakeKind
from oms.usecases import intake
from tests.samples import marketplaces as market
from tests.shop import SmallShop, small_shop


@dataclass
class Desk:
    """Takes files in as a clerk would, step by step, without a queue."""

    root: Path
    shop: SmallShop
    actor: Actor

    def unit(self):
        return transaction(self.actor)

    def upload(self, rows: Sequence[Sequence[str]] | bytes, name: str = "orders.csv", **facts) -> int:
        content = rows if isinstance(rows, bytes) else market.as_csv(rows)
        path = self.root / "upload"
        path.write_bytes(content)
        with path.open("rb") as source:
            kept = files.keep(self.root, source, name)
        words = {"kind": IntakeKind.ORDERS, "file": kept, "shop_code": "shopee-th", "queue": False} | facts
        if words["kind"] is not IntakeKind.ORDERS:
            words["shop_code"] = ""
        with self.unit() as tx:
            return intake.receive_file(tx, intake.ReceiveFile(**words))

    def work(self, run_id: int, **facts):
        return pipeline.carry_out(self.unit, self.root, run_id, **facts)

    def check(self, rows, **facts) -> IntakeRun:
        run_id = self.upload(rows, **facts)
        self.work(run_id)
        return self.run(run_id)

    def commit(self, run_id: int) -> IntakeRun:
        with self.unit() as tx:
            intake.commit_run(tx, run_id, queue=False)
        self.work(run_id)
        return self.run(run_id)

    def take(self, rows, **facts) -> IntakeRun:
        """Check and commit; what was planned must be what was written."""
        run = self.commit(self.check(rows, **facts).id)
        assert run.planned == run.written
        return run

    def run(self, run_id: int) -> IntakeRun:
        db.session.expire_all()
        run = db.session.get(IntakeRun, run_id)
        db.session.refresh(run)
        return run

    def items(self, run_id: int) -> list[IntakeItem]:
        statement = select(IntakeItem).where(IntakeItem.run_id == run_id).order_by(IntakeItem.no)
        return list(db.session.scalars(statement.execution_options(populate_existing=True)))

    def problems(self, run_id: int) -> list[tuple[int, str]]:
        return [(p["line"], p["code"]) for item in self.items(run_id) for p in item.problems or []]


@pytest.fixture
def desk(isolated, tmp_path) -> Desk:
    with transaction(system("test")) as tx:
        shop = small_shop(tx, pieces=1000)
    return Desk(tmp_path, shop, system("test"))


def counts(run: IntakeRun) -> dict[str, int]:
    """The five terms that are not zero."""
    names = ("created", "updated", "unchanged", "quarantined", "rejected")
    assert run.received == sum(getattr(run, n) for n in names)
    return {n: getattr(run, n) for n in names if getattr(run, n)}
