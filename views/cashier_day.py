"""The cashier's day: what waits, the close-of-day sheet, the rows behind each figure, and closing a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flask import current_app, flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms import audit, clock
from oms.db import db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.exporting.writing import BOM
from oms.money import Money
from oms.orders.states import TERM_LABELS, PaymentTerm
from oms.payments.states import METHOD_LABELS, REFUND, PaymentMethod
from oms.reports import cashier_day
from oms.spreadsheets import csv_line
from oms.usecases.day_closing import CloseDay, changed_since, close_day, closing_of, closings
from oms.usecases.day_sheet import DAY, PART_LABELS, STANDING, Sheet, check_whole, day_sheet, goods_rows
from views import nav
from views.base import OmsView, current_actor, page, unit
from views.filters import tr

KIND_LABELS = {"verified": "Verified", "reversed": "Reversed", "refunded": "Paid back"}
PARKED_LABELS = {"1": "Less than a day", "3": "1 to 3 days", "7": "3 to 7 days", "older": "More than 7 days"}
LINE_LABELS = {
    "unmatched": "Nobody knows it", "suggested": "Has a suggestion", "ambiguous": "Several candidates",
    "matched": "Matched", "duplicate": "Duplicate", "ignored": "Set aside",
}  # fmt: skip
PART_TONES = {"received": "ok", "given_back": "mut", "unexplained": "bad", "override": "warn", "cod_short": "warn",
              "cod_refused": "warn"}  # fmt: skip
PLACES = {
    "slips": ("SlipReviewView.start", "payment.verify"),
    "lines": ("StatementView.match", "payment.statement"),
    "cod": ("CodView.overview", "payment.cod"),
    "rounds": ("CodRoundView.list", "payment.cod"),
    "parked": ("ParkedView.list", "order.price"),
    "overrides": ("FraudView.list", "audit.view"),
}  # the screens where the piles of the board are worked


def place(name: str) -> str:
    """The address of the screen for a pile; empty when it is not for this person."""
    return nav.shortcut(*PLACES[name]) or ""


def asked_day(text: str) -> date:
    """The day an address names. Raises NotFound for what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotFound(say("There is no such day"), code="day_unknown") from None


def board_page(view: OmsView) -> str:
    """Today's board, on whichever screen shows it."""
    found = cashier_day.board(db.session(), current_actor())
    days = cashier_day.last_days(clock.today(), 7)
    return view.show_page(
        "day/board.html", title=gettext("The cashier's day"), board=found, place=place, days=days,
        closed=closings(db.session(), days), parked_labels=PARKED_LABELS, today=days[0], refund_labels=REFUND.labels,
    )  # fmt: skip


