"""Seals small secrets before they go into the database, with a key made of the installation's own secret."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from flask import current_app

from oms.errors import Refused, say


def _box() -> Fernet:
    digest = hashlib.sha256(f"ruam second factor {current_app.config['SECRET_KEY']}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def seal(text: str) -> str:
    """The text as only this installation can read it."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text again. Raises Refused after the installation's secret was changed."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Refused(
            say("The secret of this installation was changed; ask the owner to reset your two-step login"),
            code="second_factor_sealed",
        ) from None
