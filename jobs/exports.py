"""Somebody asked for a list too long to wait for: write the file, put it on record."""

from __future__ import annotations

from flask import current_app

from jobs.context import keep, program
from oms import outbox
from oms.db import db, transaction
from oms.exporting import making
from oms.exporting.making import TOPIC
from oms.intake.models import ExportRun
from oms.outbox import Work

__all__ = ["TOPIC", "walk"]


def walk(work: Work) -> None:
    """Make the file as whoever asked for it would see the list."""
    run_id = int(work.payload["run_id"])
    with transaction(program(work)) as tx:
        keep(tx, work)
    root = current_app.extensions["oms.settings"].files_dir
    kept, count = making.make(db.session(), db.session.get_one(ExportRun, run_id), root, str)
    with transaction(program(work)) as tx:
        if outbox.settle(tx, work.id):
            making.finish(tx, run_id, kept, count)
