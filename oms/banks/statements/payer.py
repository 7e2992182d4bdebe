"""Who paid, in the words of the bank: the last digits of the account and the name, as far as the bank shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oms.thai.text import normalize

_FROM = re.compile(
    r"(?:รับโอนจาก|โอนจาก|จาก|from)\s+(?:(?P<bank>[A-Za-z]{2,8}|พร้อมเพย์|PromptPay)\s+)?"
    r"(?P<number>[Xx*]*\d{3,6}|[Xx*]+[-\d Xx*]+\d{3,4})?\s*(?P<name>[^·|]*)",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"^(?:นางสาว|น\.ส\.|นาย|นาง|ด\.ช\.|ด\.ญ\.|คุณ|miss|mrs\.?|mr\.?|ms\.?|บจก\.?|บริษัท|หจก\.?)\s*", re.IGNORECASE
)
_HIDDEN = re.compile(r"[+*xX]{2,}$|[+*]+$")
_TAIL = re.compile(r"\+{2,}.*$|\s*(?:/|·|\|).*$")
NAME_LENGTH = 80


@dataclass(frozen=True)
class Payer:
    """``key`` is the name in the one form it is remembered by; ``digits`` end the sending account's number."""

    name: str = ""
    digits: str = ""

    @property
    def key(self) -> str:
        return name_key(self.name)


def payer_of(description: str) -> Payer:
    """The payer a description names; empty when it names none."""
    found = _FROM.search(description)
    if found is None:
        return Payer()
    digits = "".join(c for c in found["number"] or "" if c.isdigit())[-4:]
    name = _TAIL.sub("", found["name"] or "").strip(" -,")
    return Payer(name[:NAME_LENGTH], digits)


def name_key(name: str) -> str:
    """A name without its title, hidden letters and spaces: banks cut it short and write it in capitals."""
    bare = _TITLE.sub("", normalize(name))
    return _HIDDEN.sub("", bare.replace(" ", "")).rstrip("+*")[:NAME_LENGTH]
