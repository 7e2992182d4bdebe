"""What a message can say: the facts of its placeholders, read when it leaves, so that it says what holds then."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload, load_only

from oms import audit, clock
from oms.banks.codes import bank_name
from oms.catalog.models import Shop
from oms.customers.models import Customer
from oms.db import Tx
from oms.money import ZERO, Money
from oms.notifications.catalogue import KINDS, LANGUAGES, Event
from oms.notifications.models import Notice
from oms.notifications.wording import reason_words
from oms.orders.models import Order
from oms.orders.states import OrderStatus, PaymentTerm
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.refund_models import Refund
from oms.payments.slip_models import Slip
from oms.payments.states import REJECT_LABELS, RejectReason
from oms.returns.models import Return
from oms.shipping.carrier_models import Carrier
from oms.shipping.link_models import Opens, TrackingLink
from oms.shipping.models import Parcel
from oms.thai.dates import format_moment
from oms.usecases import derived
from oms.usecases.order_links import path
from oms.usecases.refunds import mask_account
from oms.usecases.tracking_links import TOKEN_BYTES

_READ: Final = (
    Order.number, Order.external_no, Order.status, Order.payment_term, Order.term_approved_at, Order.total,
    Order.items_summary, Order.ship_name, Order.ship_phone, Order.expires_at,
)  # fmt: skip
_OF_MONEY: Final = frozenset(e for e, k in KINDS.items() if "missing" in k.words)
_OF_WAY: Final = frozenset(e for e, k in KINDS.items() if "tracking" in k.words)


def subject_of(revision: str) -> tuple[str, int]:
    """What a revision names: its letter and id. Sent once more (``~2``) it names the same."""
    plain = revision.partition("~")[0]
    return (plain[:1], int(plain[1:])) if plain[1:].isdecimal() else ("", 0)


@dataclass(frozen=True)
class Way:
    """How a shipment goes: its carrier and the numbers of its boxes."""

    shipment_id: int
    carrier: str = ""
    numbers: tuple[str, ...] = ()
    words: str = ""


@dataclass
class Known:
    """Everything the messages of some notices may say."""

    orders: dict[int, Order] = field(default_factory=dict)
    missing: dict[int, Money] = field(default_factory=dict)
    ways: dict[str, Way] = field(default_factory=dict)  # by revision
    claims: dict[tuple[int, int], tuple[Money, str]] = field(default_factory=dict)  # (claim, order): amount, why not
    returns: dict[int, str] = field(default_factory=dict)
    refunds: dict[int, tuple[Money, str]] = field(default_factory=dict)
    pages: dict[str, Carrier] = field(default_factory=dict)
    links: dict[int, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)


def known_of(tx: Tx, notices: Sequence[Notice], public_url: str = "") -> Known:
    """Read it all: each kind of fact in one statement, and only those that are needed."""
    ids = sorted({n.order_id for n in notices})
    found = Known()
    orders = (
        select(Order)
        .where(Order.id.in_(ids))
        .options(
            load_only(*_READ),
            joinedload(Order.shop).load_only(Shop.name),
            joinedload(Order.customer).load_only(Customer.name),
        )
    )
    found.orders = {o.id: o for o in tx.session.scalars(orders)}
    owing = [o for o in found.orders.values() if _owes(o)]
    if owing and any(n.event in _OF_MONEY for n in notices):
        found.missing = {i: f.money.missing for i, f in derived.read_facts(tx, owing).items()}
        found.accounts = _accounts(tx)
    by_letter: dict[str, set[int]] = defaultdict(set)
    for notice in notices:
        letter, number = subject_of(notice.revision)
        by_letter[letter].add(number)
    moving = [n for n in notices if n.event in _OF_WAY]
    if moving:
        _read_ways(tx, found, moving)
    if by_letter["c"]:
        _read_claims(tx, found, by_letter["c"])
    if by_letter["r"]:
        rows = tx.session.execute(select(Return.id, Return.number).where(Return.id.in_(sorted(by_letter["r"]))))
        found.returns = {row.id: row.number for row in rows}
    if by_letter["f"]:
        refunds = tx.session.scalars(select(Refund).where(Refund.id.in_(sorted(by_letter["f"]))))
        found.refunds = {
            r.id: (r.amount, " ".join(p for p in (r.to_bank, mask_account(r.to_account)) if p)) for r in refunds
        }
    if public_url:
        found.links = {i: f"{public_url}{path(token)}" for i, token in _tokens(tx, found.orders).items()}
    return found


def _accounts(tx: Tx) -> dict[str, str]:
    """Where buyers may pay to, a line each, by language."""
    ours = tx.session.scalars(
        select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code).limit(3)
    ).all()
    promptpay = [f"PromptPay {a.promptpay} ({a.account_name})" for a in ours if a.promptpay]
    found = {}
    for language in LANGUAGES:
        lines = [f"{bank_name(a.bank_code, a.bank, language)} {a.account_no} ({a.account_name})" for a in ours]
        found[language] = "\n".join([*lines, *promptpay])
    return found


def _owes(order: Order) -> bool:
    """Whether the buyer is the one who transfers: not a carrier's cash, not a platform's payout."""
    return order.payment_term is PaymentTerm.PREPAID and order.status in {OrderStatus.DRAFT, OrderStatus.CONFIRMED}


def _read_ways(tx: Tx, found: Known, notices: Sequence[Notice]) -> None:
    of_parcels = {number for n in notices for letter, number in (subject_of(n.revision),) if letter == "p"}
    homes = dict(
        tx.session.execute(select(Parcel.id, Parcel.shipment_id).where(Parcel.id.in_(sorted(of_parcels)))).all()
    )
    shipments = {number for n in notices for letter, number in (subject_of(n.revision),) if letter == "s"}
    shipments |= set(homes.values())
    boxes: dict[int, list[Parcel]] = defaultdict(list)
    live = select(Parcel).where(Parcel.shipment_id.in_(sorted(shipments)), Parcel.is_live).order_by(Parcel.position)
    for parcel in tx.session.scalars(live):
        boxes[parcel.shipment_id].append(parcel)
    for notice in notices:
        letter, number = subject_of(notice.revision)
        home = homes.get(number, 0) if letter == "p" else number
        inside = boxes.get(home, [])
        found.ways[notice.revision] = Way(
            home, next((p.carrier for p in inside if p.carrier), ""),
            tuple(p.tracking_no for p in inside if p.tracking_no),
            next((p.raw_status for p in inside if p.raw_status), ""),
        )  # fmt: skip
    names = {way.carrier for way in found.ways.values() if way.carrier}
    found.pages = {c.name: c for c in tx.session.scalars(select(Carrier).where(Carrier.name.in_(sorted(names))))}


def _read_claims(tx: Tx, found: Known, claim_ids: Collection[int]) -> None:
    shares = tx.session.execute(
        select(Allocation.claim_id, Allocation.order_id, func.sum(Allocation.amount), PaymentClaim.decision_note)
        .join(PaymentClaim, PaymentClaim.id == Allocation.claim_id)
        .where(Allocation.claim_id.in_(sorted(claim_ids)))
        .group_by(Allocation.claim_id, Allocation.order_id, PaymentClaim.decision_note)
    )
    reasons = {
        claim_id: REJECT_LABELS[RejectReason(reason)]
        for claim_id, reason in tx.session.execute(
            select(Slip.claim_id, Slip.reject_reason).where(
                Slip.claim_id.in_(sorted(claim_ids)), Slip.reject_reason.in_([r.value for r in RejectReason])
            )
        )
    }
    for claim_id, order_id, amount, note in shares:
        money = amount if isinstance(amount, Money) else Money.satang(int(amount or 0))
        found.claims[claim_id, order_id] = (money, note or reasons.get(claim_id, ""))


def _tokens(tx: Tx, orders: Mapping[int, Order]) -> dict[int, str]:
    """The living link to each order's own page; those without one get it."""
    living = select(TrackingLink.order_id, TrackingLink.token).where(
        TrackingLink.order_id.in_(sorted(orders)), TrackingLink.opens == Opens.ORDER, TrackingLink.revoked_at.is_(None)
    )
    found = {row.order_id: row.token for row in tx.session.execute(living)}
    rows = [
        {
            "order_id": i, "token": secrets.token_urlsafe(TOKEN_BYTES), "opens": Opens.ORDER, "seen": 0,
            "created_at": clock.now(), "created_by": tx.actor.label[:120], "revoked_by": "",
        }
        for i in sorted(set(orders) - set(found))
    ]  # fmt: skip
    if not rows:
        return found
    made = insert(TrackingLink).on_conflict_do_nothing().returning(TrackingLink.order_id, TrackingLink.token)
    fresh = {row.order_id: row.token for row in tx.session.execute(made, rows)}
    audit.record_many(tx, [audit.Entry("order.link_made", "order", i, orders[i].number) for i in fresh])
    return found | fresh


