"""Programs that send the same request at the same moment: the kept answer decides who works and who repeats."""

from __future__ import annotations

from typing import Any

from oms.db import Tx
from oms.usecases.api_answers import Answered, begin_answer, keep_answer
from oms.usecases.orders_place import PlaceOrder, place_order


def _call(tx: Tx, key_id: int, name: str, order: PlaceOrder) -> str:
    """What the API does with a request, from the key to the answer."""
    begun = begin_answer(tx, key_id, name, "same body")
    if isinstance(begun, Answered):
        return begun.body
    placed = place_order(tx, order)
    body = f"order {placed.order_id}"
    keep_answer(tx, begun, 201, body)
    return body


def same_request(client: Any) -> None:
    """Every client sends the request of the round; what it was answered is counted by round."""
    for no, sku in enumerate(client.plan["rounds"]):
        client.barrier.wait(120)
        answer = client.do(_call, client.plan["key"], f"round-{no}", client.order(sku))
        client.seen[f"round {no}: {answer}"] += 1


RACES = {"same_request": same_request}
