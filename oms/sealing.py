"""Secrets at rest: what other systems gave us (keys, passwords, tokens) is stored sealed and opened only when used.

The keys are settings (``OMS_ENCRYPTION_KEYS``): the first seals, all open. So a new key is put in front, everything is
sealed anew, and the old one is taken away.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from oms.errors import Refused, say


class Sealer:
    """Seals and opens with the keys of this installation."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys or not all(keys):
            raise ValueError("no key to seal with")
        self._box = MultiFernet([Fernet(_key(k)) for k in keys])

    def seal(self, secrets: Mapping[str, str]) -> bytes:
        """Named secrets as only this installation can read them."""
        return self._box.encrypt(json.dumps(dict(secrets), sort_keys=True).encode())

    def open(self, sealed: bytes) -> dict[str, str]:
        """The named secrets again. Raises Refused when no key of this installation fits."""
        try:
            opened: dict[str, str] = json.loads(self._box.decrypt(sealed))
        except InvalidToken:
            raise Refused(
                say("The encryption key of this installation was changed; enter the secret again"), code="sealed"
            ) from None
        return opened

    def renew(self, sealed: bytes) -> bytes:
        """The same secrets sealed with the newest key. Raises Refused like ``open``."""
        return self.seal(self.open(sealed))


def _key(given: str) -> bytes:
    """Any long text as a Fernet key."""
    return base64.urlsafe_b64encode(hashlib.sha256(given.encode()).digest())
