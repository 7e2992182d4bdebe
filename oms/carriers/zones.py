"""Where a parcel goes, as carriers price it: around Bangkok, the provinces, and remote places that cost more. By
postcode, as data.

The remote list is a guess put together from what carriers commonly charge more for: islands, mountains, the southern
border. Every carrier has its own list; a shop enters that of its contract into its rate table.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Zone(StrEnum):
    """Values are stored in rate tables: never rename one."""

    NEAR = "near"
    PROVINCE = "province"


ZONE_LABELS: dict[str, str] = {Zone.NEAR: "Bangkok and vicinity", Zone.PROVINCE: "Provinces"}

NEAR: tuple[str, ...] = ("10", "11", "12", "73", "74")  # Bangkok, Samut Prakan, Nonthaburi, Pathum Thani, and two west
REMOTE: tuple[str, ...] = (
    "20120",  # Ko Si Chang
    "23170",  # Ko Chang
    "50250", "50260", "50310", "50350",  # mountains of Chiang Mai
    "58",  # Mae Hong Son
    "63150", "63170",  # Tha Song Yang, Umphang
    "71180", "71240",  # Thong Pha Phum, Sangkhla Buri
    "81150", "81210",  # Ko Lanta, Ko Phi Phi
    "82160",  # Ko Yao
    "83",  # Phuket
    "84140", "84280", "84310", "84320", "84330", "84360",  # Samui, Pha-ngan, Tao
    "94", "95", "96",  # Pattani, Yala, Narathiwat
)  # fmt: skip


def zone_of(postcode: str, near: Iterable[str] = NEAR) -> Zone:
    """Which zone a postcode lies in; ``near`` are beginnings of postcodes."""
    return Zone.NEAR if postcode.startswith(tuple(near)) else Zone.PROVINCE


def is_remote(postcode: str, remote: Iterable[str] = REMOTE) -> bool:
    """Whether a postcode costs more; ``remote`` are beginnings of postcodes, or whole ones."""
    return postcode.startswith(tuple(remote))
