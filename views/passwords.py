"""The rule for passwords: long, and not one of those everybody tries first."""

from __future__ import annotations

from flask_appbuilder.exceptions import PasswordComplexityValidationError
from flask_babel import gettext

SHORTEST = 10
FEWEST_KINDS = 5  # different characters
COMMON = ("password", "12345678", "qwerty", "11111111", "iloveyou", "admin123", "รหัสผ่าน", "1q2w3e4r", "abcd1234")


def problem_with(password: str) -> str | None:
    """A sentence about what is wrong, or None."""
    if len(password) < SHORTEST:
        return gettext("Use at least %(n)s characters; three words with spaces are easy to keep", n=SHORTEST)
    if len(set(password)) < FEWEST_KINDS:
        return gettext("Use more different characters")
    if any(word in password.lower() for word in COMMON):
        return gettext("This is among the passwords that are tried first; choose another")
    return None


def check_password(password: str) -> None:
    """Raise what the library's form shows, when the password is too weak."""
    if problem := problem_with(password or ""):
        raise PasswordComplexityValidationError(problem)
