"""Match the statement: lines left, what each may be right, by keyboard. Rules and rights are the verbs'."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, flash, jsonify, redirect, request, url_for
from flask_babel import gettext, ngettext
from werkzeug.wrappers import Response as AnyResponse

from oms import clock
from oms.actor import Actor
from oms.db import db
from oms.errors import InvalidInput, say
from oms.money import ZERO, Money
from oms.payments import statement_queries
from oms.payments.states import LineStatus
from oms.usecases.statement_match import (
    ConfirmMatch,
    SetAside,
    confirm_match,
    ignore_line,
    reopen_line,
    tick_counted,
    unmatch_line,
)
from oms.usecases.statement_suggest import look_again
from views import listing, nav
from views.base import OmsView, page, unit
from views.filters import money, tr
from views.intake import own_accounts
from views.statement_page import STATUS_LABELS, STATUS_TONES, order_items, read_filter, rows_of

PAGE = 30
REASON_LABELS: dict[str, str] = {
    "fee": "Bank fee",
    "interest": "Interest",
    "own": "Transfer between our own accounts",
    "private": "Not money of the shop",
    "other": "Another reason",
}


class StatementView(OmsView):
    """The lines of statements: matched, set aside, undone."""

    route_base = "/statements"
    requires = "payment.statement"
    default_view = "match"

    @page("/")
    def match(self) -> str:
        """A page of lines with their panels; ``line`` is open, ``undo`` was just matched."""
        wanted = read_filter()
        found = listing.fetch(statement_queries.lines(wanted), size=PAGE)
        rows = rows_of(found.rows)
        asked = _number(request.args.get("line", ""))
        current = next((r.line.id for r in rows if r.line.id == asked), rows[0].line.id if rows else 0)
        ticks = [r.line.id for r in rows if _is_tick(r)]
        facts = {
            "rows": rows, "page": found, "wanted": wanted, "current": current, "accounts": own_accounts(),
            "numbers": statement_queries.by_status(db.session(), wanted.account_id), "ticks": ticks,
            "labels": STATUS_LABELS, "tones": STATUS_TONES, "reasons": REASON_LABELS,
            "undo": _number(request.args.get("undo", "")), "open_states": statement_queries.OPEN,
            "local_time": lambda at: f"{clock.local(at):%H:%M}",
            "chips": _chips(wanted), "export": _export_query(wanted),
        }  # fmt: skip
        return self.show_page("statements/match.html", title=gettext("Match the statement"), **facts)

    @page("/orders")
    def orders(self) -> Response:
        """Orders for the search box, with what each still misses."""
        return jsonify(items=order_items(request.args.get("q", "").replace("\x00", "").strip()))

    @page("/confirm", methods=("POST",))
    def confirm(self) -> AnyResponse:
        """These lines are what was chosen."""
        command = _command()
        with unit() as tx:
            done = confirm_match(tx, command)
        if done.left > ZERO:
            text = gettext("Matched. %(amount)s of it is still open", amount=money(done.left))
        else:
            text = gettext("Matched")
        flash(text, "success")
        after = "" if done.left > ZERO else _number(request.form.get("next", ""))
        return _back(line=after or done.line_ids[0], undo=done.line_ids[0])

    @page("/tick", methods=("POST",))
    def tick(self) -> AnyResponse:
        """Tick off every line of the page whose money a slip has made count."""
        with unit() as tx:
            done = tick_counted(tx, [_number(i) for i in request.form.getlist("line")])
        flash(ngettext("%(num)s line is ticked off", "%(num)s lines are ticked off", done), "success")
        return _back()

    @page("/look", methods=("POST",))
    def look(self) -> AnyResponse:
        """Look at all open lines again."""
        with unit() as tx:
            seen = look_again(tx)
        text = gettext(
            "%(one)s suggested, %(many)s with several that fit, %(none)s with nothing, %(ticked)s ticked off",
            one=seen.suggested, many=seen.ambiguous, none=seen.unmatched, ticked=seen.ticked,
        )  # fmt: skip
        flash(text, "info")
        return _back()

    @page("/<int:line_id>/ignore", methods=("POST",))
    def ignore(self, line_id: int) -> AnyResponse:
        """The line is no customer's money."""
        kind = request.form.get("kind", "other")
        words = [tr(REASON_LABELS[kind])] if kind in REASON_LABELS and kind != "other" else []
        reason = " · ".join([*words, request.form.get("note", "").strip()]).strip(" ·")
        with unit() as tx:
            ignore_line(tx, SetAside(line_id, reason, _number(request.form.get("version", "")) or None))
        flash(gettext("The line is ignored"), "success")
        return _back(line=_number(request.form.get("next", "")) or None)

    @page("/<int:line_id>/undo", methods=("POST",))
    def undo(self, line_id: int) -> AnyResponse:
        """Take the match back."""
        reason = request.form.get("reason", "").strip() or gettext("Undone right after matching")
        with unit() as tx:
            unmatch_line(tx, SetAside(line_id, reason))
        flash(gettext("The match is undone; the line is open again"), "success")
        return _back(line=line_id, show="open")

    @page("/<int:line_id>/reopen", methods=("POST",))
    def reopen(self, line_id: int) -> AnyResponse:
        """Look at a line again that was ignored or called a duplicate."""
        with unit() as tx:
            reopen_line(tx, SetAside(line_id))
        flash(gettext("The line is open again"), "success")
        return _back(line=line_id, show="open")


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 18 else 0


