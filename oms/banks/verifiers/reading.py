"""Reading what providers send: transfers, parties, banks. Unknown fields are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from oms.banks.verifiers.port import Answer, Party, Transfer
from oms.clock import BANGKOK
from oms.net.reading import amount, minutes, moment, part, words
from oms.net.silence import Silence
from oms.net.transport import Reply
from oms.payments.states import CheckOutcome

__all__ = ["amount", "bangkok", "bank", "bank_model", "minutes", "moment", "part", "portal_model", "trouble", "words"]

Out = CheckOutcome


def bangkok(day: Any, clock_time: Any) -> datetime | None:
    """``yyyyMMdd`` and ``HH:mm:ss`` as a Thai bank writes them; None for anything else."""
    try:
        found = datetime.strptime(f"{words(day)} {words(clock_time)}", "%Y%m%d %H:%M:%S").replace(tzinfo=BANGKOK)
    except ValueError:
        return None
    return found.astimezone(UTC)


def bank(value: Any) -> str:
    """A 3-digit bank code; a number that lost its zeros gets them back."""
    text = words(value)
    return text.zfill(3) if text.isascii() and text.isdigit() and len(text) <= 3 else ""


def bank_model(data: Mapping[str, Any], sending_bank: str) -> Transfer:
    """The model KBank and SCB share and SlipOK passes on. Raises ValueError when the essentials are missing."""
    return Transfer(
        reference=_reference(data),
        sending_bank=bank(data.get("sendingBank")) or sending_bank,
        amount=amount(data.get("amount")),
        paid_at=moment(data.get("transTimestamp")) or bangkok(data.get("transDate"), data.get("transTime")),
        sender=_bank_party(part(data, "sender"), bank(data.get("sendingBank")) or sending_bank),
        receiver=_bank_party(part(data, "receiver"), bank(data.get("receivingBank"))),
        refs=_refs(data),
    )


def portal_model(data: Mapping[str, Any], when: str) -> Transfer:
    """The model EasySlip and Slip2Go share: banks inside the parties. Raises ValueError as above."""
    paid = data.get("amount")
    return Transfer(
        reference=_reference(data),
        sending_bank=bank(part(part(data, "sender"), "bank").get("id")),
        amount=amount(paid.get("amount") if isinstance(paid, Mapping) else paid),
        paid_at=moment(data.get(when)),
        sender=_portal_party(part(data, "sender")),
        receiver=_portal_party(part(data, "receiver")),
        refs=_refs(data),
    )


def _reference(data: Mapping[str, Any]) -> str:
    found = words(data.get("transRef"))
    if not found:
        raise ValueError("no reference")
    return found


def _refs(data: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(found for name in ("ref1", "ref2", "ref3") if (found := words(data.get(name))))


def _bank_party(data: Mapping[str, Any], bank_code: str) -> Party:
    account, proxy = part(data, "account"), part(data, "proxy")
    return Party(
        name=words(data.get("displayName")) or words(data.get("name")), bank=bank_code,
        account=_number(account.get("type"), account.get("value")),
        proxy_type=words(proxy.get("type")), proxy=words(proxy.get("value")),
    )  # fmt: skip


def _number(kind: Any, value: Any) -> str:
    """An account number; what is marked as a token or a dummy is none."""
    return "" if words(kind) in {"TOKEN", "DUMMY"} else words(value)


def _portal_party(data: Mapping[str, Any]) -> Party:
    account = part(data, "account")
    name, proxy = account.get("name"), part(account, "proxy")
    if isinstance(name, Mapping):
        name = name.get("th") or name.get("en")
    number = part(account, "bank")
    return Party(
        name=words(name), bank=bank(part(data, "bank").get("id")),
        account=_number(number.get("type"), number.get("account")),
        proxy_type=words(proxy.get("type")), proxy=words(proxy.get("account")),
    )  # fmt: skip


def trouble(reply: Reply, code: str = "", message: str = "") -> Answer:
    """What any reply means that the provider's own table does not name: by its HTTP status."""
    if reply.status == 429:
        return Answer(Out.UNAVAILABLE, code="too_many", message=message, retry_after=reply.retry_after)
    if reply.status in {401, 403}:
        return Answer(Out.REFUSED, code=code or "bad_key", message=message)
    if reply.status >= 500:
        raise Silence(code or "trouble", message)
    if reply.status < 400 or reply.body is None:
        raise Silence("unreadable", message)
    return Answer(Out.UNREADABLE, code=code or "question", message=message)
