"""What a slip verifier is asked and what it answers, whoever it is.

A verifier never decides: it tells facts. Whether they fit the order is compared by ``oms.banks.checking``, and a person
confirms. Nothing here raises anything but ``Silence``, and ``ask`` turns that into an answer too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from oms.money import Money
from oms.net.silence import Silence
from oms.payments.states import CheckOutcome

MESSAGE_LENGTH = 300  # of a provider's own words; they are shown, not understood


@dataclass(frozen=True)
class Question:
    """One transfer to ask about, by bank and reference or by the text of the slip's QR."""

    sending_bank: str
    reference: str
    qr_payload: str = ""


@dataclass(frozen=True)
class Party:
    """Payer or receiver as a provider shows them: numbers are masked (``xxx-x-x5366-x``), names may be cut short."""

    name: str = ""
    bank: str = ""
    account: str = ""
    proxy_type: str = ""
    proxy: str = ""


@dataclass(frozen=True)
class Transfer:
    """A transfer as the provider tells it. ``paid_at`` is aware UTC; banks are 3-digit codes."""

    reference: str
    sending_bank: str
    amount: Money
    paid_at: datetime | None
    sender: Party = field(default_factory=Party)
    receiver: Party = field(default_factory=Party)
    refs: tuple[str, ...] = ()

    def as_facts(self) -> dict[str, Any]:
        """As the row of the question keeps it: plain, exact, satang as an integer."""
        return {
            "reference": self.reference, "sending_bank": self.sending_bank, "satang": self.amount.in_satang,
            "paid_at": self.paid_at.isoformat() if self.paid_at else None,
            "sender": dict(vars(self.sender)), "receiver": dict(vars(self.receiver)), "refs": list(self.refs),
        }  # fmt: skip

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Transfer:
        """From such a row."""
        return cls(
            reference=facts["reference"], sending_bank=facts["sending_bank"], amount=Money.satang(facts["satang"]),
            paid_at=datetime.fromisoformat(facts["paid_at"]) if facts["paid_at"] else None,
            sender=Party(**facts["sender"]), receiver=Party(**facts["receiver"]), refs=tuple(facts["refs"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came back. ``reached`` False: the question certainly never arrived, so it cannot have been counted there.
    ``code`` is the provider's or one of ``net.silence.SILENCE_LABELS``, ``message`` the provider's own words;
    ``retry_after`` is how long it wants us to wait."""

    outcome: CheckOutcome
    transfer: Transfer | None = None
    retry_after: timedelta | None = None
    code: str = ""
    message: str = ""
    reached: bool = True


@dataclass(frozen=True)
class Quota:
    """What is left to ask; None where a provider does not count."""

    left: int | None = None
    ends_on: str = ""


class NoAnswer(Silence):
    """No usable answer, with the outcome a provider's own table gives it."""

    code = "verifier_no_answer"

    def __init__(self, answer: Answer) -> None:
        final = answer.outcome is CheckOutcome.REFUSED
        super().__init__(
            answer.code, answer.message, reached=answer.reached, final=final, retry_after=answer.retry_after
        )
        self.outcome = answer.outcome


def answer_of(silence: Silence) -> Answer:
    """Silence as an answer."""
    usual = CheckOutcome.REFUSED if silence.final else CheckOutcome.UNAVAILABLE
    outcome = silence.outcome if isinstance(silence, NoAnswer) else usual
    return Answer(
        outcome, code=silence.why, message=silence.words, reached=silence.reached, retry_after=silence.retry_after
    )


class SlipVerifier(Protocol):
    """One account at one provider."""

    def verify(self, question: Question) -> Answer:
        """Ask about one transfer. Raises Silence."""
        ...

    def quota(self) -> Quota:
        """Ask what is left; this also proves the settings. Costs nothing. Raises Silence."""
        ...

    def close(self) -> None:
        """Let go of kept connections."""
        ...


def ask(verifier: SlipVerifier, question: Question) -> Answer:
    """One question, one answer, whatever happens on the way."""
    try:
        answer = verifier.verify(question)
    except Silence as silence:
        answer = answer_of(silence)
    return replace(answer, message=answer.message[:MESSAGE_LENGTH], code=answer.code[:40])
