"""A file was uploaded, or its check was accepted: read it and take its records in, batch by batch."""

from __future__ import annotations

from flask import current_app

from jobs.context import keep, program
from oms import outbox
from oms.db import transaction
from oms.importing import pipeline
from oms.outbox import Work
from oms.usecases import intake
from oms.usecases.intake import TOPIC

__all__ = ["TOPIC", "walk"]


def walk(work: Work) -> None:
    """Bring the run to its next resting place, acting for whoever uploaded the file."""
    run_id = int(work.payload["run_id"])
    with transaction(program(work)) as tx:
        keep(tx, work)
        actor = pipeline.clerk(tx, intake.get_run(tx, run_id), may_see_cost=bool(work.payload.get("cost")))
    root = current_app.extensions["oms.settings"].files_dir
    pipeline.carry_out(lambda: transaction(actor), root, run_id, beat=lambda tx: keep(tx, work))
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)
