"""What is done with the money of one order, from its page: record, verify, reject, reverse, move, credit, override."""

from __future__ import annotations

from flask import flash, request
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.banks.codes import BANKS, find_bank
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, say
from oms.money import ZERO, Money
from oms.payments.states import PaymentMethod
from oms.reports.order_money import find_number
from oms.usecases.gate import OverrideGate, RevokeOverride, override_gate, revoke_override
from oms.usecases.payments import (
    DecideClaim,
    Shares,
    SubmitClaim,
    record_payment,
    reject_claim,
    reverse_claim,
    submit_claim,
    verify_claim,
)
from oms.usecases.payments_allocate import MakeCredit, MoveMoney, UseCredit, make_credit, move_money, use_credit
from views.base import OmsView, page
from views.filters import language, money
from views.order_actions import POST, act, choice, past_moment, text, version

FEW = ("002", "004", "006", "011", "014", "025", "030", "TMN")  # what most slips come from, first in the list


def bank_choices() -> list[tuple[str, str]]:
    """(code, name) of the banks money comes from, the usual ones first."""
    listed = sorted(BANKS.values(), key=lambda b: (FEW.index(b.code) if b.code in FEW else len(FEW), b.short))
    return [(b.code, f"{b.short} · {b.thai if language() == 'th' else b.english}") for b in listed]


def transfer() -> tuple[str, str | None]:
    """(sending bank, reference) as typed. A reference means nothing without the bank that gave it."""
    reference, bank = "".join(text("reference", 80).split()), text("sending_bank", 40)
    known = find_bank(bank) if bank else None
    if (bank and known is None) or (reference and known is None):
        raise InvalidInput(say("Choose the bank the money was sent from"), field="sending_bank", code="bank_missing")
    return known.code if known else "", reference or None


def amount_of(name: str) -> Money | None:
    """An amount typed into a field, None when it is empty."""
    raw = text(name, 40)
    return Money.parse(raw, name) if raw else None


def shares_typed() -> dict[int, Money]:
    """The amounts typed for orders: fields ``share_<order id>``; of a list with tick boxes only the ticked ones."""
    ticked = {int(i) for i in request.form.getlist("with") if i.isdecimal() and len(i) < 19}
    found = {}
    for name in request.form:
        key = name.removeprefix("share_")
        if key != name and key.isdecimal() and len(key) < 19 and (int(key) in ticked or "with_all" in request.form):
            found[int(key)] = amount_of(name) or ZERO
    return found


class OrderMoneyView(OmsView):
    """The payment buttons of the order page."""

    route_base = "/order"
    default_view = "claim"
    requires = "order.view"

    @page("/<int:pk>/claim", methods=POST)
    def claim(self, pk: int) -> Response:
        """Record what the customer says was paid, for this order and others; at once verified when it is certain."""

        def verb(tx: Tx) -> None:
            amount, others = Money.parse(text("amount"), "amount"), shares_typed()
            own = amount - sum(others.values(), start=ZERO)
            if own <= ZERO:
                taken = say("Nothing is left for this order; the other orders take it all")
                raise InvalidInput(taken, field="amount", code="own_share")
            bank, reference = transfer()
            command = SubmitClaim(
                method=choice(PaymentMethod, "method"),
                amount=amount,
                allocations=((pk, own), *sorted(others.items())),
                account_id=request.form.get("account_id", type=int),
                sending_bank=bank,
                reference=reference,
                paid_at=past_moment("paid_at"),
                note=text("note"),
                idempotency_key=text("key", 120) or None,
            )
            if "is_in" in request.form:
                record_payment(tx, command, proven=False)  # this person's word alone
            else:
                submit_claim(tx, command)

        done = gettext("Payment recorded and verified") if "is_in" in request.form else gettext(
            "Payment notice recorded; it waits to be checked"
        )  # fmt: skip
        return act(pk, verb, done, dialog="claim")

    @page("/<int:pk>/claims/<int:claim_id>/<decision>", methods=POST)
    def decide(self, pk: int, claim_id: int, decision: str) -> Response:
        """Verify, reject or reverse a payment. Verifying may say what really came in."""
        verbs = {
            "verify": (verify_claim, gettext("Payment verified")),
            "reject": (reject_claim, gettext("Payment notice rejected")),
            "reverse": (reverse_claim, gettext("Payment reversed")),
        }
        if decision not in verbs:
            raise NotFound(say("There is nothing of that name to do"), code="decision")
        verb, done = verbs[decision]

        def run(tx: Tx) -> None:
            shares = shares_typed()
            verb(
                tx,
                DecideClaim(
                    claim_id, text("note"), version(), amount=amount_of("amount"),
                    allocations=tuple(sorted(shares.items())) if shares else None,
                    account_id=request.form.get("account_id", type=int), paid_at=past_moment("paid_at"),
                ),
            )  # fmt: skip

        return act(pk, run, done, dialog=f"{decision}-{claim_id}")

    @page("/<int:pk>/claims/<int:claim_id>/move", methods=POST)
    def move(self, pk: int, claim_id: int) -> Response:
        """Share a verified payment out anew, also to an order named by its number."""

        def verb(tx: Tx) -> None:
            shares = shares_typed()
            if number := text("to_number", 40).upper():
                other = find_number(tx, number)
                if other is None:
                    raise InvalidInput(
                        say("There is no order {number}", number=number), field="to_number", code="order_unknown"
                    )
                shares[other] = shares.get(other, ZERO) + (amount_of("to_amount") or ZERO)
            wanted: Shares = tuple(sorted(shares.items()))
            move_money(tx, MoveMoney(claim_id, wanted, text("note"), version()))

        return act(pk, verb, gettext("Payment shared out anew"), dialog=f"move-{claim_id}")

    @page("/<int:pk>/credit", methods=POST)
    def credit(self, pk: int) -> Response:
        """What is too much becomes the customer's credit."""
        command = MakeCredit(pk, text("note"))
        return act(pk, lambda tx: make_credit(tx, command), gettext("Kept as the customer's credit"))

    @page("/<int:pk>/use_credit", methods=POST)
    def use_credit(self, pk: int) -> Response:
        """Pay from the customer's credit."""

        def verb(tx: Tx) -> None:
            done = use_credit(tx, UseCredit(pk, amount_of("amount"), text("note")))
            flash(gettext("%(amount)s of the credit used", amount=money(done.amount)), "info")

        return act(pk, verb, gettext("Paid from the credit"), dialog="use-credit")

    @page("/<int:pk>/override", methods=POST)
    def override(self, pk: int) -> Response:
        """Let the goods leave although money is missing."""
        command = OverrideGate(pk, text("note"), version())
        return act(pk, lambda tx: override_gate(tx, command), gettext("The order may leave now"), dialog="override")

    @page("/<int:pk>/revoke", methods=POST)
    def revoke(self, pk: int) -> Response:
        """Take an override back."""
        command = RevokeOverride(pk, text("note"))
        return act(pk, lambda tx: revoke_override(tx, command), gettext("Taken back; the gate decides again"),
                   dialog="revoke")  # fmt: skip


VIEWS = (OrderMoneyView,)
