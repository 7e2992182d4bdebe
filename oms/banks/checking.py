"""Does a transfer fit? Facts of a verifier against our register of accounts and the order, one verdict per check.

Pure functions of plain values. Only a verifier's facts give a match: what the customer typed is never compared as if it
were true, and without an answer every check but the reference is "not checked", which a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from oms import clock
from oms.banks.verifiers.port import Party, Transfer
from oms.errors import Say, say
from oms.money import Money
from oms.payments.states import Verdict

SKEW = timedelta(minutes=5)  # clocks of banks and ours
VISIBLE_AT_LEAST = 3  # digits of a masked number that must show before it proves anything
_BETWEEN = re.compile(r"[\s\-./]")
_MASKED = re.compile(r"[0-9xX*•]+")


class Topic(StrEnum):
    """What is compared."""

    TRANSFER = "transfer"
    AMOUNT = "amount"
    RECEIVER = "receiver"
    TIME = "time"
    REFERENCE = "reference"
    PICTURE = "picture"
    COUNTED = "counted"


TOPIC_NAMES: dict[Topic, str] = {
    Topic.TRANSFER: "Transfer",
    Topic.AMOUNT: "Amount",
    Topic.RECEIVER: "Receiving account",
    Topic.TIME: "Time of transfer",
    Topic.REFERENCE: "Reference",
    Topic.PICTURE: "Picture",
    Topic.COUNTED: "Counted before",
}


@dataclass(frozen=True)
class Check:
    """One comparison and the sentence that says how it came out."""

    topic: Topic
    verdict: Verdict
    why: Say


@dataclass(frozen=True)
class OurAccount:
    """A receiving account of the register, as far as a transfer can show it."""

    id: int
    label: str
    bank_code: str
    number: str
    promptpay: str = ""
    biller_id: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class Limits:
    """How early and how old a transfer may be. Chat sellers enter orders after the buyer has paid."""

    before_order: timedelta = timedelta(hours=2)
    oldest: timedelta = timedelta(days=3)


@dataclass(frozen=True)
class Expected:
    """What the transfer ought to be: of this order, seen at this moment, sent to us at that one."""

    amount: Money | None
    ordered_at: datetime | None
    received_at: datetime
    now: datetime


@dataclass(frozen=True)
class Verdicts:
    """Every check, and which account of ours got the money when that is certain."""

    checks: tuple[Check, ...]
    account_id: int | None = None

    @property
    def exact(self) -> bool:
        """Nothing left to look at: every single check matched."""
        return all(c.verdict is Verdict.MATCH for c in self.checks)

    def of(self, topic: Topic) -> Check:
        """The check of one topic."""
        return next(c for c in self.checks if c.topic is topic)


def fits(masked: str, number: str) -> bool | None:
    """Whether a masked number (``xxx-x-x5366-x``) can be this number, position by position; None: too little shows."""
    shown, ours = _BETWEEN.sub("", masked), _BETWEEN.sub("", number)
    if not (ours.isascii() and ours.isdecimal()) or not _MASKED.fullmatch(shown):
        return None
    if sum(c.isdecimal() for c in shown) < VISIBLE_AT_LEAST:
        return None
    if len(shown) != len(ours):
        return False
    return all(not s.isdecimal() or s == o for s, o in zip(shown, ours, strict=True))


def _is_wallet(account: OurAccount) -> bool:
    return account.bank_code != "" and not account.bank_code.isdecimal()


def proxies(account: OurAccount) -> dict[str, tuple[str, ...]]:
    """The numbers people can pay this account by, per kind, as banks write them."""
    found: dict[str, tuple[str, ...]] = {}
    promptpay = _BETWEEN.sub("", account.promptpay)
    wallet = _BETWEEN.sub("", account.number) if _is_wallet(account) else ""
    phone = next((n for n in (promptpay, wallet) if len(n) == 10 and n.startswith("0")), "")
    if phone:
        found["MSISDN"] = (phone, f"66{phone[1:]}", f"0066{phone[1:]}")
        found["EWALLETID"] = (f"14000{phone}",)
    if len(promptpay) == 13:
        found["NATID"] = (promptpay,)
    if len(promptpay) == 15:
        found["EWALLETID"] = (promptpay,)
    if account.biller_id:
        found["BILLERID"] = (account.biller_id,)
    return found


def _number_fits(receiver: Party, account: OurAccount) -> bool | None:
    """Whether the account number shown is this account's; None when none is shown, or they cannot be compared."""
    if not receiver.account:
        return None
    if _is_wallet(account):
        return False  # it has no account number
    if receiver.bank and account.bank_code and receiver.bank != account.bank_code:
        return False
    same_length = len(_BETWEEN.sub("", receiver.account)) == len(_BETWEEN.sub("", account.number))
    return fits(receiver.account, account.number) if same_length else None


