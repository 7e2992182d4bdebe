"""What the matching screen shows: lines, what each may be in words, and what matched ones were matched to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms.db import db
from oms.intake.queries import one_of
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.payments.cod_models import CodRound
from oms.payments.matching import SHOWN, WHY_LABELS, Kind, Ranked, Why
from oms.payments.models import PaymentClaim
from oms.payments.refund_models import Refund
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.statement_queries import LineFilter, live_matches
from oms.payments.states import ClaimStatus, LineStatus
from oms.reports.search import search_orders
from oms.usecases.statement_candidates import candidates_of, missing_of_orders, rests
from oms.usecases.statement_rows import OPEN_LINES
from oms.usecases.statement_suggest import standings
from views.base import current_actor
from views.filters import moment, money, tr

STATUS_LABELS: dict[LineStatus, str] = {
    LineStatus.UNMATCHED: "Nothing found",
    LineStatus.SUGGESTED: "Suggested",
    LineStatus.AMBIGUOUS: "Several fit",
    LineStatus.MATCHED: "Matched",
    LineStatus.DUPLICATE: "Duplicate",
    LineStatus.IGNORED: "Ignored",
}
STATUS_TONES: dict[LineStatus, str] = {
    LineStatus.UNMATCHED: "mut", LineStatus.SUGGESTED: "info", LineStatus.AMBIGUOUS: "warn", LineStatus.MATCHED: "ok",
    LineStatus.DUPLICATE: "mut", LineStatus.IGNORED: "mut",
}  # fmt: skip


@dataclass(frozen=True)
class OrderPart:
    """One order of a choice, and what it still misses."""

    order: Order
    missing: Money


@dataclass(frozen=True)
class Choice:
    """One thing a line may be, in words. ``value`` is what the form posts."""

    value: str
    title: str
    hint: str
    amount: Money
    why: tuple[str, ...] = ()
    fits: bool = False
    chosen: bool = False
    url: str = ""
    why_not: str = ""
    is_tick: bool = False
    parts: tuple[OrderPart, ...] = ()


@dataclass(frozen=True)
class LineRow:
    """A line of the list with its panel."""

    line: StatementLine
    left: Money
    status: LineStatus
    choices: tuple[Choice, ...] = ()
    done: tuple[Choice, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.line.status in OPEN_LINES


@dataclass
class _Known:
    """Records that choices speak of, read once for the page."""

    claims: dict[int, PaymentClaim] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    rounds: dict[int, CodRound] = field(default_factory=dict)
    refunds: dict[int, Refund] = field(default_factory=dict)
    missing: dict[int, Money] = field(default_factory=dict)


def read_filter() -> LineFilter:
    """The filter of this address."""
    account = request.args.get("account", "")
    show = request.args.get("show", "open")
    return LineFilter(
        show=show if show in {"open", "all", *LineStatus} else "open",
        account_id=int(account) if account.isdigit() and len(account) < 18 else 0,
        day_from=request.args.get("from", "")[:10], day_to=request.args.get("to", "")[:10],
        text=request.args.get("q", "").replace("\x00", "").strip()[:100],
    )  # fmt: skip


def rows_of(lines: Sequence[StatementLine]) -> list[LineRow]:
    """Lines with their panels: candidates looked up now, however old what is stored is."""
    waiting = [n for n in lines if n.status in OPEN_LINES]
    found = candidates_of(db.session(), waiting)
    matched = live_matches(db.session(), [n.id for n in lines])
    left, stands = rests(db.session(), lines), standings(found)
    known = _read(found.values(), [m for several in matched.values() for m in several])
    return [
        LineRow(
            line=line, left=left[line.id], status=stands.get(line.id, line.status),
            choices=_choices(stands.get(line.id, line.status), found.get(line.id, []), known),
            done=tuple(_done(m, known) for m in matched.get(line.id, [])),
        )
        for line in lines
    ]  # fmt: skip


def _read(found: Collection[list[Ranked]], matches: Sequence[StatementMatch]) -> _Known:
    """Everything the choices and matches of a page name, in a handful of statements."""
    ids: dict[Kind, set[int]] = {kind: set() for kind in Kind}
    for ranked in found:
        for r in ranked:
            ids[r.candidate.kind] |= set(r.candidate.ids)
            ids[Kind.ORDERS] |= set(r.candidate.order_ids)
    ids[Kind.CLAIM] |= {m.claim_id for m in matches if m.claim_id}
    ids[Kind.REFUND] |= {m.refund_id for m in matches if m.refund_id}
    ids[Kind.ROUND] |= {m.round_id for m in matches if m.round_id}
    known = _Known()
    if ids[Kind.CLAIM]:
        claims = select(PaymentClaim).where(one_of(PaymentClaim.id, ids[Kind.CLAIM]))
        for claim in db.session.scalars(claims.options(selectinload(PaymentClaim.allocations))):
            known.claims[claim.id] = claim
            ids[Kind.ORDERS] |= {a.order_id for a in claim.allocations}
    if ids[Kind.REFUND]:
        known.refunds = {r.id: r for r in db.session.scalars(select(Refund).where(one_of(Refund.id, ids[Kind.REFUND])))}
        ids[Kind.ORDERS] |= {r.order_id for r in known.refunds.values()}
    if ids[Kind.ROUND]:
        rounds = select(CodRound).where(one_of(CodRound.id, ids[Kind.ROUND]))
        known.rounds = {r.id: r for r in db.session.scalars(rounds)}
    if ids[Kind.ORDERS]:
        orders = visible(current_actor()).where(one_of(Order.id, ids[Kind.ORDERS]))
        known.orders = {o.id: o for o in db.session.scalars(orders)}
        known.missing = missing_of_orders(db.session(), known.orders)
    return known


def _choices(status: LineStatus, ranked: Sequence[Ranked], known: _Known) -> tuple[Choice, ...]:
    """The choices of a line; the first is chosen beforehand when it is the one to suggest."""
    alone = status is LineStatus.SUGGESTED
    made = [_choice(r, known, chosen=alone and place == 0 and r.fits) for place, r in enumerate(ranked[:SHOWN])]
    return tuple(c for c in made if c is not None)


def _choice(ranked: Ranked, known: _Known, *, chosen: bool) -> Choice | None:
    candidate = ranked.candidate
    why = tuple(tr(WHY_LABELS[w]) for w in ranked.why)
    if candidate.kind is Kind.CLAIM:
        claim = known.claims.get(candidate.ids[0])
        if claim is None:
            return None
        title = gettext("Slip waiting") if claim.status is ClaimStatus.SUBMITTED else gettext("Payment already counted")
        orders = _numbers(claim, known)
        hint = " · ".join(p for p in (orders, _when(claim.paid_at), claim.reference, claim.decided_label) if p)
        return Choice(
            f"claim:{claim.id}", title, hint, claim.amount, why, ranked.fits, chosen, _order_url(claim, known),
            is_tick=candidate.counted and Why.MOMENT in ranked.why,
        )  # fmt: skip
    if candidate.kind is Kind.ORDERS:
        parts = tuple(
            OrderPart(known.orders[i], known.missing.get(i, ZERO)) for i in candidate.ids if i in known.orders
        )
        if len(parts) != len(candidate.ids):
            return None  # not this person's orders to see
        title = ", ".join(p.order.number for p in parts)
        hint = " · ".join(
            (parts[0].order.ship_name, moment(parts[0].order.placed_at), parts[0].order.items_summary[:60])
        )
        value = "orders:" + ",".join(str(i) for i in candidate.ids)
        url = url_for("OrderView.show", pk=parts[0].order.id)
        return Choice(value, title, hint, candidate.amount, why, ranked.fits, chosen, url, parts=parts)
    if candidate.kind is Kind.ROUND:
        one = known.rounds[candidate.ids[0]]
        title = gettext("COD pay-out of %(carrier)s", carrier=one.carrier)
        return Choice(f"round:{one.id}", title, one.reference, one.net, why, ranked.fits, chosen)
    refund = known.refunds[candidate.ids[0]]
    order = known.orders.get(refund.order_id)
    title = gettext("Refund %(number)s", number=refund.number)
    hint = " · ".join(p for p in (order.number if order else "", refund.to_name, _when(refund.paid_at)) if p)
    late = "" if candidate.counted else gettext("Mark it as paid first, with its proof")
    url = url_for("OrderView.show", pk=order.id) if order else ""
    return Choice(
        f"refund:{refund.id}", title, hint, refund.amount, why, ranked.fits, chosen and not late, url, late
    )  # fmt: skip


def _done(match: StatementMatch, known: _Known) -> Choice:
    """What a line was matched to."""
    if match.claim_id:
        claim = known.claims[match.claim_id]
        title = _numbers(claim, known) or gettext("Payment %(number)s", number=claim.id)
        hint = gettext("Made this money count") if match.counts else gettext("Ticked off")
        return Choice("", title, f"{hint} · {match.by}", match.amount, url=_order_url(claim, known))
    if match.round_id:
        one = known.rounds[match.round_id]
        return Choice("", gettext("COD pay-out of %(carrier)s", carrier=one.carrier), one.reference, match.amount)
    refund = known.refunds[match.refund_id or 0]
    return Choice("", gettext("Refund %(number)s", number=refund.number), refund.to_name, match.amount)


def _numbers(claim: PaymentClaim, known: _Known) -> str:
    ids = dict.fromkeys(a.order_id for a in claim.allocations)
    return ", ".join(known.orders[i].number for i in ids if i in known.orders)


def _order_url(claim: PaymentClaim, known: _Known) -> str:
    found = next((a.order_id for a in claim.allocations if a.order_id in known.orders), None)
    return url_for("OrderView.show", pk=found) if found else ""


def _when(at: datetime | None) -> str:
    return moment(at) if at else ""


def order_items(text: str) -> list[dict[str, Any]]:
    """Unpaid orders found by number, phone or name, for the search box of the panel."""
    found = search_orders(db.session(), current_actor(), text)
    ids = [found.exact] if found.exact is not None else [row.id for row in found.rows[:12]]
    statement = visible(current_actor()).where(one_of(Order.id, ids)).order_by(Order.placed_at.desc(), Order.id.desc())
    orders = list(db.session.scalars(statement)) if ids else []
    missing = missing_of_orders(db.session(), ids)
    return [
        {
            "id": o.id, "text": o.number, "hint": f"{o.ship_name} · {gettext('misses')} {money(missing[o.id])}",
            "missing": str(missing[o.id].amount),
        }
        for o in orders
    ]  # fmt: skip
