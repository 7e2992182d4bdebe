"""Races of the floor: packers at one order, clerks asking for the next list, drivers' sheets scanned and closed at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from oms.actor import system
from oms.db import transaction
from oms.errors import Conflict, OmsError
from oms.orders.states import CancelReason
from oms.usecases.manifests import CloseManifest, OpenManifest, ScanParcel, close_manifest, open_manifest, scan_parcel
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.packing import Scan, scan
from oms.usecases.picking import MakePickList, make_pick_list

TRIES = 8


def _do(client: Any, verb: Callable[..., Any], *arguments: Any) -> Any:
    """One verb as this client, sent again when two met on the same rows, as a station does."""
    actor = replace(system("racer"), user_id=client.no + 1, label=f"racer {client.no}")
    for turn in range(TRIES):
        try:
            with transaction(actor) as tx:
                answer = verb(tx, *arguments)
        except Conflict as refusal:
            if turn == TRIES - 1:
                client.seen[f"gave up {refusal.detail_code}"] += 1
                return None
            continue
        except OmsError as refusal:
            client.seen[refusal.detail_code] += 1
            return None
        except BaseException as crash:  # noqa: BLE001  whatever it is, the test must hear of it
            client.seen[f"crash {type(crash).__name__}: {crash}"[:300]] += 1
            return None
        client.seen[f"{verb.__name__} ok"] += 1
        return answer
    return None


def one_box(client: Any) -> None:
    """All scan the same order at once; who gets it packs it, while one of them may cancel it."""
    for n, (number, order_id) in enumerate(client.plan["boxes"]):
        client.barrier.wait(60)
        if client.no == 0 and n % 3 == 2:
            _do(client, cancel_order, CancelOrder(order_id, CancelReason.CUSTOMER))
            continue
        codes = (number, "RU-0001", "RU-0002", "RU-0001", "RUAM-OK", "RUAM-ASIDE")
        for step, code in enumerate(codes):
            cmd = Scan(f"{client.no}:{n}:{step}", f"T{client.no}", client.plan["place"], code)
            said = _do(client, scan, cmd)
            client.seen[f"scan {said.outcome if said else 'none'}"] += 1
            client.seen["packed"] += bool(said and said.packed)


def next_lists(client: Any) -> None:
    """All ask for the next few at once."""
    for _ in range(client.plan["turns"]):
        client.barrier.wait(60)
        _do(client, make_pick_list, MakePickList(client.plan["place"], next_count=client.plan["each"]))


def two_sheets(client: Any) -> None:
    """The same boxes are scanned onto the sheets of two carriers, and the sheets are closed meanwhile."""
    carrier = ("Flash Express", "KEX Express")[client.no % 2]
    numbers = client.random.sample(client.plan["boxes"], len(client.plan["boxes"]))
    for n, number in enumerate(numbers):
        client.barrier.wait(60)
        sheet = _do(client, open_manifest, OpenManifest(carrier, client.plan["place"]))
        if sheet is None:
            continue
        said = _do(client, scan_parcel, ScanParcel(sheet.manifest_id, f"{client.no}:{n}", number))
        client.seen[f"parcel {said.outcome if said else 'none'}"] += 1
        if client.random.random() < 0.3:
            _do(client, close_manifest, CloseManifest(sheet.manifest_id))


RACES = {"one_box": one_box, "next_lists": next_lists, "two_sheets": two_sheets}
