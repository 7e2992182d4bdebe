"""Reading what providers send: amounts to the satang, moments with a zone, parties. Unknown fields are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from oms.banks.verifiers.port import Answer, Party, Transfer
from oms.banks.verifiers.transport import Reply, silent
from oms.clock import BANGKOK
from oms.money import MAX_SATANG, Money
from oms.payments.states import CheckOutcome

Out = CheckOutcome


def words(value: Any) -> str:
    """Text of a field that may be missing, null or a number."""
    return str(value).strip()[:200] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def amount(value: Any) -> Money:
    """An exact amount. Raises ValueError: more than two decimals, zero or less, or no number is not rounded away."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("no amount")  # noqa: TRY004  one error for all that cannot be read
    try:
        number = Decimal(value.strip().replace(",", "") if isinstance(value, str) else value)
    except InvalidOperation:
        raise ValueError("no amount") from None
    if not number.is_finite() or not 0 < number < MAX_SATANG // 100 or number != round(number, 2):
        raise ValueError("no amount of baht and satang")
    return Money(number)


def moment(text: Any) -> datetime | None:
    """An ISO moment that names its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(words(text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


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


def part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside an object; empty when it is not there."""
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


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
        raise silent(code or "trouble", message)
    if reply.status < 400 or reply.body is None:
        raise silent("unreadable", message)
    return Answer(Out.UNREADABLE, code=code or "question", message=message)


def minutes(value: Any, default: int, most: int = 24 * 60) -> timedelta:
    """A number of minutes a provider asks us to wait, within reason."""
    text = words(value)
    return timedelta(minutes=min(max(int(text), 1), most) if text.isascii() and text.isdigit() else default)
