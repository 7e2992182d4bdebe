"""What a remote site says: packages taken in order, once, whole; each message applied by the same verbs as a person's
work, or parked for one.

A repeat is ignored, a gap waits and is asked for, a contradiction is parked. Nothing is dropped, nothing is applied
twice, nothing that the rules refuse is applied silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import Conflict, OmsError, Say, say
from oms.remote.models import RemoteMessage, RemotePackage, RemoteSite
from oms.remote.packages import Message, Sealed, Way, unseal
from oms.remote.queries import lock_site
from oms.remote.states import MessageState, PackageState
from oms.usecases import remote_apply
from oms.usecases.remote_out import acknowledge
from oms.usecases.sentences import pack

SITE_ACTIONS: Final = frozenset({
    "order.view", "stock.view", "stock.receive", "stock.adjust", "stock.transfer", "stock.count", "shipment.pack",
    "shipment.label", "shipment.hand_over", "shipment.track",
})  # fmt: skip
CONFLICT: Final = "package"  # the kind under which a contradicting package is parked
EARLY_AT_MOST: Final = 1000  # packages kept ahead of a gap


@dataclass(frozen=True)
class Taken:
    """What became of one package: ``applied``, ``repeat``, ``early`` or ``conflict``. ``have``: the last package
    applied without a gap; ``missing``: (first, last) of what is asked for, or None."""

    outcome: str
    seq: int
    have: int
    missing: tuple[int, int] | None = None
    parked: int = 0


def site_actor(site: RemoteSite, source: str = "api") -> Actor:
    """The site as whoever acts: what a warehouse may do, in its own warehouse only."""
    return Actor(
        "site", site.name[:120], role="remote", actions=SITE_ACTIONS, warehouses=frozenset({site.warehouse_id}),
        source=source,
    )  # fmt: skip


def take_in(tx: Tx, site_id: int, secret: str, data: bytes) -> Taken:
    """Take one package of a site. Raises InvalidInput for one that is broken, altered or not this site's; then nothing
    of it was taken."""
    site = lock_site(tx, site_id)
    sealed = unseal(data, secret, site.code, Way.IN)
    package = sealed.package
    site.heard_at = clock.now()
    acknowledge(tx, site, package.have)
    if package.seq <= site.in_seq:
        return _again(tx, site, sealed)
    if package.seq > site.in_seq + 1:
        return _early(tx, site, sealed)
    if package.previous != site.in_previous:
        return _contradicts(tx, site, sealed)
    parked = _apply(tx, site, sealed, _stored(tx, site, package.seq))
    while (waiting := _stored(tx, site, site.in_seq + 1)) is not None:
        following = unseal(waiting.data, secret, site.code, Way.IN)
        if following.package.previous != site.in_previous:
            _contradicts(tx, site, following, waiting)
            break
        parked += _apply(tx, site, following, waiting)
    return Taken("applied", package.seq, site.in_seq, _gap(tx, site), parked)


def _stored(tx: Tx, site: RemoteSite, seq: int) -> RemotePackage | None:
    return tx.session.scalars(
        select(RemotePackage).where(
            RemotePackage.site_id == site.id, RemotePackage.way == Way.IN, RemotePackage.seq == seq,
            RemotePackage.state != PackageState.CONFLICT,
        )
    ).one_or_none()  # fmt: skip


def _gap(tx: Tx, site: RemoteSite) -> tuple[int, int] | None:
    """The packages that are missing before the first that came early."""
    first = tx.session.scalar(
        select(RemotePackage.seq)
        .where(RemotePackage.site_id == site.id, RemotePackage.way == Way.IN, RemotePackage.seq > site.in_seq)
        .where(RemotePackage.state == PackageState.EARLY)
        .order_by(RemotePackage.seq)
        .limit(1)
    )
    return (site.in_seq + 1, first - 1) if first and first > site.in_seq + 1 else None


def _keep(tx: Tx, site: RemoteSite, sealed: Sealed, state: PackageState) -> RemotePackage:
    made = RemotePackage(
        site_id=site.id, way=Way.IN, seq=sealed.package.seq, sha256=sealed.sha256, state=state,
        messages=len(sealed.package.messages), data=sealed.data, at=clock.now(),
    )  # fmt: skip
    tx.session.add(made)
    tx.session.flush()  # found again by its number
    return made


def _again(tx: Tx, site: RemoteSite, sealed: Sealed) -> Taken:
    known = _stored(tx, site, sealed.package.seq)
    if known is not None and known.sha256 == sealed.sha256:
        return Taken("repeat", sealed.package.seq, site.in_seq, _gap(tx, site))
    return _contradicts(tx, site, sealed)


def _early(tx: Tx, site: RemoteSite, sealed: Sealed) -> Taken:
    seq = sealed.package.seq
    known = _stored(tx, site, seq)
    if known is not None and known.sha256 != sealed.sha256:
        return _contradicts(tx, site, sealed)
    if known is None and seq <= site.in_seq + EARLY_AT_MOST:
        _keep(tx, site, sealed, PackageState.EARLY)
    return Taken("early", seq, site.in_seq, _gap(tx, site) or (site.in_seq + 1, seq - 1))


def _contradicts(tx: Tx, site: RemoteSite, sealed: Sealed, stored: RemotePackage | None = None) -> Taken:
    """Park a package that says otherwise than an earlier one: the same number with other words, or another past."""
    uid, package = f"{CONFLICT}-{sealed.package.seq}-{sealed.sha256[:24]}", sealed.package
    if stored is not None:
        stored.state = PackageState.CONFLICT
    known = tx.session.scalar(
        select(RemoteMessage.id).where(
            RemoteMessage.site_id == site.id, RemoteMessage.way == Way.IN, RemoteMessage.uid == uid
        )
    )
    if known is None:
        if stored is None:
            stored = _keep(tx, site, sealed, PackageState.CONFLICT)
        problem = say("Package {seq} says otherwise than the one that was applied", seq=package.seq)
        body = {"seq": package.seq, "package_id": stored.id, "messages": len(package.messages)}
        row = RemoteMessage(
            site_id=site.id, way=Way.IN, uid=uid, kind=CONFLICT, body=body, at=package.created_at,
            package_seq=package.seq, state=MessageState.PARKED,
        )  # fmt: skip
        tx.session.add(park(row, problem, "package_conflict"))
    return Taken("conflict", package.seq, site.in_seq, _gap(tx, site), 1 if known is None else 0)


def park(row: RemoteMessage, problem: Say, code: str) -> RemoteMessage:
    """A message that a person has to look at, and why."""
    row.state, row.problem_code = MessageState.PARKED, code[:64]
    row.problem = pack(problem)
    return row


def _apply(tx: Tx, site: RemoteSite, sealed: Sealed, stored: RemotePackage | None) -> int:
    """Apply a package in its turn; answers how many of its messages were parked."""
    if stored is None:
        stored = _keep(tx, site, sealed, PackageState.APPLIED)
    stored.state = PackageState.APPLIED
    site.in_seq, site.in_previous = sealed.package.seq, sealed.sha256
    return apply_messages(tx, site, sealed.package.messages, sealed.package.seq)


def apply_messages(tx: Tx, site: RemoteSite, messages: Sequence[Message], seq: int) -> int:
    """Carry each message out, in order, each by itself; one said before under the same id is not said again."""
    known = set(
        tx.session.scalars(
            select(RemoteMessage.uid).where(
                RemoteMessage.site_id == site.id, RemoteMessage.way == Way.IN,
                RemoteMessage.uid.in_([m.id for m in messages]),
            )
        )
    )  # fmt: skip
    acting = replace(tx, actor=site_actor(site, tx.actor.source))
    parked = 0
    for message in messages:
        if message.id in known:
            continue
        known.add(message.id)
        row = RemoteMessage(
            site_id=site.id, way=Way.IN, uid=message.id, kind=message.kind.value, body=dict(message.body),
            at=message.at, package_seq=seq, state=MessageState.APPLIED,
        )  # fmt: skip
        tx.session.add(row)
        tx.session.flush()  # what it does refers to it
        parked += not carry_out(acting, site, row)
    return parked


def carry_out(tx: Tx, site: RemoteSite, row: RemoteMessage) -> bool:
    """Do what a message says, whole or not at all. False when the rules refuse: then it is parked with the reason."""
    row.shipment_id = remote_apply.named_shipment(tx, site, row)
    try:
        with tx.session.begin_nested():
            remote_apply.apply(tx, site, row)
    except Conflict:
        raise  # somebody else holds the same rows: the whole package is sent again
    except OmsError as refusal:
        park(row, refusal.message, refusal.detail_code)
        return False
    row.state, row.problem, row.problem_code = MessageState.APPLIED, None, ""
    return True
