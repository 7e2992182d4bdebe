"""Read a pasted chat for the entry screen: the buyer's words matched with the catalog. Nothing is saved here."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from oms.catalog.finding import SkuHit, by_codes
from oms.catalog.models import ChannelSku, Sku
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.thai.chat import ChatItem, ChatOrder, Kind, Sure, read_chat
from oms.thai.chat.reader import LONGEST
from oms.thai.text import clean, normalize, query_grams
from oms.thai.words import words_of

MOST_ORDERS = 50
_CANDIDATES = 400  # SKUs looked at for all items of a paste together
_OPTIONS = 6
_IDLE = {"สี", "ไซส์", "ไซซ์", "size", "เบอร์", "รุ่น", "รส", "กลิ่น", "แบบ", "ขนาด", "no", "the"}
_WORDS = re.compile("[ก-๙]+|[a-z0-9]+(?:[-_.][a-z0-9]+)*")


@dataclass(frozen=True)
class ReadChat:
    """What was pasted, and the shop whose names of goods count."""

    text: str
    shop_id: int | None = None


@dataclass(frozen=True)
class MatchedItem:
    """An item of the chat. ``sku`` only where one SKU alone fits; ``options``: what else it may be, best first."""

    item: ChatItem
    sku: SkuHit | None = None
    sure: Sure | None = None
    quantity: int = 1
    options: tuple[SkuHit, ...] = ()


@dataclass(frozen=True)
class ChatDraft:
    """One order to be, field by field, for a person to check."""

    kind: Kind
    order: ChatOrder
    items: tuple[MatchedItem, ...]
    text: str


@dataclass(frozen=True)
class ChatRead:
    """``drafts``: messages that order something or name a buyer; ``others``: what the rest is about."""

    drafts: tuple[ChatDraft, ...]
    others: tuple[Kind, ...]


def read_chat_orders(tx: Tx, cmd: ReadChat) -> ChatRead:
    """Take a paste apart and find its goods; four statements however much was pasted. Raises InvalidInput when long."""
    tx.actor.require("order.create")
    if len(cmd.text) > LONGEST:
        raise InvalidInput(
            say("This is too long for a chat; paste up to {count} characters at a time", count=f"{LONGEST:,}"),
            field="text", code="chat_too_long",
        )  # fmt: skip
    messages = read_chat(cmd.text)
    wanted = (Kind.ORDER, Kind.CF, Kind.ADDRESS_CHANGE, Kind.ORDER_CHANGE)
    found = [
        (message.kind, order, message.text)
        for message in messages
        if message.kind in wanted
        for order in message.orders
    ]
    found = found[:MOST_ORDERS]
    shop_id = cmd.shop_id if cmd.shop_id is not None and tx.actor.sees_shop(cmd.shop_id) else None
    matched = match_items(tx.session, [item for _, order, _ in found for item in order.items], shop_id)
    drafts = []
    for kind, order, text in found:
        mine, matched = matched[: len(order.items)], matched[len(order.items) :]
        drafts.append(ChatDraft(kind, order, tuple(mine), text))
    return ChatRead(tuple(drafts), tuple(m.kind for m in messages if m.kind not in wanted))


def match_items(session: Session, items: Sequence[ChatItem], shop_id: int | None) -> list[MatchedItem]:
    """The SKU each item means: by code or barcode, by the shop's own name of it, by its full name, by its words."""
    if not items:
        return []
    codes = by_codes(session, {code for item in items for code in _codes(item)})
    aliases = _aliases(session, {_full(item) for item in items} | {item.name for item in items}, shop_id)
    candidates = _candidates(session, items)
    return [_match(item, codes, aliases, candidates) for item in items]


def _full(item: ChatItem) -> str:
    return clean(f"{item.name} {item.variant or ''}")


def _codes(item: ChatItem) -> list[str]:
    """Words of an item that may be a code: Latin letters with figures, or the whole name."""
    return [item.name, *(word for word in item.name.split() if re.fullmatch(r"[A-Za-z0-9][\w.\-]{2,}", word))]


