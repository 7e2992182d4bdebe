"""A till for tests of statements: a shop, an account, people, orders, and lines as a bank would write them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from oms.banks.statements.reader import LineRead
from oms.db import Tx
from oms.intake.models import IntakeRun
from oms.intake.states import IntakeKind, RunStatus
from oms.money import Money
from oms.orders.models import Order
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.statement_models import StatementLine
from oms.payments.states import PaymentMethod
from oms.usecases.orders_place import ShipTo, place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, submit_claim, verify_claim
from oms.usecases.statement_suggest import look_again
from oms.usecases.statements import NewLine, TakeLines, take_lines
from tests.shop import SmallShop, small_shop

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


def baht(amount: float | str) -> Money:
    return Money(Decimal(str(amount)))


@dataclass
class Till:
    """``tx`` acts as the cashier; ``program`` may do everything."""

    tx: Tx
    program: Tx
    shop: SmallShop
    account_id: int
    run_id: int
    numbers: list[int] = field(default_factory=list)

    def order(self, *lines: tuple[int, int], name: str = "กนกวรรณ แก้วใส", phone: str = "0800001234", **facts) -> Order:
        """A confirmed order; the first SKU costs 100 baht, the second 200, ..."""
        ship_to = ShipTo(name, phone, "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
        placed = place_order(self.program, self.shop.order(*lines, ship_to=ship_to, confirm=True, **facts))
        self.program.session.flush()
        order = self.program.session.get_one(Order, placed.order_id)
        order.placed_at = NOON - timedelta(hours=2)
        self.program.session.flush()
        return order

    def slip(
        self, order: Order, amount: float, *, verified: bool = False, at: datetime = NOON, reference: str | None = None
    ):
        """A customer's notice, perhaps verified."""
        said = SubmitClaim(
            PaymentMethod.TRANSFER, baht(amount), ((order.id, baht(amount)),), account_id=self.account_id, paid_at=at,
            sending_bank="014" if reference else "", reference=reference,
        )  # fmt: skip
        made = submit_claim(self.program, said)
        if verified:
            verify_claim(self.program, DecideClaim(made.claim_id))
        return self.program.session.get_one(PaymentClaim, made.claim_id)

    def line(
        self, amount: float, text: str = "รับโอนเงิน", at: datetime = NOON, *, look: bool = True, **facts
    ) -> StatementLine:
        """A new line of the statement."""
        read = LineRead(len(self.numbers) + 1, at, True, baht(amount), None, text)
        self.numbers.append(1)
        new = NewLine(1, read, f"mark{len(self.numbers)}", 1, **facts)
        [made] = take_lines(self.tx, TakeLines(self.account_id, self.run_id, "kbank", (new,)))
        if look:
            look_again(self.tx, [made.line_id])
        return self.tx.session.get_one(StatementLine, made.line_id, populate_existing=True)


def open_till(tx: Tx, cashier) -> Till:
    """Make it inside an open transaction of the program."""
    shop = small_shop(tx, pieces=1000)
    account = ReceivingAccount(
        code="KB", bank="กสิกรไทย", account_no="098-7-65264-3", account_name="ร้าน", bank_code="004"
    )
    tx.session.add(account)
    tx.session.flush()
    run = IntakeRun(
        kind=IntakeKind.STATEMENT, status=RunStatus.DONE, account_id=account.id, format="kbank", file_name="a.csv",
        file_key="a", file_sha256="0" * 64, file_size=1, user_label="test", created_at=NOON,
    )  # fmt: skip
    tx.session.add(run)
    tx.session.flush()
    return Till(replace(tx, actor=cashier), tx, shop, account.id, run.id)


def live(tx: Tx) -> list[tuple[int, int | None, Money]]:
    """(line, claim, amount) of matches that stand, added up."""
    from oms.payments.statement_models import StatementMatch

    sums: dict[tuple[int, int | None], int] = {}
    for m in tx.session.scalars(select(StatementMatch)):
        sums[m.line_id, m.claim_id] = sums.get((m.line_id, m.claim_id), 0) + m.amount.in_satang
    return [(line, claim, Money.satang(s)) for (line, claim), s in sorted(sums.items()) if s]
