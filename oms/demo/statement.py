"""A bank statement of the last two days: slips that a cashier has counted, transfers that wait, and lines of nobody."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.db import Tx, transaction
from oms.importing import pipeline
from oms.intake import files
from oms.intake.models import IntakeRun
from oms.intake.states import IntakeKind
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.states import ClaimStatus, PaymentMethod
from oms.usecases.intake import ReceiveFile, receive_file

NAME = "kbank-statement.csv"
ACCOUNT = "KBANK"
DAYS = timedelta(days=2)
OPENING = Money.satang(5_200_000)
HEADINGS = (
    "", "วันที่", "เวลา/ วันที่มีผล", "รายการ", "ถอนเงิน", "", "ฝากเงิน", "", "ยอดคงเหลือ", "", "ช่องทาง", "", "รายละเอียด",
)  # fmt: skip
NAMES = ("นาย สมชาย ใจ++", "น.ส. มาลี วง++", "MR PIYA BOO++", "นาง อรทัย ทอง++", "น.ส. กนกวรรณ แก้++")


@dataclass(frozen=True)
class Transfer:
    """One line of the bank."""

    at: datetime
    amount: Money
    text: str


def take_in(actor: Actor, random: Random, root: Path, end: datetime) -> None:
    """Import the statement as the screen would; done once, whatever was interrupted."""
    with transaction(actor) as tx:
        run_id = tx.session.scalar(select(IntakeRun.id).where(IntakeRun.file_name == NAME))
        rows = _rows(tx, random, end) if run_id is None else []
    if run_id is None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        kept = files.keep(root, io.BytesIO(text.getvalue().encode("utf-8-sig")), NAME)
        command = ReceiveFile(
            IntakeKind.STATEMENT, kept, account_code=ACCOUNT, commit_after_check=True, queue=False
        )  # fmt: skip
        with transaction(actor) as tx:
            run_id = receive_file(tx, command)
    pipeline.carry_out(lambda: transaction(actor), root, run_id)


def _rows(tx: Tx, random: Random, end: datetime) -> list[list[str]]:
    """The file as KBank writes it: a head that names the account, then lines with a running balance."""
    account = tx.session.scalars(select(ReceivingAccount).where(ReceivingAccount.code == ACCOUNT)).one()
    lines = sorted(
        [*_slips(tx, account.id, random, end), *_announced_by_nobody(tx, random, end), *_others(end)],
        key=lambda n: n.at,
    )  # fmt: skip
    rows = [["", "เลขที่บัญชีเงินฝาก", account.account_no], ["", "ชื่อบัญชี", account.account_name], [], list(HEADINGS)]
    rows.append(["", "", "", "ยอดยกมา", "", "", "", "", str(OPENING), "", "", "", ""])
    balance = OPENING
    for line in lines:
        balance += line.amount
        local, into = clock.local(line.at), line.amount > Money.satang(0)
        out, came = ("", str(line.amount)) if into else (str(-line.amount), "")
        kind = "รับโอนเงิน" if into else "หักบัญชี"
        when = ["", f"{local:%d-%m-%y}", f"{local:%H:%M}"]
        rows.append([*when, kind, out, "", came, "", str(balance), "", "K PLUS", "", line.text])
    return rows


def _slips(tx: Tx, account_id: int, random: Random, end: datetime) -> list[Transfer]:
    """The money of payments into this account, as the bank saw it; some texts give the transfer's reference."""
    claims = tx.session.scalars(
        select(PaymentClaim)
        .where(
            PaymentClaim.account_id == account_id, PaymentClaim.paid_at >= end - DAYS, PaymentClaim.paid_at <= end,
            PaymentClaim.status.in_([ClaimStatus.VERIFIED, ClaimStatus.SUBMITTED]),
            PaymentClaim.method.in_([PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY]),
        )
        .order_by(PaymentClaim.id)
    )  # fmt: skip
    made = []
    for claim in claims:
        named = f" REF {claim.reference}" if claim.reference and random.random() < 0.3 else ""
        text = f"จาก X{random.randint(1000, 9999)} {random.choice(NAMES)}{named}"
        made.append(Transfer(claim.paid_at or end, claim.amount, text))
    return made


def _announced_by_nobody(tx: Tx, random: Random, end: datetime) -> list[Transfer]:
    """Buyers who paid and sent no slip; one paid two orders with one transfer."""
    orders = list(
        tx.session.scalars(
            select(Order)
            .where(
                Order.status == OrderStatus.CONFIRMED, Order.payment_status == PaymentStatus.UNPAID,
                Order.payment_term == PaymentTerm.PREPAID, Order.closed_at.is_(None),
            )
            .order_by(Order.placed_at.desc(), Order.id.desc())
            .limit(6)
        )
    )  # fmt: skip
    made = []
    for order in orders[:4]:
        number = f" {order.number}" if random.random() < 0.5 else ""
        at = max(order.placed_at, end - DAYS) + timedelta(minutes=random.randint(4, 50))
        made.append(
            Transfer(min(at, end), order.total, f"จาก X{order.ship_phone[-4:] or '0000'} {order.ship_name}{number}")
        )
    if len(orders) == 6:
        made.append(Transfer(end, orders[4].total + orders[5].total, f"จาก X7788 {orders[4].ship_name}"))
    return made


def _others(end: datetime) -> list[Transfer]:
    """What no order explains."""
    return [
        Transfer(end - timedelta(hours=30), Money.satang(-1500), "ค่าธรรมเนียมรายการ"),
        Transfer(end - timedelta(hours=20), Money.satang(1873), "ดอกเบี้ยเงินฝาก"),
        Transfer(end - timedelta(hours=9), Money.satang(199_900), "จาก X0404 MR UNKNOWN SENDER"),
        Transfer(end - timedelta(hours=7), Money.satang(-250_000), "โอนไป X2211 บจก. รวมมิตรตัวอย่าง"),
    ]