def _back(**facts: Any) -> AnyResponse:
    """The list as it was filtered, at a line."""
    kept = {n: v for n in ("show", "account", "from", "to", "q", "page") if (v := request.form.get(f"f_{n}", ""))}
    kept |= {name: value for name, value in facts.items() if value}
    if kept.get("show") == "open":
        kept.pop("show")
    return redirect(url_for("StatementView.match", **kept), 303)


def _command() -> ConfirmMatch:
    """What the panel posted: lines with their versions, and the choices with their amounts."""
    form = request.form
    lines = tuple(dict.fromkeys(n for i in form.getlist("line") if (n := _number(i))))
    orders: dict[int, Money] = {}
    claims: list[int] = []
    refund = round_id = None
    for value in form.getlist("choice"):
        kind, _, ids = value.partition(":")
        numbers = [n for i in ids.split(",") if (n := _number(i))]
        if kind == "orders":
            for order_id in numbers:
                text = form.get(f"amount_{order_id}", "").strip()
                orders[order_id] = Money.parse(text, "amount") if text else ZERO
        elif kind == "claim":
            claims += numbers
        elif kind == "refund" and numbers:
            refund = numbers[0]
        elif kind == "round" and numbers:
            round_id = numbers[0]
    if not lines:
        raise InvalidInput(say("Choose a line of the statement first"), field="line", code="line_missing")
    return ConfirmMatch(
        line_ids=lines, orders=tuple(orders.items()), claim_ids=tuple(claims), refund_id=refund, round_id=round_id,
        versions=tuple((i, _number(form.get(f"version_{i}", ""))) for i in lines if form.get(f"version_{i}")),
        rest_is_credit=form.get("rest_is_credit") == "1", is_another=form.get("is_another") == "1",
        note=form.get("note", "").strip()[:500],
    )  # fmt: skip


def _is_tick(row: Any) -> bool:
    fits = [c for c in row.choices if c.fits]
    return row.is_open and len(fits) == 1 and fits[0].is_tick and not row.line.balance_breaks


def _chips(wanted: statement_queries.LineFilter) -> list[tuple[str, str, bool, str]]:
    """(text, address, on, status) per state."""
    query = wanted.to_query()
    states = [
        ("open", gettext("To match")),
        *((s.value, tr(STATUS_LABELS[s])) for s in LineStatus),
        ("all", gettext("All")),
    ]
    return [
        (text, url_for("StatementView.match", **(query | {"show": state})), wanted.show == state, state)
        for state, text in states
    ]  # fmt: skip


def _export_query(wanted: statement_queries.LineFilter) -> dict[str, Any]:
    """The same filter as the exporter reads it."""
    facts = {"f_account_id_is": wanted.account_id, "f_booked_at_from": wanted.day_from, "f_booked_at_to": wanted.day_to,
             "q": wanted.text, "f_status_is": wanted.show if wanted.show in set(LineStatus) else ""}  # fmt: skip
    return {name: value for name, value in facts.items() if value}


def _counts(actor: Actor) -> nav.Waiting:
    return {"unmatched": statement_queries.count_waiting()} if actor.may("payment.statement") else {}


def install(app: Flask) -> None:
    """The number of waiting lines in the menu."""
    nav.add_counts(app, _counts)


VIEWS = (StatementView,)
NAV = (
    nav.Item(
        "work", "Match the statement", "StatementView.match", "payment.statement", icon="wallet", order=70,
        count="unmatched", hot=True,
    ),
)  # fmt: skip
