"""Who sells and who buys, as a document copies them."""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from datetime import date

from oms.documents.states import SeriesEra
from oms.errors import InvalidInput, Problem, say
from oms.thai.tax_id import HEAD_OFFICE, parse_branch, parse_tax_id
from oms.thai.text import clean, clean_lines

BUYER_LENGTHS = {"name": 200, "address": 500, "phone": 40}


@dataclass(frozen=True)
class Seller:
    """The company and the branch a document is issued by."""

    name: str = ""
    name_en: str = ""
    tax_id: str = ""
    is_vat: bool = False
    vat_from: date | None = None
    branch: str = HEAD_OFFICE
    branch_name: str = ""
    address: str = ""
    address_en: str = ""
    phone: str = ""
    email: str = ""
    site_url: str = ""
    era: SeriesEra = SeriesEra.BE
    footer: str = ""
    logo: bytes = dataclasses.field(default=b"", repr=False)
    color: str = ""

    def letterhead(self) -> dict[str, str]:
        """What a paper is frozen with of the seller's look; a paper without one looks like ours."""
        found = {"color": self.color} if self.color else {}
        if self.logo:
            found["logo"] = "data:image/png;base64," + base64.b64encode(self.logo).decode()
        return found

    def bears_vat(self, day: date) -> bool:
        """Whether it is registered for VAT on that day."""
        return self.is_vat and (self.vat_from is None or self.vat_from <= day)


@dataclass(frozen=True)
class Buyer:
    """Whom a document is made out to. ``branch`` counts only with a tax id; "" with one is the head office."""

    name: str
    tax_id: str = ""
    branch: str = ""
    address: str = ""
    phone: str = ""

    @property
    def is_masked(self) -> bool:
        """Whether the channel hides who it is."""
        return "*" in self.name or "*" in self.address


def checked_buyer(buyer: Buyer) -> Buyer:
    """The buyer fit for a document. Raises InvalidInput naming every field that is wrong."""
    problems: list[Problem] = []

    def parsed(parse: object, text: str, field: str) -> str:
        try:
            return str(parse(text, field))  # type: ignore[operator]
        except InvalidInput as refusal:
            problems.extend(refusal.problems())
            return ""

    tax_id = parsed(parse_tax_id, buyer.tax_id, "buyer_tax_id") if buyer.tax_id.strip() else ""
    branch = parsed(parse_branch, buyer.branch, "buyer_branch") if tax_id else ""
    words = {"name": clean(buyer.name), "address": clean_lines(buyer.address), "phone": clean(buyer.phone)}
    for field, most in BUYER_LENGTHS.items():
        if len(words[field]) > most:
            too_long = say("This is too long: {length} characters, {most} at most", length=len(words[field]), most=most)
            problems.append(Problem("too_long", too_long, f"buyer_{field}"))
    if problems:
        first, *others = problems
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(others))
    return Buyer(words["name"], tax_id, branch, words["address"], words["phone"])
