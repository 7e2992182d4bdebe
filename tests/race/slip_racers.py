"""Races of slips: one file sent at once to two orders, one transfer in many pictures, many cashiers on one slip."""

from __future__ import annotations

from typing import Any

from oms.banks.slip_code import SlipCode
from oms.intake.files import Kept
from oms.payments.states import RejectReason, SlipKind
from oms.usecases.slips import AttachSlip, ReceiveSlip, RejectSlip, attach_slip, receive_slip, reject_slip
from oms.usecases.slips_confirm import ConfirmSlip, confirm_slip
from oms.usecases.slips_read import PageRead, Reading, record_reading


def slip_upload(client: Any) -> None:
    """Every client sends the file of the round, half of them for another order."""
    for no, orders in enumerate(client.plan["rounds"]):
        client.barrier.wait(60)
        client.do(receive_slip, ReceiveSlip(Kept(f"{no:048x}", "slip.jpg", 10, f"{no:064x}"), orders[client.no % 2]))


def slip_read(client: Any) -> None:
    """Every client reads a slip of its own; all pictures of a round are of one transfer."""
    for no, slips in enumerate(client.plan["rounds"]):
        look = f"{client.random.getrandbits(2048):0512x}"
        code = SlipCode(SlipKind.SLIP, "014", f"RACE{no:04}", crc_ok=True)
        page = PageRead(f"{no:048x}", f"{no:048x}", 720, 1180, look, code)
        client.barrier.wait(60)
        client.do(record_reading, slips[client.no], Reading((page,)))


def slip_decide(client: Any) -> None:
    """All decide the same slip at once, each in a way of its own; some put it to another order meanwhile."""
    for slip_id, other in client.plan["rounds"]:
        client.barrier.wait(60)
        way = client.random.random()
        if way < 0.6:
            client.do(confirm_slip, ConfirmSlip(slip_id, account_id=client.plan["account"]))
        elif way < 0.8:
            client.do(reject_slip, RejectSlip(slip_id, RejectReason.UNREADABLE))
        else:
            client.do(attach_slip, AttachSlip(slip_id, (other,)))


RACES = {"slip_upload": slip_upload, "slip_read": slip_read, "slip_decide": slip_decide}
