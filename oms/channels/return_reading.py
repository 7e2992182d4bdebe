"""A channel's return read for our own: why, which pieces, and the mark that equal words share. Pure functions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from oms.channels.port import ReturnNews, ReturnStage
from oms.channels.return_models import ReturnWait
from oms.channels.stored import plain
from oms.returns.states import ReturnReason

S, W = ReturnStage, ReturnWait
RANK: Mapping[ReturnStage, int] = {
    S.UNKNOWN: -1, S.ASKED: 0, S.AGREED: 1, S.SENT: 2, S.REFUSED: 3, S.WITHDRAWN: 4, S.REFUNDED: 5,
}  # fmt: skip
ENDED: Final = (S.REFUSED, S.WITHDRAWN)
GOES_ON: Final = (S.AGREED, S.SENT, S.REFUNDED)
KEPT: Final = (S.SENT, *ENDED)  # stages that count also when they are told late

_REASONS: Final = tuple(
    (re.compile(words, re.IGNORECASE), reason)
    for words, reason in (
        (r"wrong.?(item|product|size|col)|ผิดชิ้น|ส่งผิด|สินค้าผิด|ผิดรุ่น|ผิดสี", ReturnReason.WRONG_ITEM),
        (r"missing|incomplete|ไม่ครบ|ขาดหาย|ของขาด", ReturnReason.MISSING_ITEM),
        (r"damag|broken|ชำรุด|เสียหาย|แตก|บุบ", ReturnReason.DAMAGED),
        (r"defect|fault|not.?work|functional|ใช้งานไม่ได้|ใช้ไม่ได้|สินค้าเสีย", ReturnReason.DEFECTIVE),
        (r"descri|different|mismatch|ไม่ตรง|ไม่เหมือน", ReturnReason.NOT_AS_DESCRIBED),
        (r"\bfit\b|size|ขนาด|ไซส์|ไซซ์", ReturnReason.DOES_NOT_FIT),
        (r"chang.{0,12}mind|no.?longer|not.?want|unwanted|เปลี่ยนใจ|ไม่ต้องการ", ReturnReason.CHANGED_MIND),
        (r"\blate\b|delay|ล่าช้า|ส่งช้า", ReturnReason.LATE),
    )
)


def reason_of(words: str) -> ReturnReason:
    """What the buyer complains of, by the channel's code or words; anything else keeps its words as a note."""
    said = words.replace("_", " ")
    return next((reason for pattern, reason in _REASONS if pattern.search(said)), ReturnReason.OTHER)


def mark_of(news: ReturnNews) -> str:
    """Equal for words that say the same, whenever they were said."""
    said = [
        news.order_no, news.status, news.stage, news.reason, dict(news.amounts), news.refund, news.goods_stay,
        news.tracking_no,
    ]  # fmt: skip
    if news.lines:
        said.append(news.lines)
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, default=plain)
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Known:
    """The word that is kept."""

    said_at: datetime | None
    stage: ReturnStage
    mark: str


def is_later(news: ReturnNews, mark: str, known: Known) -> bool:
    """Whether a word counts against the kept one: the later by the channel's own time. Of one moment the one that is
    further, so that no order of arrival matters. Without times the one that was read last."""
    if news.updated_at is None or known.said_at is None:
        return mark != known.mark
    if news.updated_at != known.said_at:
        return news.updated_at > known.said_at
    return (RANK[news.stage], mark) > (RANK[known.stage], known.mark)


def hear(heard: Mapping[str, str], stage: ReturnStage, at: datetime) -> dict[str, str]:
    """When each stage was last told, with one word more; the order in which words arrive does not matter."""
    return {
        **heard,
        stage.value: max(heard.get(stage.value, ""), at.astimezone(UTC).isoformat(timespec="microseconds")),
    }


def was_sent(heard: Mapping[str, str]) -> bool:
    """Whether the buyer gave it to a carrier since it was last declined or withdrawn."""
    ended = max((heard.get(stage.value, "") for stage in ENDED), default="")
    return heard.get(S.SENT.value, "") > ended


def kept_amounts(news: ReturnNews) -> dict[str, Any]:
    """The pieces as they are kept: by SKU word, and by the channel's lines where it named all of a word's pieces."""
    kept: dict[str, Any] = {}
    for word, pieces in news.amounts.items():
        lines = dict(news.lines.get(word, {}))
        kept[word] = lines if sum(lines.values()) == pieces else pieces
    return kept


@dataclass(frozen=True)
class LineOut:
    """A line of an order: pieces that left, and of them those that may still come back. ``external_id``: what the
    channel calls it, "" when it has no name there; ``quantity``: pieces that were ordered."""

    id: int
    sku_id: int
    shipped: int
    left: int
    external_id: str = ""
    quantity: int = 0


Meanings = Mapping[str, tuple[int, int]]
Named = Mapping[str, Mapping[str, int]]


def named_pieces(lines: Collection[LineOut], named: Named, meanings: Meanings) -> dict[int, int]:
    """Which pieces the channel names by its own line of the order: no more of a line than may still come back. Lines
    of one name fill up one after the other."""
    found: dict[int, int] = {}
    for word, by_line in named.items():
        sku_id, times = meanings.get(word, (0, 0))
        for number, pieces in by_line.items():
            rest = pieces * times
            for line in sorted(lines, key=lambda x: x.id):
                if line.external_id == number and line.sku_id == sku_id:
                    taken = min(rest, max(line.left - found.get(line.id, 0), 0))
                    rest -= taken
                    if taken:
                        found[line.id] = found.get(line.id, 0) + taken
    return found


def pieces_of(
    lines: Collection[LineOut], amounts: Mapping[str, int], meanings: Meanings, named: Named | None = None
) -> dict[int, int] | ReturnWait:
    """Which pieces of which lines a return is about; why it cannot be said otherwise. ``meanings``: our SKU and how
    many of ours one piece there is, by the channel's word. What the channel names by its own line is of that line; the
    others are of any line of their SKU with pieces left, first of one that stands for several pieces: the channel gives
    each piece a number, and such a line carries the first one's alone. Nothing is guessed: all of it fits, or none."""
    if not any(line.shipped for line in lines):
        return W.NOT_LEFT
    if not amounts:
        return {line.id: line.left for line in lines if line.left > 0} or W.TOO_MANY
    wanted: dict[int, int] = {}
    for word, pieces in amounts.items():
        if word not in meanings:
            return W.UNKNOWN_GOODS
        sku_id, times = meanings[word]
        wanted[sku_id] = wanted.get(sku_id, 0) + pieces * times
    found = named_pieces(lines, named or {}, meanings)
    for sku_id, pieces in wanted.items():
        mine = [line for line in lines if line.sku_id == sku_id]
        if not mine:
            return W.UNKNOWN_GOODS
        rest = pieces - sum(found.get(line.id, 0) for line in mine)
        for line in sorted(mine, key=lambda x: (bool(named) and x.quantity == 1, x.id)):
            taken = min(rest, max(line.left - found.get(line.id, 0), 0))
            if taken:
                found[line.id] = found.get(line.id, 0) + taken
                rest -= taken
        if rest:
            return W.NOT_LEFT if not any(line.shipped for line in mine) else W.TOO_MANY
    return found or W.UNKNOWN_GOODS
