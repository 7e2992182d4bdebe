"""The HTTP API: keys, rows, strict JSON, repeats, cursors, problems; every endpoint against the verbs behind it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import event, func, select

from oms import clock
from oms.actor import system
from oms.api.models import ApiAnswer, ApiKey
from oms.api.scopes import SCOPES
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.orders.models import Order, OrderNote
from oms.orders.states import OrderStatus
from oms.payments.models import PaymentClaim
from oms.shipping.models import Shipment
from oms.usecases.api_keys import NewKey, create_key, revoke_key
from oms.usecases.orders_place import place_order
from oms.usecases.shipping import MarkShipped, mark_shipped_many
from tests.shop import SmallShop, small_shop
from views.api import guard
from views.api.document import document
from views.api.table import ENDPOINTS

_tries = count(1)
SHIP_TO = {"name": "มาลี ใจดี", "phone": "0812345678", "line": "1 หมู่ 1", "postcode": "50210"}


@dataclass
class Api:
    """A program with a key."""

    web: Flask
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: Any):
        g.__dict__.clear()
        return self.web.test_client().get("/api/v1" + path, query_string=query, headers=self._head())

    def post(self, path: str, body: Any, key: str | None = None, **facts: Any):
        g.__dict__.clear()
        head = self._head() | {"Idempotency-Key": key or f"try-{next(_tries)}"}
        if isinstance(body, str | bytes):
            facts |= {"data": body, "content_type": "application/json"}
        else:
            facts["json"] = body
        return self.web.test_client().post("/api/v1" + path, headers=head, **facts)

    def _head(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **self.headers}


@pytest.fixture
def shop(web: Flask) -> SmallShop:
    web.extensions.pop("oms.api_keys", None)
    web.appbuilder.sm.limiter.reset()
    with transaction(system("test")) as tx:
        return small_shop(tx)


def key(web: Flask, *actions: str, **facts: Any) -> Api:
    with transaction(system("test")) as tx:
        made = create_key(tx, NewKey("shop program", frozenset(actions or SCOPES), **facts))
    return Api(web, made.token)


@pytest.fixture
def api(web: Flask, shop: SmallShop) -> Api:
    return key(web)


def body(shop: SmallShop, *lines: tuple[int, int], **facts: Any) -> dict[str, Any]:
    wanted = [{"sku_id": shop.skus[i], "quantity": n} for i, n in lines or ((0, 1),)]
    return {"shop_id": shop.line, "lines": wanted, "ship_to": SHIP_TO, "confirm": True} | facts


def rows(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


def assert_problem(answer, status: int, code: str, name: str | None = None) -> dict[str, Any]:
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    said = answer.json
    assert (said["status"], said["code"]) == (status, code), said
    assert said["detail"]
    assert said["request_id"] == answer.headers["X-Request-Id"]
    if name is not None:
        assert name in [e["field"] for e in said["errors"]], said
    return said


def test_an_order_is_placed_confirmed_and_read_back(api: Api, shop: SmallShop):
    answer = api.post("/orders", body(shop, (0, 2), (1, 1), external_no="W-1", tags=["web"]))
    assert answer.status_code == 201, answer.text
    placed = answer.json
    assert placed["created"] is True
    seen = api.get(f"/orders/{placed['id']}").json
    assert (seen["number"], seen["status"], seen["stock_state"]) == (placed["number"], "confirmed", "reserved")
    assert (seen["goods_total"], seen["total"]) == ("400.00", "400.00")
    assert [(line["sku"], line["quantity"], line["total"]) for line in seen["lines"]] == [
        ("RU-0001", 2, "200.00"), ("RU-0002", 1, "200.00"),
    ]  # fmt: skip
    assert seen["ship_to"]["phone"] == "0812345678"
    assert seen["placed_at"].endswith("Z")
    row = db.session.scalars(select(AuditLog).where(AuditLog.action == "order.created")).one()
    assert (row.actor_kind, row.actor, row.source) == ("api", "API shop program", "api")


def test_codes_name_the_shop_and_the_skus(api: Api, shop: SmallShop):
    wanted = {"shop": "line", "lines": [{"sku": "RU-0002", "quantity": 1}], "ship_to": SHIP_TO}
    placed = api.post("/orders", wanted).json
    assert api.get(f"/orders/{placed['id']}").json["lines"][0]["sku_id"] == shop.skus[1]
    unknown = wanted | {"lines": [{"sku": "RU-0002", "quantity": 1}, {"sku": "NO", "quantity": 1}]}
    assert_problem(api.post("/orders", unknown), 422, "sku_unknown", "lines.1.sku")
    assert_problem(api.post("/orders", wanted | {"shop": "none"}), 404, "shop_not_found", "shop")
    assert_problem(api.post("/orders", wanted | {"shop_id": shop.line}), 422, "one_of", "shop")


def test_a_draft_is_confirmed_noted_and_canceled(api: Api, shop: SmallShop):
    order = api.post("/orders", body(shop, confirm=False)).json["id"]
    assert api.post(f"/orders/{order}/confirm", {"version": 99}).status_code == 409
    assert api.post(f"/orders/{order}/confirm", {}).status_code == 200
    assert api.post(f"/orders/{order}/notes", {"body": "โทรก่อนส่ง"}).status_code == 201
    assert_problem(api.post(f"/orders/{order}/cancel", {"reason": "other"}), 422, "reason_missing", "note")
    assert api.post(f"/orders/{order}/cancel", {"reason": "customer"}).json["money_to_return"] is False
    assert rows(OrderNote) == 1
    assert db.session.get(Order, order).status is OrderStatus.CANCELED
    assert_problem(api.post(f"/orders/{order}/cancel", {"reason": "customer"}), 409, "order_cancel_refused")


def test_the_same_key_and_body_is_answered_the_same_and_done_once(api: Api, shop: SmallShop):
    wanted = body(shop)
    first, again = api.post("/orders", wanted, "k-1"), api.post("/orders", json.dumps(wanted, indent=3), "k-1")
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert (rows(Order), rows(ApiAnswer)) == (1, 1)
    assert_problem(api.post("/orders", body(shop, (1, 1)), "k-1"), 422, "idempotency_key_reused", "Idempotency-Key")
    assert_problem(api.post(f"/orders/{first.json['id']}/notes", {"body": "x"}, "k-1"), 422, "idempotency_key_reused")
    assert (rows(Order), rows(OrderNote)) == (1, 0)


def test_another_program_may_use_the_same_idempotency_key(web: Flask, api: Api, shop: SmallShop):
    other = key(web)
    assert api.post("/orders", body(shop), "k-1").json["id"] != other.post("/orders", body(shop), "k-1").json["id"]


def test_a_refused_request_leaves_its_key_free(api: Api, shop: SmallShop):
    assert_problem(api.post("/orders", body(shop, (0, 11)), "k-1"), 409, "stock_short")
    assert (rows(Order), rows(ApiAnswer)) == (0, 0)
    assert api.post("/orders", body(shop, (0, 10)), "k-1").status_code == 201


def test_a_post_needs_an_idempotency_key(web: Flask, api: Api, shop: SmallShop):
    for given in ({}, {"Idempotency-Key": "x" * 81}, {"Idempotency-Key": "a b"}):
        g.__dict__.clear()
        head = {"Authorization": f"Bearer {api.token}", **given}
        answer = web.test_client().post("/api/v1/orders", json=body(shop), headers=head)
        assert_problem(answer, 400, "idempotency_key_missing")
    assert rows(Order) == 0


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"colour": "red"}, "colour"),
        ({"ship_to": SHIP_TO | {"zip": "1"}}, "ship_to.zip"),
        ({"ship_to": {"phone": "1"}}, "ship_to.name"),
        ({"ship_to": SHIP_TO | {"line": "a\x00b"}}, "ship_to.line"),
        ({"confirm": "yes"}, "confirm"),
        ({"discount": 5}, "discount"),
        ({"discount": "5.001"}, "discount"),
        ({"discount": "-5"}, "discount"),
        ({"shop_id": True}, "shop_id"),
        ({"shop_id": "1"}, "shop_id"),
        ({"shop_id": 2**63}, "shop_id"),
        ({"payment_term": "marketplace"}, "payment_term"),
        ({"placed_at": "2026-11-28T09:00:00"}, "placed_at"),
        ({"placed_at": "2026-02-30T09:00:00Z"}, "placed_at"),
        ({"lines": []}, "lines"),
        ({"tags": ["x"] * 21}, "tags"),
    ],
)  # fmt: skip
def test_json_is_read_strictly_and_the_field_is_named(api: Api, shop: SmallShop, change, name):
    assert_problem(api.post("/orders", body(shop) | change), 400, "invalid_request", name)
    assert (rows(Order), rows(ApiAnswer)) == (0, 0)


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", '{"a":1,"a":2}', '{"a":NaN}', b"\xff", "[" * 100_000])
def test_what_is_no_json_object_is_refused(api: Api, raw):
    assert_problem(api.post("/orders", raw), 400, "json")


def test_a_body_too_large_or_of_another_kind_is_refused(api: Api, shop: SmallShop):
    assert_problem(api.post("/orders", b" " * (guard.MAX_BODY + 1)), 413, "too_large")
    g.__dict__.clear()
    head = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": "x"}
    answer = api.web.test_client().post("/api/v1/orders", data={"a": "b"}, headers=head)
    assert_problem(answer, 400, "json_needed")


def test_a_query_is_read_strictly(api: Api):
    assert_problem(api.get("/orders", limit="0"), 400, "invalid_request", "limit")
    assert_problem(api.get("/orders", limit="1e2"), 400, "invalid_request", "limit")
    assert_problem(api.get("/orders", page="1"), 400, "invalid_request", "page")
    assert_problem(api.get("/orders", cursor="zzz"), 400, "invalid_request", "cursor")
    assert_problem(api.get("/orders", limit=["1", "2"]), 400, "invalid_request", "limit")
    assert_problem(api.get("/orders/1", a="b"), 400, "invalid_request", "a")


def test_who_has_no_live_key_gets_nothing(web: Flask, api: Api, shop: SmallShop):
    with transaction(system("test")) as tx:
        revoke_key(tx, tx.session.scalars(select(ApiKey.id)).one())
    web.extensions.pop("oms.api_keys", None)
    for head in (
        {},
        {"Authorization": f"Bearer {api.token}"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer x"},
    ):
        g.__dict__.clear()
        answer = web.test_client().get("/api/v1/orders", headers=head)
        assert_problem(answer, 401, "key_needed")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert_problem(api.post("/orders", body(shop)), 401, "key_needed")


@pytest.fixture
def minute():
    """A minute that does not end in the middle of a test."""
    now = clock.now()
    with clock.at(now.replace(second=10)):
        yield


def test_wrong_keys_are_counted_by_address_and_a_right_one_is_not(web: Flask, api: Api, minute):
    for _ in range(62):
        assert api.get("/orders").status_code == 200
    wrong = Api(web, "ruam_" + "x" * 40)
    seen = [wrong.get("/orders").status_code for _ in range(61)]
    assert (seen[0], seen[-1]) == (401, 429)


def test_a_key_has_its_own_limit_over_all_endpoints_and_says_what_is_left(web: Flask, shop: SmallShop, minute):
    small = key(web, "order.view", "stock.view", per_minute=3)
    first = small.get("/orders")
    assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("3", "2")
    assert 0 <= int(first.headers["RateLimit-Reset"]) <= 60
    assert small.get("/stock").headers["RateLimit-Remaining"] == "1"
    small.get("/orders")
    refused = small.get("/stock")
    assert_problem(refused, 429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) > 0
    assert key(web, "order.view").get("/orders").status_code == 200


def test_a_key_does_only_what_it_was_given(web: Flask, shop: SmallShop):
    reader = key(web, "order.view")
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("<int:", "").replace(">", "")
        path = (
            path.replace("order_id", "1")
            .replace("customer_id", "1")
            .replace("shipment_id", "1")
            .replace("payment_id", "1")
        )
        answer = reader.get(path) if endpoint.method == "GET" else reader.post(path, {})
        if endpoint.action == "order.view":
            assert answer.status_code in {200, 404}, path
        elif endpoint.method == "GET":
            assert_problem(answer, 403, "forbidden")
        else:
            assert answer.status_code in {400, 403}, path
    assert_problem(reader.post("/orders", body(shop)), 403, "forbidden")
    assert rows(Order) == 0
    db.session.rollback()
    last = db.session.scalars(select(AuditLog).order_by(AuditLog.id.desc()).limit(1)).one()
    assert (last.action, last.source, last.after["action"]) == ("permission.refused", "api", "order.create")
    assert last.subject == "/api/v1/orders"
    assert last.subject_type == "api_key"


def test_amounts_and_phones_need_their_own_permission(web: Flask, api: Api, shop: SmallShop):
    order = api.post("/orders", body(shop)).json["id"]
    seen = key(web, "order.view").get(f"/orders/{order}").json
    assert (seen["total"], seen["lines"][0]["unit_price"]) == (None, None)
    assert "1234567" not in seen["ship_to"]["phone"]


def test_a_key_sees_and_sells_only_in_its_shops(web: Flask, api: Api, shop: SmallShop):
    mine = key(web, shops=frozenset({shop.shopee}))
    foreign = api.post("/orders", body(shop, payment_term="cod")).json["id"]
    own = mine.post("/orders", body(shop, shop_id=shop.shopee)).json["id"]
    assert_problem(mine.post("/orders", body(shop)), 404, "shop_not_found")
    assert [o["id"] for o in mine.get("/orders").json["data"]] == [own]
    assert_problem(mine.get(f"/orders/{foreign}"), 404, "order_not_found")
    for path, said in (("confirm", {}), ("cancel", {"reason": "customer"}), ("notes", {"body": "x"})):
        assert_problem(mine.post(f"/orders/{foreign}/{path}", said), 404, "order_not_found")
    money = {"method": "cash", "amount": "1", "orders": [{"order_id": foreign, "amount": "1"}]}
    assert_problem(mine.post("/payments", money), 404, "order_not_found")
    with transaction(system("test")) as tx:
        mark_shipped_many(tx, [MarkShipped(foreign, "Flash", "TH1")])
        shipment = tx.session.scalars(select(Shipment.id)).one()
    assert mine.get("/shipments").json["data"] == []
    assert_problem(mine.get(f"/shipments/{shipment}/tracking"), 404, "shipment_not_found")


def test_a_customer_is_known_only_to_keys_that_sold_to_them(web: Flask, api: Api, shop: SmallShop):
    person = api.post("/customers", {"name": "สมชาย", "phone": "0899999999"}).json["id"]
    mine = key(web, shops=frozenset({shop.shopee}))
    assert_problem(mine.get(f"/customers/{person}"), 404, "customer_not_found")
    named = body(shop, shop_id=shop.shopee, customer_id=person)
    assert_problem(mine.post("/orders", named), 404, "customer_not_found", "customer_id")
    assert api.post("/orders", named).status_code == 201
    assert mine.get(f"/customers/{person}").json["name"] == "สมชาย"
    assert [c["id"] for c in mine.get("/customers", phone="089-999-9999").json["data"]] == [person]
    assert_problem(api.post("/orders", body(shop, customer_id=2**62)), 404, "customer_not_found")


def test_pages_hold_every_row_once_though_rows_arrive_meanwhile(api: Api, shop: SmallShop):
    with transaction(system("test")) as tx:
        made = [place_order(tx, shop.order()).order_id for _ in range(7)]
    seen, cursor = [], None
    while True:
        page = api.get("/orders", limit=3, **({"cursor": cursor} if cursor else {})).json
        seen += [o["id"] for o in page["data"]]
        with transaction(system("test")) as tx:
            place_order(tx, shop.order())
        if (cursor := page["next"]) is None:
            break
    assert seen == made[::-1]


def test_stock_shipments_and_payments_are_read(api: Api, shop: SmallShop):
    order = api.post("/orders", body(shop, (0, 3), payment_term="cod")).json["id"]
    level = api.get("/stock", sku="RU-0001").json["data"][0]
    assert (level["on_hand"], level["reserved"], level["available"]) == (10, 3, 7)
    first = api.get("/stock", limit=1).json
    assert api.get("/stock", limit=10, cursor=first["next"]).json["data"][0]["sku"] == "RU-0002"
    claim = {"method": "transfer", "amount": "300.00", "orders": [{"order_id": order, "amount": "300.00"}]}
    paid = api.post("/payments", claim).json
    assert (paid["status"], paid["order_ids"]) == ("submitted", [order])
    assert api.get(f"/payments/{paid['id']}").json["orders"] == [{"order_id": order, "amount": "300.00"}]
    assert [p["id"] for p in api.get("/payments", order_id=order).json["data"]] == [paid["id"]]
    with transaction(system("test")) as tx:
        mark_shipped_many(tx, [MarkShipped(order, "Flash", "TH123")])
    shipment = api.get("/shipments", order_id=order).json["data"][0]
    assert shipment["parcels"][0]["tracking_no"] == "TH123"
    where = api.get(f"/shipments/{shipment['id']}/tracking").json
    assert where["parcels"][0]["carrier"] == shipment["parcels"][0]["carrier"]
    way, carrier = f"/shipments/{shipment['id']}/tracking", shipment["parcels"][0]["carrier"]
    assert api.post(way, {"carrier": carrier, "tracking_no": "TH123"}).json["status"] == shipment["status"]
    assert_problem(api.post(way, {"carrier": carrier, "tracking_no": "TH124"}), 403, "forbidden")  # it has left
    assert rows(PaymentClaim) == 1


def test_everything_that_goes_wrong_is_problem_json(api: Api, shop: SmallShop):
    assert_problem(api.get("/nowhere"), 404, "not_found")
    wrong = api.post("/stock", {})
    assert_problem(wrong, 405, "method_not_allowed")
    assert "GET" in wrong.headers["Allow"]
    api.headers = {"Accept-Language": "th"}
    said = assert_problem(api.post("/orders", body(shop, (0, 11))), 409, "stock_short")
    assert any("\u0e00" <= letter <= "\u0e7f" for letter in said["detail"])
    assert said["retryable"] is False


def test_a_call_sets_no_cookie_and_is_not_kept(api: Api):
    answer = api.get("/orders")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def statements(work) -> list[str]:
    seen: list[str] = []

    def note(_c, _cursor, statement, *_rest):
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            seen.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return seen


def test_an_order_costs_the_verbs_statements_the_key_and_the_kept_answer(api: Api, shop: SmallShop):
    with transaction(system("test")) as tx:
        place_order(tx, shop.order((0, 1), (1, 1), (2, 1), confirm=True))

    def by_verb() -> None:
        with transaction(system("test")) as tx:
            place_order(tx, shop.order((0, 1), (1, 1), (2, 1), confirm=True))

    verb = len(statements(by_verb))
    wanted = body(shop, (0, 1), (1, 1), (2, 1))
    api.post("/orders", wanted)
    cold, warm = [], []
    api.web.extensions.pop("oms.api_keys", None)
    cold = statements(lambda: api.post("/orders", wanted))
    warm = statements(lambda: api.post("/orders", wanted))
    assert (len(cold), len(warm)) == (verb + 3, verb + 2), "\n".join(warm)


def test_lists_cost_the_same_statements_for_one_row_and_for_many(api: Api, shop: SmallShop):
    with transaction(system("test")) as tx:
        made = [place_order(tx, shop.order(confirm=True)).order_id for _ in range(6)]
        mark_shipped_many(tx, [MarkShipped(o, "Flash", f"T{o}") for o in made[:4]])
    for path in ("/orders", "/customers", "/stock", "/shipments", "/payments"):
        api.get(path)
        few, many = (len(statements(lambda n=n, p=path: api.get(p, limit=n))) for n in (1, 50))
        assert many <= few + 1 <= 5, path


def test_the_document_describes_every_endpoint_and_needs_no_key(web: Flask):
    answer = web.test_client().get("/api/v1/openapi.json")
    assert (answer.status_code, answer.json["openapi"]) == (200, "3.1.0")
    described = {(m.upper(), p) for p, found in document()["paths"].items() for m in found if m != "parameters"}
    assert len(described) == len(ENDPOINTS)
    assert all(op["operationId"] for found in document()["paths"].values() for op in found.values())


def test_answers_are_what_the_document_says(api: Api, shop: SmallShop):
    from jsonschema import Draft202012Validator

    order = api.post("/orders", body(shop, payment_term="cod")).json["id"]
    with transaction(system("test")) as tx:
        mark_shipped_many(tx, [MarkShipped(order, "Flash", "TH1")])
    api.post("/payments", {"method": "cash", "amount": "1", "orders": [{"order_id": order, "amount": "1"}]})
    made = document()
    for path in ("/orders", "/customers", "/stock", "/shipments", "/payments"):
        schema = made["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        said = api.get(path).json
        assert said["data"], path
        Draft202012Validator({**schema, "components": made["components"]}).validate(said)
    refused = {"$ref": "#/components/schemas/Problem", "components": made["components"]}
    Draft202012Validator(refused).validate(api.get("/orders", limit="x").json)
