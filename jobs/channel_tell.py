"""Words told to channels, one after the other; what is not known to have arrived is looked up before it is repeated."""

from __future__ import annotations

import io
import time
from functools import partial

from flask import current_app
from sqlalchemy import select

from jobs.channel_line import ALIVE, LeftAlone, Line
from jobs.context import program
from oms import outbox
from oms.channels.models import ChannelDeed
from oms.channels.port import (
    Ability,
    Channel,
    ChannelChoice,
    ChannelError,
    ChannelNotReady,
    ChannelRefused,
    ChannelTooLate,
    OrderNews,
    Shipped,
    Shipping,
)
from oms.channels.registry import CONNECTORS
from oms.channels.states import DeedKind, Source
from oms.db import Tx, transaction
from oms.documents.foreign import ForeignReader
from oms.errors import OmsError
from oms.intake import files
from oms.outbox import Work
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import BEFORE_HAND_OVER
from oms.usecases.channel_deeds import (
    NEEDS,
    TELL,
    Asked,
    begin_word,
    cannot,
    is_done,
    word_failed,
    word_put_off,
    word_told,
)
from oms.usecases.channel_intake import TakePage, take_page
from oms.usecases.channel_lease import get_connection
from oms.usecases.labels_waybills import TakeWaybills, UploadedPdf, take_waybills
from oms.usecases.shipping_parcels import SetTracking, set_tracking

__all__ = ["TELL", "tell"]
TURN_SECONDS = 10.0
LABEL_BYTES = 8 * 1024 * 1024
Answer = Shipping | bytes | None


def tell(work: Work) -> None:
    """Tell the words of one shop whose turn has come, for a while; what is left then is rung for again."""
    connection_id = int(work.payload["connection_id"])
    line = Line(lambda: transaction(program(work)), connection_id, lambda tx: outbox.extend(tx, work.id, ALIVE))
    with transaction(program(work)) as tx:
        row = get_connection(tx, connection_id)
        abilities, label = CONNECTORS[row.connector].abilities, f"{row.shop.code} · {row.connector}"
    end = time.monotonic() + TURN_SECONDS
    while time.monotonic() < end:
        with transaction(program(work)) as tx:
            asked = begin_word(tx, connection_id)
        if asked is None or not _one(line, asked, abilities, label):
            break
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


def _one(line: Line, asked: Asked, abilities: frozenset[Ability], label: str) -> bool:
    """Tell one word and write down what became of it. False when the channel is not to be asked more now."""
    try:
        if NEEDS[asked.kind] not in abilities:
            raise cannot(asked.kind)
        if asked.look_first and Ability.REFRESH in abilities and _arrived(line, asked, label):
            answer: Answer = None
        else:
            answer = line.ask(partial(_tell, asked=asked))
    except LeftAlone as why:
        with line.unit() as tx:
            word_put_off(tx, asked.id, str(why))
        return False
    except ChannelError as error:
        if _may_be_done(asked, error) and Ability.REFRESH in abilities and _arrived(line, asked, label):
            with line.unit() as tx:
                word_told(tx, asked.id)
            return True
        with line.unit() as tx:
            word_failed(tx, asked.id, error)
        return not error.retryable or isinstance(error, ChannelNotReady)
    with line.unit() as tx:
        row = word_told(tx, asked.id, answer if isinstance(answer, Shipping) else None)
        if isinstance(answer, Shipping) and answer.tracking_no and asked.kind is DeedKind.ACCEPT:
            _number(tx, row, answer)
    if isinstance(answer, bytes):
        _keep_label(line, asked, answer)
    return True


def _may_be_done(asked: Asked, error: ChannelError) -> bool:
    """Whether a refusal may mean that it is so already: a parcel the platform had fetched has left before our word."""
    refused = isinstance(error, ChannelRefused) and not isinstance(error, ChannelChoice)
    return isinstance(error, ChannelTooLate) or (refused and asked.kind in {DeedKind.ACCEPT, DeedKind.SHIP})


def _tell(channel: Channel, asked: Asked) -> Answer:
    number, facts = asked.external_no, asked.facts
    match asked.kind:
        case DeedKind.ACCEPT:
            return channel.accept(number)
        case DeedKind.SHIP:
            tracking_no, carrier, code = (str(facts.get(n, "")) for n in ("tracking_no", "carrier", "carrier_code"))
            return channel.ship(Shipped(number, tracking_no, carrier, code))
        case DeedKind.CANCEL:
            channel.cancel(number, str(facts.get("reason", "")))
        case DeedKind.LABEL:
            return channel.get_label(number)
        case _:
            channel.answer_cancel(number, agree=asked.kind is DeedKind.AGREE_CANCEL)
    return None


def _arrived(line: Line, asked: Asked, label: str) -> bool:
    """Ask how the order stands, take that in, and say whether our word is seen in it."""
    try:
        found = line.ask(partial(_look, number=asked.external_no))
    except LeftAlone:
        return False
    with line.unit() as tx:
        shop_id = get_connection(tx, line.connection_id).shop_id
        take_page(tx, TakePage(shop_id, Source.REFRESH, found, label, finish=True))
    return is_done(asked.kind, found[0] if found else None)


def _look(channel: Channel, number: str) -> tuple[OrderNews, ...]:
    return channel.refresh([number])


def _number(tx: Tx, deed: ChannelDeed, answer: Shipping) -> None:
    """The platform's number goes on the order's box, when there is one box and it has none."""
    boxes = tx.session.scalars(
        select(Shipment)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .where(ShipmentLine.order_id == deed.order_id, Shipment.status.in_(BEFORE_HAND_OVER))
        .distinct()
    ).all()
    if len(boxes) != 1:
        return
    try:
        with tx.session.begin_nested():
            set_tracking(tx, SetTracking(boxes[0].id, answer.carrier or boxes[0].carrier, answer.tracking_no))
    except OmsError as refusal:  # a person sees the number on the word and decides
        deed.reason = str(refusal)[:500]


def _keep_label(line: Line, asked: Asked, pdf: bytes) -> None:
    """The platform's waybill goes where uploaded ones go, and is found by the order's number in its name."""
    root = current_app.extensions["oms.settings"].files_dir
    kept = files.keep(root, io.BytesIO(pdf), f"{asked.external_no}.pdf", LABEL_BYTES)
    try:
        with ForeignReader() as reader:
            pages = reader.look_at(pdf)
        with line.unit() as tx:
            take_waybills(tx, TakeWaybills((UploadedPdf(kept, pages),)))
    except OmsError:
        files.path_of(root, kept.key).unlink(missing_ok=True)
        raise
