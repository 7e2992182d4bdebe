"""The public page of a whole order: its buyer reads the bill, sends the slip, watches the parcel, asks for a return.

The link is all a buyer needs and all a stranger lacks (``tracking_links``). What a buyer does goes through the verbs
that staff use, as somebody who may do these two things to orders of this shop and nothing else (docs/adr/0185).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from oms.actor import Actor
from oms.catalog.models import PLATFORMS
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.intake.files import Kept
from oms.money import Money
from oms.orders.attachments import AttachmentKind
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.orders.states import PaymentTerm
from oms.payments.rules import asks_for_money
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import OPEN_SLIPS
from oms.returns.states import COMPLAINTS, ReturnReason
from oms.shipping.link_models import Opens, TrackingLink
from oms.usecases import derived
from oms.usecases.attachments import AddAttachment, add_attachment
from oms.usecases.attachments_file import KeptFile
from oms.usecases.returns import AskedLine, RequestReturn, request_return
from oms.usecases.returns_base import ReturnResult
from oms.usecases.slips import ReceiveSlip, SlipReceived, receive_slip
from oms.usecases.tracking_links import (
    LinkMade,
    keep_link,
    link_over,
    living,
    make_link,
    open_link,
    shut_link,
)

SHARE: Final = "link.share"
LONGER: Final = timedelta(days=30)
OPEN_AT_ONCE: Final = 5  # slips of one order that a buyer may have waiting
BUYER_ACTIONS: Final = frozenset({"payment.claim", "return.request"})
SOURCE: Final = "public"


@dataclass(frozen=True)
class LinkState:
    """The living link of an order: until when it leads anywhere, and how often it was opened."""

    token: str
    ends: datetime
    seen: int
    seen_at: datetime | None
    created_by: str


@dataclass(frozen=True)
class SendSlip:
    """A buyer's slip. ``said_*`` is what the buyer typed beside it."""

    token: str
    file: Kept
    said_amount: Money | None = None
    said_at: datetime | None = None


@dataclass(frozen=True)
class AskReturn:
    """A buyer wants to send pieces back. ``key`` names the form, so that it counts once; ``photo`` goes to the files of
    the order."""

    token: str
    lines: tuple[AskedLine, ...]
    reason: ReturnReason
    note: str = ""
    key: str = ""
    photo: KeptFile | None = None


def path(token: str) -> str:
    """The address of the page, without the host."""
    return f"/o/{token}"


def order_link(tx: Tx, order_id: int) -> LinkMade:
    """The link of the page of an order; the one that lives, else a new one."""
    tx.actor.require(SHARE)
    return make_link(tx, lock_order(tx, order_id), Opens.ORDER)


def link_for(tx: Tx, order_id: int) -> str:
    """The path of the page of an order, for messages; made when there is none."""
    return path(order_link(tx, order_id).token)


def extend_order_link(tx: Tx, order_id: int) -> datetime:
    """Let the link live some weeks longer; answers until when. Raises NotFound when none lives."""
    tx.actor.require(SHARE)
    order = lock_order(tx, order_id)
    link = tx.session.scalars(living(order.id, Opens.ORDER)).one_or_none()
    if link is None:
        raise NotFound(say("There is no link to make longer; make a new one"), code="link_not_found")
    return keep_link(tx, order, link, LONGER)


def revoke_order_link(tx: Tx, order_id: int) -> bool:
    """Shut the page at once; a new link has another address. False when none lives."""
    tx.actor.require(SHARE)
    return shut_link(tx, lock_order(tx, order_id), Opens.ORDER)


def link_state(tx: Tx, order_id: int) -> LinkState | None:
    """The living link of an order for those who may share it, None when there is none or they may not."""
    if not tx.actor.may(SHARE):
        return None
    link: TrackingLink | None = tx.session.scalars(living(order_id, Opens.ORDER)).one_or_none()
    if link is None:
        return None
    return LinkState(link.token, link_over(tx, link), link.seen, link.seen_at, link.created_by)


def open_order(tx: Tx, token: str) -> Order:
    """The order behind a link, for its page. Raises NotFound, the same for every link that leads nowhere."""
    return open_link(tx, token, Opens.ORDER)


def buyer_of(order: Order, actor: Actor) -> Actor:
    """Whoever holds the link: may send slips and ask for returns, and is named as the buyer everywhere."""
    return Actor(
        "buyer", "Buyer", actions=BUYER_ACTIONS, shops=frozenset({order.shop_id}), source=SOURCE,
        request_id=actor.request_id, ip=actor.ip,
    )  # fmt: skip


def send_slip(tx: Tx, cmd: SendSlip) -> SlipReceived:
    """Take a buyer's slip into the inbox. Raises Refused when nothing is to be paid by transfer, or many wait."""
    order = open_order(tx, cmd.token)
    buyer = tx.acting(buyer_of(order, tx.actor))
    known = select(Slip.id).where(Slip.order_id == order.id, Slip.sha256 == cmd.file.sha256)
    if tx.session.scalar(known) is None:
        _check_wanted(tx, order)
    return receive_slip(
        buyer, ReceiveSlip(cmd.file, order.id, cmd.said_amount, cmd.said_at, source=SOURCE)
    )  # fmt: skip


def _check_wanted(tx: Tx, order: Order) -> None:
    if not asks_for_money(order.status, derived.read_facts(tx, [order])[order.id].money):
        raise Refused(say("Nothing is to be paid by transfer on this order any more"), code="nothing_to_pay")
    waiting = tx.session.scalar(
        select(func.count()).select_from(Slip).where(
            Slip.order_id == order.id, Slip.source == SOURCE, Slip.status.in_(OPEN_SLIPS)
        )
    )  # fmt: skip
    if (waiting or 0) >= OPEN_AT_ONCE:
        raise Refused(
            say("We have {n} slips of this order and are checking them; there is no need for more", n=waiting),
            code="slips_waiting",
        )


def returns_elsewhere(order: Order) -> bool:
    """Whether its buyer asks for returns where they bought it: a platform that holds the money pays it back itself.
    What was paid in our own shops comes back through us."""
    return order.payment_term is PaymentTerm.MARKETPLACE and order.channel in PLATFORMS


def ask_return(tx: Tx, cmd: AskReturn) -> ReturnResult:
    """Ask for a return as the buyer. Raises InvalidInput for reasons that are not a buyer's, pieces that never left or
    came back, and Refused where the marketplace takes returns."""
    order = open_order(tx, cmd.token)
    if returns_elsewhere(order):
        raise Refused(say("Ask for this return where you bought it"), code="return_elsewhere")
    if cmd.reason not in COMPLAINTS:
        raise InvalidInput(say("Choose a reason"), field="reason", code="reason_missing")
    buyer = tx.acting(buyer_of(order, tx.actor))
    key = f"link:{order.id}:{cmd.key}"[:120] if cmd.key else None
    asked = request_return(buyer, RequestReturn(order.id, cmd.lines, cmd.reason, cmd.note, idempotency_key=key))
    if cmd.photo is not None:
        shows = buyer.acting(replace(buyer.actor, actions=BUYER_ACTIONS | {"order.note"}))
        add_attachment(shows, AddAttachment(order.id, AttachmentKind.DAMAGE, cmd.photo, asked.number))
    return asked
