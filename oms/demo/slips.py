"""Slips that wait in the demo shop: drawn pictures with real QR codes, sent in as sales clerks do. Two transfers come a
second time for another order, one picture cannot be read, one is twenty baht short, and two name no order."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import segno
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.banks.codes import BANKS
from oms.banks.slip_code import write_slip
from oms.customers.finding import Buyer
from oms.db import Tx, transaction
from oms.demo.goods import Goods
from oms.demo.life import IDENTITIES
from oms.demo.people import Person
from oms.demo.statement import ACCOUNT
from oms.intake import files
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import Board
from oms.payments.models import ReceivingAccount
from oms.payments.slip_models import Slip
from oms.usecases.orders_place import NewLine, PlaceOrder, Stock, place_order
from oms.usecases.slips import ReceiveSlip, receive_slip

COUNT, SHORT, LOOSE, UNREADABLE, AGAIN = 30, 4, (7, 12), 9, {20: 3, 25: 5}
FONTS = Path(__file__).resolve().parents[2] / "views" / "static" / "fonts"
COLORS = {"004": "#138f2d", "014": "#4e2e7f", "002": "#1e4598", "006": "#1ba5e1", "025": "#b98f00", "030": "#eb198d"}
MONTHS = ("ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.")
WIDTH, HEIGHT = 720, 1180


@dataclass(frozen=True)
class Drawn:
    """What a drawn slip says."""

    bank: str
    reference: str
    amount: Money
    payer: str
    receiver: str
    account: str
    at: datetime


def send_in(actor: Actor, goods: Goods, buyers: Sequence[Person], root: Path, random: Random, end: datetime) -> int:
    """This morning's chat orders, and the slips sent for them; returns how many. Done before an interruption is not
    done again."""
    with transaction(actor) as tx:
        if tx.session.scalar(select(Slip.id).limit(1)):
            return 0
    for no in range(COUNT):
        with clock.at(end - timedelta(hours=4, minutes=-5 * no)), transaction(actor) as tx:
            _order(tx, goods, random.choice(buyers), random, no)
    with transaction(actor) as tx:
        orders = _unpaid(tx)
        account = tx.session.scalars(select(ReceivingAccount).where(ReceivingAccount.code == ACCOUNT)).one()
        told = [(o.id, o.total, o.ship_name, clock.local(o.placed_at)) for o in orders]
        to, account_id = (account.account_name, account.account_no), account.id
    drawn: list[Drawn] = []
    for no, (order_id, total, name, placed) in enumerate(told):
        moment = max(end - timedelta(minutes=4 * (len(told) - no)), end - timedelta(hours=3))
        at = min(placed + timedelta(minutes=random.randint(6, 90)), clock.local(moment))
        slip = _slip(random, total - Money(Decimal(20)) if no == SHORT else total, name, to, at)
        drawn.append(drawn[AGAIN[no]] if no in AGAIN else slip)
        picture = draw(drawn[no], blurred=no == UNREADABLE, tint=no in AGAIN)
        with clock.at(moment), transaction(actor) as tx:
            kept = files.keep(root, io.BytesIO(picture), f"slip-{no + 1:02}.jpg")
            command = ReceiveSlip(kept, None if no in LOOSE else order_id)
            if no % 2 == 0 and no not in {SHORT, UNREADABLE, *LOOSE, *AGAIN}:  # the clerk noted when, and into which
                command = replace(command, said_at=drawn[no].at, account_id=account_id)
            receive_slip(tx, command)
    return len(drawn)


def _order(tx: Tx, goods: Goods, person: Person, random: Random, no: int) -> None:
    """An order taken in the chat, waiting for its money."""
    items = random.sample(goods.items, random.randint(1, 2))
    shop = random.choice(("line", "facebook", "instagram"))
    placed = PlaceOrder(
        shop_id=goods.shops[shop], lines=tuple(NewLine(item.id, random.randint(1, 2)) for item in items),
        ship_to=person.home, buyer=Buyer(person.name, person.phone, IDENTITIES[shop], person.handle),
        shipping_fee=Money(Decimal(40)), owner_id=tx.actor.user_id, owner=tx.actor.label,
        idempotency_key=f"demo:slip:{no}", confirm=True, stock=Stock.MAY_WAIT,
    )  # fmt: skip
    place_order(tx, placed)


def _unpaid(tx: Tx) -> Sequence[Order]:
    found = select(Order).where(Order.board == Board.WAITING_PAYMENT).order_by(Order.placed_at.desc()).limit(COUNT)
    return list(reversed(tx.session.scalars(found).all()))


def _slip(random: Random, amount: Money, payer: str, to: tuple[str, str], at: datetime) -> Drawn:
    bank = random.choice(sorted(COLORS))
    reference = f"{at:%Y%m%d%H%M}" + "".join(random.choices("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", k=8))
    number = "".join(c for c in to[1] if c.isdecimal()).rjust(10, "0")
    return Drawn(bank, reference, amount, payer, to[0], f"xxx-x-x{number[5:9]}-x", at)


def draw(slip: Drawn, *, blurred: bool = False, tint: bool = False) -> bytes:
    """The slip as a bank's app saves it, as JPEG. ``blurred``: a photo nobody can read; ``tint``: another screenshot
    of the same transfer."""
    bank, color = BANKS[slip.bank], COLORS[slip.bank]
    picture = Image.new("RGB", (WIDTH, HEIGHT), "#f2f0e8" if tint else "#ffffff")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, WIDTH, 140), fill=color)
    day = f"{slip.at.day} {MONTHS[slip.at.month - 1]} {(slip.at.year + 543) % 100} {slip.at:%H:%M} น."
    for place, text, size, ink, weight in (
        ((40, 88), bank.short, 44, "#ffffff", 600), ((40, 210), "โอนเงินสำเร็จ", 40, color, 600),
        ((40, 258), day, 27, "#666666", 400), ((40, 350), "จาก", 24, "#888888", 400),
        ((40, 392), slip.payer, 32, "#111111", 600), ((40, 432), bank.thai, 25, "#555555", 400),
        ((40, 520), "ไปยัง", 24, "#888888", 400), ((40, 562), slip.receiver, 32, "#111111", 600),
        ((40, 602), slip.account, 25, "#555555", 400), ((40, 700), "เลขที่รายการ", 24, "#888888", 400),
        ((40, 738), slip.reference, 29, "#111111", 600), ((40, 810), "จำนวน", 24, "#888888", 400),
        ((40, 856), f"{slip.amount.amount:,.2f} บาท", 40, "#111111", 600),
        ((40, 1120), "สแกนตรวจสอบสลิป", 24, "#999999", 400),
    ):  # fmt: skip
        _write(pen, place, text, size, ink, weight)
    code = io.BytesIO()
    segno.make(write_slip(slip.bank, slip.reference), error="m").save(code, kind="png", scale=5, border=4)
    side = Image.open(code).convert("RGB").resize((250, 250), Image.Resampling.NEAREST)
    picture.paste(side, (WIDTH - 290, HEIGHT - 290))
    if blurred:
        picture = picture.filter(ImageFilter.GaussianBlur(11)).point(lambda v: v * 2 // 5)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=84)
    return out.getvalue()


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, ink: str, weight: int) -> None:
    """Thai and Latin letters come from two files of the same face."""
    x, y = place
    runs: list[tuple[str, bool]] = []
    for letter in text:
        thai = "\u0e00" <= letter <= "\u0e7f"
        if runs and (runs[-1][1] == thai or letter == " "):
            runs[-1] = (runs[-1][0] + letter, runs[-1][1])
        else:
            runs.append((letter, thai))
    for run, thai in runs:
        font = ImageFont.truetype(FONTS / f"plex-thai-{'thai' if thai else 'latin'}-{weight}.woff2", size)
        pen.text((x, y), run, font=font, fill=ink, anchor="ls")
        x += round(font.getlength(run))
