"""The daily control page: orders in and where they stand, stock opening and closing, what must leave first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import current_app, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms import audit, clock
from oms.catalog.models import CHANNEL_LABELS
from oms.db import db
from oms.exporting.writing import BOM
from oms.orders.states import BOARD_LABELS, Board
from oms.reports import control
from oms.reports.control import BUCKET_LABELS, LATE_LABELS, OrderRow, Period
from oms.spreadsheets import csv_line
from views import nav
from views.base import OmsView, current_actor, page, unit
from views.filters import tr
from views.order_list import urgent_orders
from views.order_parts import BOARD_TONES, shops, warehouses
from views.stock import BUCKETS, MOVEMENT_LABELS

KIND_LABELS = {kind.value: label for kind, label in MOVEMENT_LABELS.items()}
BALANCE_LABELS = {bucket.value: label for bucket, label in BUCKETS.items()}
LATE_TONES = {"late": "bad", "2": "bad", "6": "warn", "24": "info"}


def boards_in(bucket: str) -> list[Board]:
    """The board states that make up a bucket, in the order of work."""
    return [board for board in Board if control.BUCKETS.get(board) == bucket]


def orders_url(row: OrderRow, period: Period, boards: Sequence[Board] = ()) -> str:
    """The orders behind a figure, in the list of all orders."""
    asked: dict[str, Any] = {
        "placed_from": period.first.isoformat(), "placed_to": period.last.isoformat(), "shop": row.shop_id or None,
        "warehouse": row.warehouse_id or None, "boards": ",".join(b.value for b in boards) or None,
    }  # fmt: skip
    return url_for("OrderView.list", **{k: v for k, v in asked.items() if v})


class ControlView(OmsView):
    """What a manager looks at every morning."""

    route_base = "/control"
    default_view = "board"
    requires = "report.view"
    requires_for = {"file": "export.run"}

    @page("/")
    def board(self) -> str:
        """The three parts for the days asked for; today when nothing is said."""
        actor, session = current_actor(), db.session()
        period = control.read_period(request.args.get("first", ""), request.args.get("last", ""))
        rows = control.orders_of(session, actor, period)
        proof = control.stock_proof(session, actor) if request.args.get("proof") else None
        days = {"first": period.first.isoformat(), "last": period.last.isoformat()}
        span = period.last - period.first + timedelta(days=1)
        return self.show_page(
            "control.html", title=gettext("Daily control"), period=period, days=days, rows=rows,
            total=control.total_of(rows), stock=control.stock_of(session, actor, period),
            late=control.countdown(session, actor), urgent=urgent_orders(10), shops=shops(), warehouses=warehouses(),
            buckets=BUCKET_LABELS, boards_in=boards_in, orders_url=orders_url, board_labels=BOARD_LABELS,
            board_tones=BOARD_TONES, channels=CHANNEL_LABELS, kinds=KIND_LABELS, balances=BALANCE_LABELS,
            late_labels=LATE_LABELS, late_tones=LATE_TONES, proof=proof, today=clock.today(),
            before=_days(period, -span), after=_days(period, span) if period.last < clock.today() else None,
        )  # fmt: skip

    @page("/file.csv")
    def file(self) -> Response:
        """The page as a file."""
        period = control.read_period(request.args.get("first", ""), request.args.get("last", ""))
        with unit() as tx:
            tx.actor.require("export.run")
            table = control_table(
                control.orders_of(tx.session, tx.actor, period), control.stock_of(tx.session, tx.actor, period)
            )
            after = {"list": "control", "first": period.first.isoformat(), "last": period.last.isoformat()}
            audit.record(tx, "export.run", "export", None, "control", after=after)
        answer = current_app.response_class(BOM + "".join(csv_line(row) for row in table), mimetype="text/csv")
        name = f"control-{period.first.isoformat()}-{period.last.isoformat()}.csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _days(period: Period, shift: timedelta) -> dict[str, str]:
    return {"first": (period.first + shift).isoformat(), "last": (period.last + shift).isoformat()}


def control_table(rows: Sequence[OrderRow], stock: Sequence[control.StockRow]) -> list[Sequence[Any]]:
    """Both parts as rows of a table: part, channel or balance, shop, warehouse, what, how many."""
    known, places = shops(), warehouses()
    table: list[Sequence[Any]] = [
        [gettext("Part"), gettext("Shop"), gettext("Warehouse"), gettext("What"), gettext("Count")]
    ]
    for row in rows:
        shop = known.get(row.shop_id or 0)
        place = places.get(row.warehouse_id or 0)
        head = [gettext("Orders"), shop.name if shop else "", place.name if place else ""]
        table.append([*head, gettext("Came in"), row.taken_in])
        table += [[*head, tr(label), row.bucket(name)] for name, label in BUCKET_LABELS.items()]
        table.append([*head, gettext("Difference"), row.difference])
    for line in stock:
        place = places.get(line.warehouse_id)
        head = [gettext("Stock"), tr(str(BALANCE_LABELS[line.bucket])), place.name if place else ""]
        table.append([*head, gettext("Opening"), line.opening])
        table += [[*head, str(KIND_LABELS.get(kind, kind)), n] for kind, n in sorted(line.kinds.items())]
        table.append([*head, gettext("Closing"), line.closing])
    return table


VIEWS = (ControlView,)
NAV = (nav.Item("watch", "Daily control", "ControlView.board", "report.view", icon="check", order=5),)
