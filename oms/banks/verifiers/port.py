"""What a slip verifier is asked and what it answers, whoever it is.

A verifier never decides: it tells facts. Whether they fit the order is compared by ``oms.banks.checking``, and a person
confirms. Nothing here raises anything but ``NoAnswer``, and ``ask`` turns that into an answer too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from oms.errors import External, Say, say
from oms.money import Money
from oms.payments.states import CheckOutcome

MESSAGE_LENGTH = 300  # of a provider's own words; they are shown, not understood


SILENCE_LABELS: dict[str, str] = {
    "no_connection": "No connection to the service",
    "timeout": "No answer in time",
    "broken": "The connection broke",
    "redirect": "The server sends us elsewhere, which is not followed",
    "too_long": "The answer is too long",
    "unreadable": "The answer cannot be read",
    "other_question": "The answer belongs to another question",
    "too_many": "Too many questions at once",
    "trouble": "The service has trouble of its own",
    "bad_key": "The key was not accepted",
    "question": "The question was not accepted",
    "settings": "The address, a certificate or the stored keys cannot be used; enter them again",
}  # our own codes, beside the providers'


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
    ``code`` is the provider's or one of ``SILENCE_LABELS``, ``message`` the provider's own words; ``retry_after`` is
    how long it wants us to wait."""

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


def words_of(code: str, message: str) -> Say | str:
    """Why there was no answer, for a person: our own sentence, or the provider's code and words as they came."""
    known = SILENCE_LABELS.get(code)
    return say(known) if known else f"{code} {message}".strip()


class NoAnswer(External):
    """The provider gave no usable answer; ``answer`` says how far the question came."""

    code = "verifier_no_answer"

    def __init__(self, answer: Answer) -> None:
        super().__init__(say("The service gave no answer: {why}", why=words_of(answer.code, answer.message)))
        self.answer = answer


class SlipVerifier(Protocol):
    """One account at one provider."""

    def verify(self, question: Question) -> Answer:
        """Ask about one transfer. Raises NoAnswer."""
        ...

    def quota(self) -> Quota:
        """Ask what is left; this also proves the settings. Costs nothing. Raises NoAnswer."""
        ...

    def close(self) -> None:
        """Let go of kept connections."""
        ...


def ask(verifier: SlipVerifier, question: Question) -> Answer:
    """One question, one answer, whatever happens on the way."""
    try:
        answer = verifier.verify(question)
    except NoAnswer as silence:
        answer = silence.answer
    return replace(answer, message=answer.message[:MESSAGE_LENGTH], code=answer.code[:40])
