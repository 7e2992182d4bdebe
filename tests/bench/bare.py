"""What Flask and an ORM cost by themselves: one address that writes an order and its three lines, and does nothing else.

No key, no limit, no check of what is sent, no stock, no audit, no outbox. Served as Ruam is. ``python -m tests.bench.bare``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from sys import executable

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import BigInteger, ForeignKey, Identity, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from jobs.web import serve
from oms import clock
from oms.columns import UtcDateTime
from oms.db import db
from oms.settings import Settings, from_env
from tests.live import answers, free_port, until


class Bare(DeclarativeBase):
    """Tables nobody else knows."""


class BareOrder(Bare):
    """Who ordered."""

    __tablename__ = "bare_orders"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lines: Mapped[list[BareLine]] = relationship()


class BareLine(Bare):
    """What was ordered."""

    __tablename__ = "bare_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("bare_orders.id"))
    sku_id: Mapped[int] = mapped_column(BigInteger)
    quantity: Mapped[int] = mapped_column(BigInteger)


def place() -> ResponseReturnValue:
    """Write it."""
    given = request.get_json()
    to = given["ship_to"]
    order = BareOrder(
        shop_id=given["shop_id"], name=to["name"], phone=to["phone"], address=to["line"], created_at=clock.now(),
        lines=[BareLine(sku_id=x["sku_id"], quantity=x["quantity"]) for x in given["lines"]],
    )  # fmt: skip
    db.session.add(order)
    db.session.commit()
    return jsonify(id=order.id), 201


def make(settings: Settings) -> Flask:
    """The program."""
    app = Flask("bare")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    db.init_app(app)
    with app.app_context():
        Bare.metadata.create_all(db.engine)
    app.add_url_rule("/api/v1/orders", view_func=place, methods=["POST"])
    app.add_url_rule("/readyz", "ready", lambda: "")
    return app


@contextmanager
def bare(settings: Settings) -> Iterator[str]:
    """Its address while it runs."""
    port = free_port()
    environment = {
        **os.environ, "DATABASE_URL": settings.database_url or "", "OMS_PORT": str(port),
        "OMS_DATA_DIR": str(settings.data_dir), "OMS_WEB_WORKERS": str(settings.web_workers), "REDIS_URL": "",
    }  # fmt: skip
    process = subprocess.Popen([executable, "-m", "tests.bench.bare"], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(url), 60)
        yield url
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    asked = from_env()
    serve(lambda: make(asked), asked)
