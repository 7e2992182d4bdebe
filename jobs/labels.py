"""A batch of labels was asked for: decide every shipment, some to a transaction; then draw the file."""

from __future__ import annotations

import io
from datetime import timedelta

from flask import current_app

from jobs.context import keep, program
from oms import outbox
from oms.db import transaction
from oms.documents.labels.models import LabelBatch
from oms.intake import files
from oms.outbox import Work
from oms.usecases.labels import TOPIC
from oms.usecases.labels_file import draw, drawing_of
from oms.usecases.labels_print import finish_batch, print_next

__all__ = ["TOPIC", "walk"]

LEASE = timedelta(minutes=2)  # for the drawing, in which nothing is written


def walk(work: Work) -> None:
    """Print a batch; whoever takes over goes on where the last one stopped."""
    batch_id, over = int(work.payload["batch_id"]), False
    while not over:
        with transaction(program(work)) as tx:
            keep(tx, work)
            over = print_next(tx, batch_id).over
    with transaction(program(work)) as tx:
        outbox.extend(tx, work.id, LEASE)
        drawing = drawing_of(tx.session, tx.session.get_one(LabelBatch, batch_id))
    kept = None
    if drawing.pages or drawing.cover is not None:
        root = current_app.extensions["oms.settings"].files_dir
        kept = files.keep(root, io.BytesIO(draw(drawing, root)), f"labels-{batch_id}.pdf")
    with transaction(program(work)) as tx:
        if outbox.settle(tx, work.id):
            finish_batch(tx, batch_id, kept)