class CashierDayView(OmsView):
    """Today's board and the sheet of any day."""

    route_base = "/day"
    default_view = "board"
    requires = "report.view"
    requires_for = {"close": "payment.verify", "file": "export.run"}

    @page("/")
    def board(self) -> str:
        """What waits now, and the last days."""
        return board_page(self)

    @page("/go")
    def go(self) -> Response:
        """Open the day that was typed."""
        return redirect(url_for("CashierDayView.sheet", day=asked_day(request.args.get("day", "")).isoformat()))

    @page("/<day>")
    def sheet(self, day: str) -> str:
        """The sheet of one day."""
        return self._sheet(asked_day(day))

    def _sheet(self, day: date, note: str = "") -> str:
        check_whole(current_actor())
        found, closing = day_sheet(db.session(), day), closing_of(db.session(), day)
        return self.show_page(
            "day/sheet.html", title=gettext("Close of day"), sheet=found, closing=closing, day_=day,
            before=day - timedelta(days=1), after=day + timedelta(days=1) if day < clock.today() else None,
            changes=_changes(closing, found), methods={m.value: label for m, label in METHOD_LABELS.items()},
            part_labels=PART_LABELS, part_tones=PART_TONES, scopes=(DAY, STANDING), note=note, today=clock.today(),
        )  # fmt: skip

    @page("/<day>/goods/<scope>/<part>")
    def goods(self, day: str, scope: str, part: str) -> str:
        """The orders behind a figure of the goods."""
        check_whole(current_actor())
        if scope not in {DAY, STANDING} or part not in {*PART_LABELS, "due"}:
            raise NotFound(say("There is no such figure"), code="figure_unknown")
        on, start = asked_day(day), _start()
        rows = goods_rows(db.session(), scope, on, part, cashier_day.MOST + 1, start)
        label = tr(PART_LABELS.get(part, "Due"))
        return self._rows("day/goods.html", rows, start, on, label, scope=scope, terms=_terms(), span=4)

    @page("/<day>/money/<kind>/<method>/<int:account_id>")
    def money(self, day: str, kind: str, method: str, account_id: int) -> str:
        """The payments or refunds behind a figure of the money."""
        check_whole(current_actor())
        if kind not in KIND_LABELS or method not in set(PaymentMethod):
            raise NotFound(say("There is no such figure"), code="figure_unknown")
        on, start = asked_day(day), _start()
        rows = cashier_day.money_rows(db.session(), on, kind, method, account_id or None, cashier_day.MOST + 1, start)
        label = f"{tr(KIND_LABELS[kind])} · {tr(METHOD_LABELS[PaymentMethod(method)])}"
        return self._rows("day/money.html", rows, start, on, label, kind=kind, span=4)

    @page("/<day>/statement/<int:account_id>")
    def statement(self, day: str, account_id: int) -> str:
        """The statement lines of an account on a day."""
        check_whole(current_actor())
        on, start = asked_day(day), _start()
        rows = cashier_day.statement_rows(db.session(), on, account_id, cashier_day.MOST + 1, start)
        return self._rows(
            "day/statement.html", rows, start, on, gettext("Statement lines"), span=3, line_labels=LINE_LABELS
        )

    def _rows(self, template: str, rows: Sequence[Any], start: int, day: date, label: str, **facts: Any) -> str:
        shown = rows[: cashier_day.MOST]
        more = {"start": start + cashier_day.MOST} if len(rows) > len(shown) else None
        total = Money.satang(sum(int(row.amount) for row in shown))
        more_url = url_for(str(request.endpoint), **{**(request.view_args or {}), **more}) if more else ""
        return self.show_page(
            template, title=label, rows=shown, total=total, day_=day, more=more_url, first=start + 1,
            satang=Money.satang, **facts,
        )  # fmt: skip

    @page("/<day>/close", methods=("POST",))
    def close(self, day: str) -> Response | str:
        """Freeze the sheet. A refusal shows the sheet again, with the note still in the form."""
        on, note = asked_day(day), request.form.get("note", "")
        try:
            with unit() as tx:
                done = close_day(tx, CloseDay(on, note))
        except InvalidInput as refusal:
            flash(_told(refusal), "danger")
            return self._sheet(on, note)
        if done.ties:
            flash(gettext("The day is closed and ties"), "success")
        else:
            flash(gettext("The day is closed; something stays unexplained"), "warning")
        return redirect(url_for("CashierDayView.sheet", day=on.isoformat()), 303)

    @page("/<day>/file.csv")
    def file(self, day: str) -> Response:
        """The sheet as a file."""
        on = asked_day(day)
        with unit() as tx:
            check_whole(tx.actor)
            tx.actor.require("export.run")
            sheet = day_sheet(tx.session, on)
            audit.record(
                tx, "export.run", "export", None, "day_sheet", after={"list": "day_sheet", "day": on.isoformat()}
            )
        lines = [csv_line(row) for row in sheet_table(sheet)]
        answer = current_app.response_class(BOM + "".join(lines), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="day-{on.isoformat()}.csv"'
        answer.headers["Cache-Control"] = "no-store"
        return answer


def sheet_table(sheet: Sheet) -> list[Sequence[Any]]:
    """The sheet as rows of a table: part, what, account, how many, amount."""
    heading = [gettext("Part"), gettext("What"), gettext("Account"), gettext("Rows"), gettext("Amount")]
    table: list[Sequence[Any]] = [heading]
    for line in sheet.money:
        method = tr(METHOD_LABELS[PaymentMethod(line.method)])
        for kind, label in KIND_LABELS.items():
            figure = getattr(line, kind)
            signed = figure.amount if kind == "verified" else -figure.amount
            table.append((gettext("Money"), f"{method}: {tr(label)}", line.account, figure.rows, signed))
    table.append((gettext("Money"), gettext("Net movement"), "", "", sheet.net))
    for account in sheet.accounts:
        net = account.money_in - account.money_out
        table.append((gettext("Statements"), gettext("Statement"), account.name, account.rows, net))
    for part, split in ((gettext("Goods that left"), sheet.goods), (gettext("Owed over all time"), sheet.standing)):
        table.append((part, gettext("Due"), "", split.due.rows, split.due.amount))
        table += [(part, tr(PART_LABELS[name]), "", f.rows, f.amount) for name, f in split.parts.items() if f.rows]
    return table


def _changes(closing: Any, sheet: Sheet) -> Sequence[tuple[str, Any]]:
    """What changed since the closing, each with its name in words."""
    if closing is None:
        return ()
    names = {str(a.account_id): a.name for a in sheet.accounts} | {line.key: line.account for line in sheet.money}
    return [(_name(change, names), change) for change in changed_since(closing, sheet)]


def _name(change: Any, accounts: Mapping[str, str]) -> str:
    if change.group == "money":
        method = tr(METHOD_LABELS[PaymentMethod(change.key.partition(":")[0])])
        parts = (tr(KIND_LABELS.get(change.name, change.name)), method, accounts.get(change.key, ""))
        return " · ".join(part for part in parts if part)
    if change.group == "accounts":
        side = gettext("Money in") if change.name == "in" else gettext("Money out")
        return f"{gettext('Statement')} · {accounts.get(change.key, change.key)} · {side}"
    return f"{gettext('Goods that left')} · {tr(PART_LABELS.get(change.name, 'Due'))}"


def _terms() -> dict[str, str]:
    return {term.value: TERM_LABELS[term] for term in PaymentTerm}


def _start() -> int:
    return min(max(request.args.get("start", 0, type=int), 0), 1_000_000)


def _told(refusal: OmsError) -> str:
    return "\n".join(tr(problem.message) for problem in refusal.problems())


def is_start(actor: Any) -> bool:
    """Whether the day board is this person's first page: who checks the money, for the whole company."""
    whole = actor.warehouses is None and actor.shops is None and not actor.own_orders_only
    return bool(whole and actor.role == "cashier" and actor.may("report.view"))


VIEWS = (CashierDayView,)
NAV = (nav.Item("home", "The cashier's day", "CashierDayView.board", "report.view", icon="wallet", order=5),)
