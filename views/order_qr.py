"""The QR code by which an order is paid: drawn on its page, and as a file to send."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import segno
from markupsafe import Markup
from werkzeug.wrappers import Response

from oms.payments.models import ReceivingAccount
from oms.payments.rules import MoneyFacts
from oms.reports.pay_codes import PayCode, message, pay_code, pay_codes
from views.base import OmsView, page, unit
from views.filters import tr

MODULE = 12  # pixels of one square in the file: sharp on any phone, 600 pixels in all


@dataclass(frozen=True)
class Shown:
    """A code as the page shows it."""

    code: PayCode
    label: str
    picture: Markup
    text: str


class PayCodeView(OmsView):
    """A QR code as a PNG file, for those who may see amounts."""

    route_base = "/orders"
    requires = "order.price"

    @page("/<int:pk>/qr/<key>.png")
    def picture(self, pk: int, key: str) -> Response:
        """The file. Made at this moment: the amount is what is missing now."""
        with unit() as tx:
            code = pay_code(tx, pk, key)
        out = io.BytesIO()
        drawn(code.payload).save(out, kind="png", scale=MODULE, border=4)
        answer = Response(out.getvalue(), mimetype="image/png")
        name = f"{code.reference or 'promptpay'}-{code.amount.amount:.2f}.png"
        answer.headers.update({"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"})
        return answer


def drawn(payload: str) -> segno.QRCode:
    """The code as squares."""
    return segno.make(payload, error="m", boost_error=False)


def shown_codes(order: Any, money: MoneyFacts, accounts: list[ReceivingAccount]) -> dict[str, Any]:
    """What the order page shows to those who may see amounts; nothing when nothing is to be paid."""
    found = pay_codes(order, money, accounts)
    if found is None:
        return {"pay": None}
    codes = [
        Shown(
            code, tr(code.label),
            Markup(drawn(code.payload).svg_inline(scale=4, border=3, omitsize=True, light="#fff")),  # noqa: S704  squares drawn by us
            tr(message(found, code)),
        )
        for code in found.codes
    ]  # fmt: skip
    return {"pay": found, "pay_codes": codes, "pay_problems": [tr(problem) for problem in found.problems]}


VIEWS = (PayCodeView,)
NAV = ()