def _proxy_fits(receiver: Party, account: OurAccount, kinds: Collection[str]) -> bool | None:
    """Whether the proxy shown is one of this account's. A kind that no account of ours has proves nothing."""
    if not receiver.proxy or receiver.proxy_type not in kinds:
        return None
    shown = _BETWEEN.sub("", receiver.proxy)
    ours = [n for n in proxies(account).get(receiver.proxy_type, ()) if len(n) == len(shown)]
    if not ours:
        return False
    answers = [fits(receiver.proxy, number) for number in ours]
    return None if None in answers else any(answers)


def _got_it(receiver: Party, account: OurAccount, kinds: Collection[str]) -> bool | None:
    """Whether this account of ours is the receiver; None when the answer shows too little or contradicts itself: the
    digits of a phone that still show may be those of many phones, so a number that does not fit speaks against it."""
    number, proxy = _number_fits(receiver, account), _proxy_fits(receiver, account, kinds)
    if number is None:
        return proxy
    if not number and proxy:
        return None
    return number


def receiver_check(receiver: Party, accounts: Sequence[OurAccount]) -> tuple[Check, int | None]:
    """Did the money come to us? One account in use must fit; a shown number that fits none is a mismatch."""
    kinds = {kind for account in accounts for kind in proxies(account)}
    answers = [(account, _got_it(receiver, account, kinds)) for account in accounts]
    ours = [account for account, got in answers if got and account.is_active]
    if ours:
        labels = ", ".join(account.label for account in ours)
        check = Check(Topic.RECEIVER, Verdict.MATCH, say("Our account {account}", account=labels))
        return check, ours[0].id if len(ours) == 1 else None
    closed = [account for account, got in answers if got]
    if closed:
        why = say("Our account {account}, which is closed", account=closed[0].label)
        return Check(Topic.RECEIVER, Verdict.MISMATCH, why), None
    shown = receiver.account or receiver.proxy
    if not accounts or any(got is None for _, got in answers):
        why = say("Our register cannot tell whether this is ours") if shown else say("The answer names no account")
        return Check(Topic.RECEIVER, Verdict.NOT_CHECKED, why), None
    return Check(Topic.RECEIVER, Verdict.MISMATCH, say("Not our account")), None


def amount_check(paid: Money, expected: Money | None) -> Check:
    """Exact to the satang."""
    if expected is None:
        return Check(Topic.AMOUNT, Verdict.NOT_CHECKED, say("No order is named yet"))
    if paid == expected:
        return Check(Topic.AMOUNT, Verdict.MATCH, say("Exactly what is due"))
    if paid < expected:
        return Check(Topic.AMOUNT, Verdict.MISMATCH, say("{amount} less than is due", amount=expected - paid))
    return Check(Topic.AMOUNT, Verdict.MISMATCH, say("{amount} more than is due", amount=paid - expected))


def time_check(paid_at: datetime | None, expected: Expected, limits: Limits) -> Check:
    """Not in the future, not long before the order, not old when it was sent to us."""
    if paid_at is None:
        return Check(Topic.TIME, Verdict.NOT_CHECKED, say("The answer names no time"))
    if paid_at > expected.now + SKEW:
        return Check(Topic.TIME, Verdict.MISMATCH, say("In the future"))
    if paid_at < expected.received_at - limits.oldest:
        return Check(Topic.TIME, Verdict.MISMATCH, say("Older than {days} days", days=limits.oldest.days))
    if expected.ordered_at is None:
        return Check(Topic.TIME, Verdict.NOT_CHECKED, say("No order is named yet"))
    if paid_at < expected.ordered_at - limits.before_order:
        hours = int((expected.ordered_at - paid_at).total_seconds() // 3600)
        return Check(Topic.TIME, Verdict.MISMATCH, say("{hours} hours before the order", hours=hours))
    return Check(Topic.TIME, Verdict.MATCH, _distance(paid_at, expected.ordered_at))


def _distance(paid_at: datetime, ordered_at: datetime) -> Say:
    minutes = int((paid_at - ordered_at).total_seconds() // 60)
    if minutes < 0:
        return say("{minutes} minutes before the order", minutes=-minutes)
    if minutes < 120:
        return say("{minutes} minutes after the order", minutes=minutes)
    return say("{hours} hours after the order", hours=minutes // 60)


def compare(
    transfer: Transfer, expected: Expected, accounts: Sequence[OurAccount], limits: Limits | None = None
) -> Verdicts:
    """The checks of amount, receiver and time on a verifier's facts."""
    receiver, account_id = receiver_check(transfer.receiver, accounts)
    checks = (
        amount_check(transfer.amount, expected.amount),
        receiver,
        time_check(transfer.paid_at and clock.aware(transfer.paid_at), expected, limits or Limits()),
    )
    return Verdicts(checks, account_id)


def unasked(why: Say) -> Verdicts:
    """The same checks when nobody told anything: a person compares."""
    return Verdicts(tuple(Check(t, Verdict.NOT_CHECKED, why) for t in (Topic.AMOUNT, Topic.RECEIVER, Topic.TIME)))
