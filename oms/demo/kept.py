"""Pictures kept with the demo's orders: what buyers wrote, photos of packed boxes. Drawn here; they show nobody."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Channel
from oms.db import Tx, transaction
from oms.demo.slips import FONTS
from oms.intake import files
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.orders.models import Order
from oms.orders.states import Board
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.attachments import AddAttachment, AddPackingPhoto, add_attachment, add_packing_photo
from oms.usecases.attachments_file import KeptFile, KeptPicture

CHATS: Final = (
    ("พี่คะ ขอเปลี่ยนเป็นสีครีมได้ไหมคะ", "ได้ค่ะ เดี๋ยวแก้ให้ในคำสั่งซื้อเลยนะคะ", "ขอบคุณค่า"),
    ("โอนแล้วนะครับ ช่วยส่งวันนี้ด้วย", "ได้รับยอดแล้วค่ะ รอบบ่ายสามส่งให้เลย", "ขอบคุณครับ"),
)
CHAT_CHANNELS: Final = (Channel.LINE, Channel.FACEBOOK, Channel.INSTAGRAM)
PACKED: Final = 3


def pictures(actors: Mapping[str, Actor], root: Path, end: datetime) -> None:
    """Chats with two orders, photos of the boxes that were packed this morning. Done once."""
    with transaction(actors["system"]) as tx:
        if tx.session.scalar(select(OrderAttachment.id).limit(1)):
            return
        asked, packed = _orders(tx), _boxes(tx)
    chats = [_kept(root, _chat(words), f"chat-{n}.jpg") for n, words in enumerate(CHATS, 1)]
    photos = [_kept(root, _box(number), f"{number}.jpg") for _, number in packed]
    with clock.at(end), transaction(actors["sales"]) as tx:
        for order_id, file in zip(asked, chats, strict=False):
            add_attachment(tx, AddAttachment(order_id, AttachmentKind.CHAT, file, "ลูกค้าคุยในแชต"))
    with clock.at(end), transaction(actors["warehouse"]) as tx:
        _photograph(tx, packed, photos)


def _photograph(tx: Tx, packed: Sequence[tuple[int, str]], photos: Sequence[KeptFile]) -> None:
    for (shipment_id, _), photo in zip(packed, photos, strict=True):
        add_packing_photo(tx, AddPackingPhoto(shipment_id, photo))


def _orders(tx: Tx) -> Sequence[int]:
    """The newest orders of a chat that wait to be sent."""
    waiting = select(Order.id).where(Order.channel.in_(CHAT_CHANNELS), Order.board.in_([Board.READY, Board.PICKING]))
    return tx.session.scalars(waiting.order_by(Order.id.desc()).limit(len(CHATS))).all()


def _boxes(tx: Tx) -> list[tuple[int, str]]:
    """(shipment, its number) of boxes that stand packed."""
    packed = Shipment.status.in_([ShipmentStatus.PACKED, ShipmentStatus.LABELED])
    rows = tx.session.execute(select(Shipment.id, Shipment.number).where(packed).order_by(Shipment.id).limit(PACKED))
    return [(row.id, row.number) for row in rows]


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / "plex-thai-thai-400.woff2"), size)


def _kept(root: Path, picture: Image.Image, name: str) -> KeptFile:
    """The picture in the store; drawn by us, it need not be made anew."""
    data, small = _jpeg(picture), picture.copy()
    small.thumbnail((320, 320))
    key, thumb = (files.keep(root, io.BytesIO(body), name).key for body in (data, _jpeg(small)))
    return KeptFile(name, hashlib.sha256(data).hexdigest(), (KeptPicture(key, thumb),))


def _chat(words: Sequence[str]) -> Image.Image:
    """A conversation, theirs at the left and ours at the right."""
    picture = Image.new("RGB", (720, 900), "#8cabd9")
    pen, at = ImageDraw.Draw(picture), 90
    for n, text in enumerate(words):
        wide = int(pen.textlength(text, _font(30))) + 48
        left, color = (40, "#ffffff") if n % 2 == 0 else (680 - wide, "#85e249")
        pen.rounded_rectangle((left, at, left + wide, at + 76), 26, fill=color)
        pen.text((left + 24, at + 18), text, "#18202a", _font(30))
        at += 120
    return picture


def _box(number: str) -> Image.Image:
    """A brown box on a table with its number."""
    picture = Image.new("RGB", (1200, 900), "#cfd4d0")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 640, 1200, 900), fill="#9b7a55")
    pen.polygon([(250, 300), (600, 200), (950, 300), (600, 410)], fill="#d9b382", outline="#7c5a34")
    pen.polygon([(250, 300), (600, 410), (600, 760), (250, 640)], fill="#c49a66", outline="#7c5a34")
    pen.polygon([(950, 300), (600, 410), (600, 760), (950, 640)], fill="#ad8350", outline="#7c5a34")
    pen.polygon([(560, 398), (640, 398), (990, 290), (910, 276)], fill="#e8dcc4")
    pen.rectangle((640, 500, 900, 620), fill="#ffffff", outline="#888888")
    pen.text((660, 535), number, "#111111", ImageFont.truetype(str(FONTS / "plex-thai-latin-600.woff2"), 30))
    return picture


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()