def _hit(sku: Sku, *, exact: bool = False) -> SkuHit:
    return SkuHit(sku.id, sku.code, sku.name, sku.option, sku.price, sku.is_bundle, exact)


def _aliases(session: Session, names: Collection[str], shop_id: int | None) -> dict[str, tuple[Sku, int]]:
    """What the shop calls its goods, with how many pieces one of it is."""
    if shop_id is None:
        return {}
    wanted = {name.lower() for name in names}
    rows = session.execute(
        select(ChannelSku.external_sku, ChannelSku.multiplier, Sku)
        .join(Sku, Sku.id == ChannelSku.sku_id)
        .where(ChannelSku.shop_id == shop_id, func.lower(ChannelSku.external_sku).in_(sorted(wanted)), Sku.is_active)
    )
    return {name.lower(): (sku, multiplier) for name, multiplier, sku in rows}


def tokens_of(text: str) -> list[str]:
    """The words goods are compared by: Thai cut by the dictionary, Latin and figures whole, labels left out."""
    found: list[str] = []
    for run in _WORDS.findall(normalize(text)):
        parts = words_of(run) if "ก" <= run[0] <= "๙" else [run]
        found += [part for part in parts if part not in _IDLE]
    return list(dict.fromkeys(found))


def _candidates(session: Session, items: Sequence[ChatItem]) -> list[tuple[Sku, frozenset[str], str]]:
    """SKUs that share the longest words of any item, with their own words."""
    clauses = []
    for item in items:
        long = sorted((t for t in tokens_of(_full(item)) if len(t) >= 3), key=len, reverse=True)
        needles = [query_grams(token) for token in long[:4]] or [query_grams(item.name)]
        clauses.append(and_(*(Sku.grams.contains(grams) for grams in needles[:1])))
        if len(needles) > 1:
            clauses.append(and_(*(Sku.grams.contains(grams) for grams in needles[1:2])))
    rows = session.scalars(select(Sku).where(Sku.is_active, or_(*clauses)).order_by(Sku.code).limit(_CANDIDATES))
    return [
        (sku, frozenset(tokens_of(f"{sku.name} {sku.option}")), normalize(f"{sku.name} {sku.option} {sku.code}"))
        for sku in rows
    ]


def _match(
    item: ChatItem,
    codes: dict[str, Sku],
    aliases: dict[str, tuple[Sku, int]],
    candidates: Sequence[tuple[Sku, frozenset[str], str]],
) -> MatchedItem:
    for code in _codes(item):
        if sku := codes.get(clean(code)):
            return MatchedItem(item, _hit(sku, exact=True), Sure.HIGH, item.qty)
    for name in (_full(item), item.name):
        if name.lower() in aliases:
            sku, multiplier = aliases[name.lower()]
            sure = Sure.HIGH if name == _full(item) else Sure.CHECK
            return MatchedItem(item, _hit(sku, exact=True), sure, item.qty * multiplier)
    whole = normalize(_full(item))
    named = [s for s, _, _ in candidates if whole in (normalize(s.name), normalize(f"{s.name} {s.option}"))]
    if len(named) == 1:
        return MatchedItem(item, _hit(named[0]), Sure.HIGH, item.qty)
    return _by_words(item, candidates)


def _by_words(item: ChatItem, candidates: Sequence[tuple[Sku, frozenset[str], str]]) -> MatchedItem:
    """Every word of the item in one SKU's name alone: probably it, to be checked. Otherwise a person chooses."""
    words = tokens_of(_full(item))
    if not words:
        return MatchedItem(item, quantity=item.qty)
    scored = []
    for sku, own, text in candidates:
        share = sum(word in own or (len(word) >= 3 and word in text) for word in words) / len(words)
        if share > 0.3:
            scored.append((-share, len(own), sku.code, sku))
    scored.sort(key=lambda row: row[:3])
    whole = [row[3] for row in scored if row[0] == -1.0]
    options = tuple(_hit(row[3]) for row in scored[:_OPTIONS])
    if len(whole) == 1:
        return MatchedItem(item, _hit(whole[0]), Sure.CHECK, item.qty, options[1:])
    return MatchedItem(item, quantity=item.qty, options=options)
