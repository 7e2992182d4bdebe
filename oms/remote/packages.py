"""The package both sides exchange: numbered, chained, signed, and the same bytes whoever writes it.

A package carries messages one way (``out``: from Ruam to the site, ``in``: back). Its number counts up by one from 1 in
each direction; it names the checksum of the package before it, so a lost, repeated, swapped or altered one is noticed
without a clock and without a line. Pure functions; docs/remote-link.md tells the format to whoever builds the other
side.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from oms.errors import InvalidInput, Say, say

FORMAT: Final = "ruam-link/1"
LARGEST: Final = 4 * 1024 * 1024  # bytes of one package
MESSAGES_AT_MOST: Final = 500
ID_AT_MOST: Final = 64


class Way(StrEnum):
    """Which way a package goes: to the site, or from it."""

    OUT = "out"
    IN = "in"


class Kind(StrEnum):
    """What a message says."""

    PICK_ORDER = "pick_order"
    CANCEL_ORDER = "cancel_order"
    TRANSFER_NOTICE = "transfer_notice"
    SKUS = "skus"
    PICKED = "picked"
    PACKED = "packed"
    SHIPPED = "shipped"
    RECEIPT = "receipt"
    COUNT = "count"
    DAMAGE = "damage"
    SNAPSHOT = "snapshot"
    REFUSED = "refused"


OUTGOING: Final = frozenset({Kind.PICK_ORDER, Kind.CANCEL_ORDER, Kind.TRANSFER_NOTICE, Kind.SKUS, Kind.REFUSED})
INCOMING: Final = frozenset(
    {Kind.PICKED, Kind.PACKED, Kind.SHIPPED, Kind.RECEIPT, Kind.COUNT, Kind.DAMAGE, Kind.SNAPSHOT, Kind.REFUSED}
)


@dataclass(frozen=True)
class Message:
    """One thing said. ``id`` is unique at its sender for ever; ``at`` is aware UTC."""

    id: str
    kind: Kind
    at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Package:
    """Messages of one way under one number. ``have`` tells the reader up to which number the writer has applied the
    other way's packages without a gap, so that each package is an acknowledgement too; ``previous`` is the checksum of
    the package before, "" for the first."""

    site: str
    way: Way
    seq: int
    previous: str
    have: int
    created_at: datetime
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Sealed:
    """A package as it travels, with the checksum it is known by."""

    package: Package
    sha256: str
    data: bytes


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(value: Any) -> bytes:
    """JSON in the one way both sides write it: keys sorted, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _plain(package: Package) -> dict[str, Any]:
    return {
        "format": FORMAT, "site": package.site, "way": package.way.value, "seq": package.seq,
        "previous": package.previous, "have": package.have, "created_at": _moment(package.created_at),
        "messages": [
            {"id": m.id, "kind": m.kind.value, "at": _moment(m.at), "body": dict(m.body)} for m in package.messages
        ],
    }  # fmt: skip


def sign(data: bytes, secret: str) -> str:
    """HMAC-SHA-256 as hexadecimal text."""
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def seal(package: Package, secret: str) -> Sealed:
    """Write a package down: its text, its checksum, and a signature that only who knows the secret can make."""
    inner = canonical(_plain(package))
    checksum = hashlib.sha256(inner).hexdigest()
    outer = {"package": json.loads(inner), "sha256": checksum, "hmac": sign(inner, secret)}
    return Sealed(package, checksum, canonical(outer))


def refuse(sentence: Say, code: str) -> InvalidInput:
    """The refusal of a package: nothing of it was taken, the other side sends it again or mends it."""
    return InvalidInput(sentence, field="package", code=code)


def unseal(data: bytes, secret: str, site: str, way: Way) -> Sealed:
    """Read a package and make sure of it: size, form, checksum, signature, site, way, kinds. Raises InvalidInput."""
    if len(data) > LARGEST:
        raise refuse(say("The package is larger than {mb} MB", mb=LARGEST // 2**20), "package_large")
    try:
        outer = json.loads(data)
        inner = canonical(outer["package"])
        checksum, signature = str(outer["sha256"]), str(outer["hmac"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise refuse(say("This is not a whole package; ask for it again"), "package_broken") from None
    if hashlib.sha256(inner).hexdigest() != checksum:
        raise refuse(say("The package was altered on its way; ask for it again"), "package_altered")
    if not hmac.compare_digest(sign(inner, secret), signature):
        raise refuse(say("The package is not signed with the secret of this site"), "package_signature")
    package = _read(outer["package"])
    if package.site != site:
        raise refuse(say("The package is for the site {site}", site=package.site[:40]), "package_site")
    if package.way is not way:
        raise refuse(say("The package goes the other way"), "package_way")
    allowed = OUTGOING if way is Way.OUT else INCOMING
    if strange := next((m.kind for m in package.messages if m.kind not in allowed), None):
        raise refuse(say("“{kind}” is not said in this direction", kind=strange), "package_kind")
    return Sealed(package, checksum, data)


def reread(data: bytes) -> Package:
    """A package that was made sure of when it came, read again from where it is kept."""
    return _read(json.loads(data)["package"])


def _time(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(text)
    return at.astimezone(UTC)


def _message(raw: Mapping[str, Any]) -> Message:
    key, body = raw["id"], raw["body"]
    if not isinstance(key, str) or not 0 < len(key) <= ID_AT_MOST or not isinstance(body, dict):
        raise TypeError(key)
    return Message(key, Kind(raw["kind"]), _time(raw["at"]), body)


def _number(raw: object, least: int) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not least <= raw < 2**53:
        raise ValueError(raw)
    return raw


def _messages(raw: object) -> tuple[Message, ...]:
    if not isinstance(raw, list) or len(raw) > MESSAGES_AT_MOST:
        raise TypeError(raw)
    return tuple(_message(m) for m in raw)


def _read(raw: Mapping[str, Any]) -> Package:
    try:
        if raw["format"] != FORMAT:
            raise refuse(say("The package has the format {format}", format=str(raw["format"])[:40]), "package_format")
        return Package(
            site=str(raw["site"]), way=Way(raw["way"]), seq=_number(raw["seq"], 1), previous=str(raw["previous"]),
            have=_number(raw["have"], 0), created_at=_time(raw["created_at"]),
            messages=_messages(raw["messages"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        raise refuse(say("The package does not hold what a package must hold"), "package_form") from None


def bundle(sealed: Sequence[Sealed]) -> bytes:
    """Several packages as one file: one line each, in order."""
    return b"".join(s.data + b"\n" for s in sealed)


def unbundle(data: bytes) -> Iterable[bytes]:
    """The packages of a file, unread."""
    return (line for line in data.splitlines() if line.strip())
