"""Rounds of carriers: what each pay file brought, how it compares, and whether its money is in the bank."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms import clock
from oms.db import db
from oms.intake.queries import one_of
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.payments.cod_models import CodEntry, CodRound, CodRoundLine
from oms.payments.models import ReceivingAccount
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import RoundLineOutcome
from oms.thai.dates import parse_date
from oms.thai.text import arabic_digits
from oms.usecases import cod_banking as banking
from views import nav
from views.base import current_actor, may, page, unit
from views.cod import carrier_label
from views.modelview import OmsModelView

CANDIDATES = 8


def bank_pill(*, value: datetime | None) -> Markup:
    """Whether the money of a round is on an account of ours."""
    tone, text = ("ok", gettext("In the bank")) if value else ("warn", gettext("Not in the bank yet"))
    return Markup('<span class="pill {}">{}</span>').format(tone, text)


class CodRoundView(OmsModelView):
    """Rounds."""

    datamodel = SQLAInterface(CodRound)
    route_base = "/cod/rounds"
    requires = "payment.cod"
    base_permissions = ["can_list", "can_show", "can_of_run", "can_bank", "can_unbank", "can_fee"]
    list_template = "cod/rounds.html"
    show_template = "cod/round.html"
    list_title, show_title = lazy_gettext("COD rounds"), lazy_gettext("COD round")
    list_columns = ["reference", "carrier", "paid_on", "gross", "fees", "round_fee", "net", "banked_at"]
    show_columns = ["carrier", "reference", "paid_on", "gross", "fees", "round_fee", "net", "banked_at"]
    order_columns = ["paid_on", "gross", "net"]
    search_columns = ["carrier", "net", "gross", "banked_at", "created_at"]
    numeric_columns = ["gross", "fees", "round_fee", "net"]
    label_columns = {
        "reference": lazy_gettext("Round"), "carrier": lazy_gettext("Carrier"), "paid_on": lazy_gettext("Paid on"),
        "gross": lazy_gettext("Gross"), "fees": lazy_gettext("Fees of parcels"),
        "round_fee": lazy_gettext("Fee of the round"), "net": lazy_gettext("Net"),
        "banked_at": lazy_gettext("Bank"), "created_at": lazy_gettext("Taken in on"),
    }  # fmt: skip
    formatters_columns = {
        "banked_at": lambda value: bank_pill(value=value),
        "carrier": lambda value: carrier_label(value=value),
    }
    find_columns = ["reference", "carrier"]
    export_list = "cod_rounds"
    empty_text = lazy_gettext("Upload the file that a carrier sends with its payment.")

    @page("/of-run/<int:run_id>")
    def of_run(self, run_id: int) -> Response:
        """The round an imported file made, or the list when there are several or none."""
        found = db.session.scalars(select(CodRound.id).where(CodRound.run_id == run_id).limit(2)).all()
        if len(found) == 1:
            return redirect(url_for("CodRoundView.show", pk=found[0]))
        return redirect(url_for("CodRoundView.list", f_run_id_is=run_id) if found else url_for("CodRoundView.list"))

    def lines(self, row: CodRound) -> Sequence[Any]:
        """(line, entry or None, taken back or not), what does not tie first. Others' orders are not named."""
        statement = (
            select(CodRoundLine, CodEntry)
            .outerjoin(CodEntry, CodEntry.id == CodRoundLine.entry_id)
            .where(CodRoundLine.round_id == row.id)
            .options(joinedload(CodEntry.order))
            .order_by(CodRoundLine.outcome == RoundLineOutcome.MATCHED, CodRoundLine.line)
        )
        found = db.session.execute(statement).all()
        undone = {line.reverses_id for line, _ in found if line.reverses_id}
        mine = visible(current_actor()).with_only_columns(Order.id)
        ids = [entry.order_id for _, entry in found if entry is not None]
        seen = set(db.session.scalars(mine.where(one_of(Order.id, ids))))
        return [
            (line, entry if entry is not None and entry.order_id in seen else None,
             bool(line.reverses_id) or line.id in undone)
            for line, entry in found
        ]  # fmt: skip

    def candidates(self, row: CodRound) -> Sequence[StatementLine]:
        """Open statement lines of exactly the net."""
        if row.banked_at is not None or not may("payment.verify"):
            return []
        statement = (
            select(StatementLine)
            .where(StatementLine.amount == row.net, StatementLine.status.in_(sorted(banking.OPEN_LINES)))
            .options(joinedload(StatementLine.account))
            .order_by(StatementLine.booked_at.desc())
            .limit(CANDIDATES)
        )
        return db.session.scalars(statement).all()

    def banked_line(self, row: CodRound) -> StatementLine | None:
        """The statement line that brought the round."""
        if row.banked_at is None:
            return None
        return db.session.scalars(
            select(StatementLine)
            .join(StatementMatch, StatementMatch.line_id == StatementLine.id)
            .where(StatementMatch.round_id == row.id, StatementMatch.reverses_id.is_(None))
            .order_by(StatementMatch.id.desc())
            .limit(1)
        ).one_or_none()

    def accounts(self) -> Sequence[ReceivingAccount]:
        """Where a round may have been paid to."""
        open_ones = select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code)
        return db.session.scalars(open_ones).all()

    @page("/<int:pk>/bank", methods=("POST",))
    def bank(self, pk: int) -> Response:
        """Its net is on an account of ours."""
        form = request.form
        line, account, when = (form.get(name, "") for name in ("line_id", "account_id", "paid_on"))
        command = banking.BankRound(
            pk, account_id=int(account) if account.isdecimal() and len(account) < 19 else None,
            paid_at=datetime.combine(parse_date(when), time(12), clock.BANGKOK) if when else None,
            line_id=int(line) if line.isdecimal() and len(line) < 19 else None, note=form.get("note", "").strip(),
            version=_version(),
        )  # fmt: skip
        with unit() as tx:
            done = banking.bank_round(tx, command)
        flash(gettext("The round is in the bank; %(n)s orders are paid", n=len(done.order_ids)), "success")
        return redirect(url_for("CodRoundView.show", pk=pk), 303)

    @page("/<int:pk>/unbank", methods=("POST",))
    def unbank(self, pk: int) -> Response:
        """It is not, after all."""
        with unit() as tx:
            banking.unbank_round(tx, banking.UnbankRound(pk, request.form.get("note", ""), _version()))
        flash(gettext("The round is open again; its money is taken back from the orders"), "success")
        return redirect(url_for("CodRoundView.show", pk=pk), 303)

    @page("/<int:pk>/fee", methods=("POST",))
    def fee(self, pk: int) -> Response:
        """What the carrier kept of the whole."""
        amount = Money.parse(arabic_digits(request.form.get("fee", "")), field="fee")
        with unit() as tx:
            banking.set_round_fee(tx, banking.SetRoundFee(pk, amount, request.form.get("note", ""), _version()))
        flash(gettext("Saved"), "success")
        return redirect(url_for("CodRoundView.show", pk=pk), 303)


def _version() -> int | None:
    raw = request.form.get("version", "")
    return int(raw) if raw.isdigit() and len(raw) < 10 else None


VIEWS = (CodRoundView,)
NAV = (nav.Item("data", "COD rounds", "CodRoundView.list", "payment.cod", icon="truck", order=35),)