def words_of(known: Known, notice: Notice, language: str) -> dict[str, str]:
    """The placeholders of one message."""
    order = known.orders[notice.order_id]
    letter, number = subject_of(notice.revision)
    missing = known.missing.get(order.id, ZERO)
    facts = {
        "name": (order.customer.name if order.customer else "") or order.ship_name,
        "order": order.external_no or order.number,
        "shop": order.shop.name, "items": order.items_summary, "total": baht(order.total),
        "link": known.links.get(order.id, ""), "missing": baht(missing) if missing else "",
        "accounts": known.accounts.get(language, "") if missing else "",
        "pay_until": format_moment(order.expires_at, language) if missing and order.expires_at else "",
    }  # fmt: skip
    if letter == "c":
        amount, why = known.claims.get((number, order.id), (ZERO, ""))
        facts |= {"amount": baht(amount), "reason": reason_words(why, language)}
    elif letter == "f":
        amount, to = known.refunds.get(number, (ZERO, ""))
        facts |= {"amount": baht(amount), "refund_to": to}
    elif letter == "r":
        facts["return_no"] = known.returns.get(number, "")
    return facts | _way_words(known, notice)


def _way_words(known: Known, notice: Notice) -> dict[str, str]:
    way = known.ways.get(notice.revision)
    if way is None:
        return {}
    page = known.pages.get(way.carrier)
    link = page.link(way.numbers[0]) if page is not None and len(way.numbers) == 1 else ""
    return {
        "carrier": way.carrier, "tracking": ", ".join(way.numbers), "track_link": link,
        "reason": way.words if notice.event is Event.PROBLEM else "",
    }  # fmt: skip


def baht(amount: Money) -> str:
    """An amount as people write it: 1,590 or 1,590.50."""
    text = f"{amount.amount:,.2f}"
    return text.removesuffix(".00")
