"""Races of money going back: two clerks ask for the last baht, two cashiers pay one refund, two close one day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from oms.money import Money
from oms.payments.states import PaymentMethod
from oms.usecases.day_closing import CloseDay, close_day
from oms.usecases.payments import DecideClaim, reverse_claim
from oms.usecases.refunds import (
    DecideRefund,
    PayRefund,
    RefundTo,
    RequestRefund,
    RetryRefund,
    approve_refund,
    fail_refund,
    pay_refund,
    request_refund,
    retry_refund,
)

CASH = RefundTo(PaymentMethod.CASH)


def refund_ask(client: Any) -> None:
    """Every client asks for 30 of the 100 baht of each order; some try to take the payment itself back."""
    for order_id, claim_id in client.plan["rounds"]:
        client.barrier.wait(60)
        if client.no == 0:
            client.do(reverse_claim, DecideClaim(claim_id, "โอนผิด"))
        else:
            client.do(request_refund, RequestRefund(order_id, Money(Decimal(30)), "ทดสอบ", CASH))


def refund_steps(client: Any) -> None:
    """All work on the same approved refund at once: pay it, fail it, try it again."""
    for refund_id in client.plan["rounds"]:
        client.barrier.wait(60)
        client.do(approve_refund, DecideRefund(refund_id))
        if client.random.random() < 0.5:
            client.do(pay_refund, PayRefund(refund_id))
        else:
            client.do(fail_refund, DecideRefund(refund_id, "บัญชีปิด"))
            client.do(retry_refund, RetryRefund(refund_id))
        client.do(pay_refund, PayRefund(refund_id))


def day_close(client: Any) -> None:
    """All close the same days."""
    for day in client.plan["rounds"]:
        client.barrier.wait(60)
        client.do(close_day, CloseDay(date.fromisoformat(day), f"client {client.no}"))


RACES = {"refund_ask": refund_ask, "refund_steps": refund_steps, "day_close": day_close}
