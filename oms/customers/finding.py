"""Which person is this? Many buyers at once, found by phone or identity, made when new."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text

from oms import audit, clock
from oms.asking import Question, ask
from oms.customers.models import Customer, CustomerIdentity, CustomerSearch, IdentityKind
from oms.db import Tx, insert_rows
from oms.thai.phone import read_phone
from oms.thai.text import grams, normalize

Known = tuple[IdentityKind, str]


@dataclass(frozen=True)
class Buyer:
    """A person as an order names them. A masked phone ("****78") identifies nobody and is left out."""

    name: str
    phone: str = ""
    kind: IdentityKind | None = None
    identity: str = ""

    def identities(self) -> list[Known]:
        """What this person is recognized by, the strongest first."""
        known: list[Known] = []
        if self.kind and self.identity:
            known.append((self.kind, self.identity))
        if phone := read_phone(self.phone):
            known.append((IdentityKind.PHONE, phone))
        return known


def search_text(name: str, phone: str, identities: Sequence[str]) -> str:
    """What a customer is found by."""
    return normalize(" ".join([name, phone, *identities]))


_PEOPLE = text(
    "SELECT i.kind, i.external_id, i.customer_id FROM customer_identities i"
    " JOIN unnest(CAST(:kinds AS varchar[]), CAST(:names AS varchar[])) AS w(kind, name)"
    " ON i.kind = w.kind AND i.external_id = w.name"
)


def about_people(buyers: Iterable[Buyer]) -> Question[dict[Known, int]]:
    """Who of these is known by phone or identity, and as which customer."""
    return _about({known for buyer in buyers for known in buyer.identities()})


def _about(wanted: Collection[Known]) -> Question[dict[Known, int]]:
    pairs = sorted((kind.value, value) for kind, value in wanted)
    return Question(
        _PEOPLE if pairs else None,
        lambda rows: {(IdentityKind(row[0]), row[1]): row[2] for row in rows},
        {"kinds": [kind for kind, _ in pairs], "names": [name for _, name in pairs]},
    )


BUCKETS = 256  # queues for new people; a batch of hundreds takes no more locks than these
_QUEUE_UP = text(
    "SELECT pg_advisory_xact_lock(:space, bucket) FROM unnest(CAST(:buckets AS int[])) WITH ORDINALITY AS q(bucket, n)"
    " ORDER BY n"
)
_SPACE = 0x4355  # keeps these locks apart from other advisory locks


def _queue_up(tx: Tx, names: set[Known]) -> None:
    """Two orders of one new person at the same moment: the second waits for the first, then finds the person there."""
    buckets = sorted({zlib.crc32(f"{kind.value}:{value}".encode()) % BUCKETS for kind, value in names})
    tx.session.connection().execute(_QUEUE_UP, {"space": _SPACE, "buckets": buckets})


def _ids(tx: Tx, count: int) -> list[int]:
    sequence = func.nextval("customers_id_seq")
    return list(tx.session.scalars(select(sequence).select_from(func.generate_series(1, count)))) if count else []


def find_or_create(tx: Tx, buyers: Sequence[Buyer], found: Mapping[Known, int] | None = None) -> list[int | None]:
    """The customer id of every buyer, in order; None for one who cannot be told apart (no phone, no identity).

    A phone that is new for a known person is remembered; one that belongs to somebody else stays theirs.
    ``found``: the answer to ``about_people`` when it was asked before in this transaction.
    """
    wanted = {known for buyer in buyers for known in buyer.identities()}
    if not wanted:
        return [None] * len(buyers)
    people = dict(ask(tx.connection, _about(wanted)) if found is None else found)
    if fresh_names := wanted - set(people):
        _queue_up(tx, fresh_names)
        people |= ask(tx.connection, _about(fresh_names))
    stored = set(people)
    fresh: list[Buyer] = []
    owners: list[Known | None] = []
    for buyer in buyers:
        known = buyer.identities()
        key = next((k for k in known if k in people), None)
        if key is None and known:
            key = known[0]
            people[key] = -1 - len(fresh)  # a place holder until ids are drawn
            fresh.append(buyer)
        for other in known:
            people.setdefault(other, people[key] if key else 0)
        owners.append(key)
    ids = _ids(tx, len(fresh))
    people = {known: person if person > 0 else ids[-1 - person] for known, person in people.items()}
    _insert(tx, list(zip(ids, fresh, strict=True)), {k: p for k, p in people.items() if k not in stored})
    return [people[key] if key else None for key in owners]


def _insert(tx: Tx, fresh: Sequence[tuple[int, Buyer]], identities: dict[Known, int]) -> None:
    at = clock.now()
    names: dict[int, list[str]] = {}
    for (_, value), person in identities.items():
        names.setdefault(person, []).append(value)
    insert_rows(
        tx,
        Customer,
        [
            {
                "id": person, "name": buyer.name[:200], "phone": read_phone(buyer.phone) or "", "email": "",
                "customer_group": "", "note": "", "tax_name": "", "tax_id": "", "tax_branch": "", "tax_address": "",
                "created_at": at, "version": 1,
            }
            for person, buyer in fresh
        ],
    )  # fmt: skip
    insert_rows(
        tx,
        CustomerIdentity,
        [
            {"customer_id": person, "kind": kind, "external_id": value, "label": ""}
            for (kind, value), person in identities.items()
        ],
    )
    texts = {person: search_text(b.name, b.phone, names.get(person, [])) for person, b in fresh}
    insert_rows(
        tx,
        CustomerSearch,
        [{"customer_id": person, "haystack": t, "grams": grams(t)} for person, t in texts.items()],
    )
    audit.record_many(
        tx,
        [
            audit.Entry("customer.created", "customer", person, b.name, after={"name": b.name, "phone": b.phone})
            for person, b in fresh
        ],
    )
