"""How parcels are spoken of: pills for the panel, and the one sentence a clerk pastes to a customer."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask, current_app, url_for
from flask_babel import gettext

from oms.errors import say
from oms.orders.states import Board
from oms.reports.answers import Answer, ParcelAnswer
from oms.shipping.states import TRACKING_LABELS, TrackingStatus
from views.filters import short_moment, tr

T = TrackingStatus
TONES: dict[TrackingStatus, str] = {
    T.CREATED: "mut", T.LABEL_READY: "mut", T.PICKED_UP: "info", T.IN_TRANSIT: "info", T.OUT_FOR_DELIVERY: "acc",
    T.READY_FOR_PICKUP: "acc", T.DELIVERED: "ok", T.DELIVERY_FAILED: "bad", T.ON_HOLD: "warn", T.EXCEPTION: "bad",
    T.RETURNING: "warn", T.RETURNED: "warn", T.LOST: "bad", T.CANCELED: "mut", T.UNKNOWN: "warn",
}  # fmt: skip
SAID_LABELS: dict[TrackingStatus, str] = {
    T.CREATED: "is being made ready to leave",
    T.LABEL_READY: "is being made ready to leave",
    T.PICKED_UP: "was taken by the carrier",
    T.IN_TRANSIT: "is on its way",
    T.OUT_FOR_DELIVERY: "is out for delivery",
    T.READY_FOR_PICKUP: "waits for you at the collection point",
    T.DELIVERED: "was delivered",
    T.DELIVERY_FAILED: "could not be delivered; the carrier will try again",
    T.ON_HOLD: "is held by the carrier",
    T.EXCEPTION: "has a problem at the carrier; we are looking into it",
    T.RETURNING: "is on its way back to us",
    T.RETURNED: "came back to us",
    T.LOST: "cannot be found by the carrier; we are looking into it",
    T.CANCELED: "was canceled at the carrier",
    T.UNKNOWN: "is with the carrier",
}
ORDER_LABELS: dict[Board, str] = {
    Board.DRAFT: "is not confirmed yet",
    Board.WAITING_PAYMENT: "waits for the payment",
    Board.SHORT_PAYMENT: "waits for the rest of the payment",
    Board.SLIP_WAITING: "has its payment being checked",
    Board.ON_HOLD: "is being looked at by our staff",
    Board.WAITING_STOCK: "waits for stock",
    Board.READY: "is being made ready to leave",
    Board.PICKING: "is being made ready to leave",
    Board.PACKED: "is packed and about to leave",
    Board.LABELED: "is packed and about to leave",
    Board.CANCELED: "was canceled",
    Board.EXPIRED: "ended because it was not paid in time",
}
_TITLE = re.compile(r"^(คุณ|นาย|นางสาว|นาง|น\.ส\.)\s*")


def addressed(name: str) -> str:
    """A buyer's name as one is addressed by: without a title."""
    return _TITLE.sub("", name).strip() or name


def public_url(token: str) -> str:
    """The public page of an order; "" without a link."""
    known = token and "public_parcel" in current_app.view_functions
    return url_for("public_parcel", token=token, _external=True) if known else ""


def parcel_sentence(answer: Answer, parcel: ParcelAnswer) -> str:
    """Where a parcel is, as it is pasted into a chat."""
    link = parcel.link or public_url(answer.token)
    facts: dict[str, Any] = {
        "who": addressed(answer.order.ship_name), "number": parcel.number, "carrier": parcel.carrier,
        "state": say(SAID_LABELS[parcel.status]),
    }  # fmt: skip
    parts = [tr(say("{who}: your parcel {number} of {carrier} {state}", **facts))]
    if parcel.at is not None:
        parts.append(tr(say("updated {time}", time=short_moment(parcel.at))))
    if link:
        parts.append(tr(say("track it: {link}", link=link)))
    return " ".join(parts)


def order_sentence(answer: Answer) -> str:
    """How an order without a tracking number stands, as it is pasted into a chat."""
    row = answer.order
    state = ORDER_LABELS.get(row.board, "has left our warehouse")
    parts = [
        tr(
            say(
                "{who}: your order {number} {state}", who=addressed(row.ship_name), number=row.number, state=say(state)
            )
        )
    ]  # fmt: skip
    if answer.token:
        parts.append(tr(say("track it: {link}", link=public_url(answer.token))))
    return " ".join(parts)


def carrier_words(parcel: ParcelAnswer) -> str:
    """The carrier's last word with its place, in the carrier's language."""
    last = parcel.last
    return (
        " · ".join(x for x in (last.text, last.place) if x)
        if last
        else gettext("The carrier has not said anything yet")
    )


def install(app: Flask) -> None:
    """What templates need to speak of parcels."""
    app.jinja_env.globals.update(
        TRACKING_LABELS=TRACKING_LABELS, TRACKING_TONES=TONES, parcel_sentence=parcel_sentence,
        order_sentence=order_sentence, carrier_words=carrier_words, public_url=public_url,
    )  # fmt: skip
