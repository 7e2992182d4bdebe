"""Returns through the browser's door: the desk, asking, the steps, the station, settling, claims."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from sqlalchemy import event, select

from oms.actor import system
from oms.db import Tx, db, transaction
from oms.documents.models import Document
from oms.documents.states import DocumentKind
from oms.orders.models import Order
from oms.orders.states import OrderStatus, PaymentTerm
from oms.payments.refund_models import Refund
from oms.returns.models import CarrierClaim, Return, ReturnArrival, ReturnRules
from oms.returns.states import ArrivalStatus, CarrierClaimStatus, Resolution, ReturnStatus
from oms.usecases.returns_receive import ArriveParcel, ReceiveReturn, receive_parcel, receive_return
from tests.papers import seller
from tests.shop import SmallShop, small_shop
from tests.usecases import returns as goods
from tests.views.panel import Panel, make_logins


@pytest.fixture
def shop(web) -> SmallShop:
    make_logins(web)
    with transaction(system("test")) as tx:
        return small_shop(tx, pieces=1000)


@pytest.fixture
def tx(web):
    """A short transaction of the program for arranging things: ``with tx() as t``."""
    return lambda: transaction(system("test"))


@pytest.fixture
def manager(web, shop) -> Panel:
    return english(web, "manager")


def english(web, role: str) -> Panel:
    """Somebody who reads English."""
    panel = Panel(web, role)
    panel.get("/language/en")
    return panel


def complaints(page: str) -> list[str]:
    return re.findall(r'class="(?:err|pre)"[^>]*>(.*?)</p>', page)


def fresh(model, pk):
    db.session.rollback()
    row = db.session.get_one(model, pk)
    db.session.refresh(row)
    db.session.expunge(row)
    db.session.rollback()
    return row


def one(statement):
    db.session.rollback()
    row = db.session.scalars(statement).one_or_none()
    if row is not None and hasattr(row, "id"):
        db.session.expunge(row)
    db.session.rollback()
    return row


def delivered(tx, shop, *lines, **facts) -> int:
    with tx() as t:
        return goods.arrived(t, shop, *lines, **facts).id


def picture() -> tuple[io.BytesIO, str]:
    data = io.BytesIO()
    Image.new("RGB", (60, 40), "brown").save(data, "JPEG")
    data.seek(0)
    return data, "box.jpg"


def test_the_whole_way_of_a_buyers_return(web, shop, tx, manager):
    order_id = delivered(tx, shop, (0, 3), (1, 1))
    page = manager.get(f"/orders/{order_id}").text
    assert f"/returns/ask/{order_id}" in page
    form = manager.get(f"/returns/ask/{order_id}").text
    line = one(select(Order).where(Order.id == order_id)) and _line(order_id)
    assert f'name="pieces-{line}"' in form
    answer = manager.post(
        f"/returns/ask/{order_id}/send", **{f"pieces-{line}": "2"}, reason="damaged", goods="come", key="k1"
    )
    ret = one(select(Return))
    assert (answer.status_code, answer.location) == (303, f"/returns/all/show/{ret.id}")
    again = manager.post(
        f"/returns/ask/{order_id}/send", **{f"pieces-{line}": "2"}, reason="damaged", goods="come", key="k1"
    )
    assert again.location == answer.location
    desk = manager.get("/returns/").text
    assert ret.number in desk
    page = manager.get(answer.location).text
    assert "Agree to it" in page
    manager.post(f"/return/{ret.id}/approve", version=ret.version)
    manager.post(f"/return/{ret.id}/send", carrier="EMS", tracking_no="EB123")
    manager.post(f"/return/{ret.id}/receive", warehouse_id=shop.cnx)
    page = manager.get(answer.location).text
    assert f'name="resell-{line}"' in page
    manager.post(f"/return/{ret.id}/inspect", **{f"resell-{line}": "1", f"damaged-{line}": "1"}, note="กล่องบุบ")
    ret = fresh(Return, ret.id)
    assert (ret.status, ret.warehouse_id, ret.count_note) == (ReturnStatus.INSPECTED, shop.cnx, "กล่องบุบ")
    settle = manager.get(f"/returns/settle/form?return={ret.id}").text
    assert "฿200.00 is asked back" in settle
    done = manager.post(
        f"/returns/settle/form?return={ret.id}", resolution="refund", credit="150", to_method="cash", to_bank="", term="prepaid",
        version=ret.version, lines="1",
    )  # fmt: skip
    assert done.status_code == 303, complaints(done.text)
    ret, refund = fresh(Return, ret.id), one(select(Refund))
    assert (ret.resolution, ret.credit.amount, refund.amount.amount) == (Resolution.REFUND, 150, 150)
    page = manager.get(f"/returns/all/show/{ret.id}").text
    assert "Money back" in page
    assert ret.number in manager.get(f"/orders/{order_id}").text
    assert manager.get(f"/find/?q={ret.number}").location.endswith(f"/orders/{order_id}")
    assert manager.get("/find/?q=eb123").location.endswith(f"/orders/{order_id}"), "the number of the way back"


def test_the_paper_for_the_buyer_is_one_click_and_one_paper(web, shop, tx, manager):
    order_id = delivered(tx, shop, (0, 3))
    with tx() as t:
        seller(t)
        pk = goods.asked(t, t.session.get_one(Order, order_id), 2)
        receive_return(t, ReceiveReturn(pk, shop.bkk))
    assert "Return receipt" not in manager.get(f"/returns/all/show/{pk}").text, "nothing is counted yet"
    manager.post(f"/return/{pk}/inspect", **{f"resell-{_line(order_id)}": "2"})
    assert "Return receipt" in manager.get(f"/returns/all/show/{pk}").text
    first = manager.post(f"/return/{pk}/receipt")
    again = manager.post(f"/return/{pk}/receipt")
    assert (first.status_code, again.location) == (303, first.location), complaints(first.text)
    paper = one(select(Document))
    assert paper.kind is DocumentKind.RETURN_RECEIPT


def _line(order_id: int, i: int = 0) -> int:
    db.session.rollback()
    found = db.session.get_one(Order, order_id).lines[i].id
    db.session.rollback()
    return found


def test_asking_for_nothing_or_without_a_reason_says_so(web, shop, tx, manager):
    order_id = delivered(tx, shop, (0, 1))
    line = _line(order_id)
    manager.get(f"/returns/ask/{order_id}")
    assert (
        "Choose what comes back" in manager.post(f"/returns/ask/{order_id}/send", reason="damaged", goods="come").text
    )
    assert (
        "Choose a reason"
        in manager.post(f"/returns/ask/{order_id}/send", **{f"pieces-{line}": "1"}, reason="nonsense").text
    )
    assert (
        "is not a whole number"
        in manager.post(f"/returns/ask/{order_id}/send", **{f"pieces-{line}": "zwei"}, reason="damaged").text
    )
    assert one(select(Return)) is None


def test_steps_are_shown_to_whom_they_belong(web, shop, tx):
    order_id = delivered(tx, shop, (0, 1))
    with tx() as t:
        return_id = goods.asked(t, goods.order_of(t, order_id), 1)
    for role, seen, hidden in (
        ("sales", "Call off", "Agree to it"), ("warehouse", "It is here", "Agree to it"),
        ("manager", "Agree to it", "nothing at all"), ("viewer", "Story", "It is here"),
    ):  # fmt: skip
        page = english(web, role).get(f"/returns/all/show/{return_id}").text
        assert seen in page, role
        assert hidden not in page, role
    sales = english(web, "sales")
    sales.get("/")
    assert sales.post(f"/return/{return_id}/approve").status_code in {302, 403}
    assert fresh(Return, return_id).status is ReturnStatus.REQUESTED


def test_the_settle_page_tells_the_consequences_of_every_choice(web, shop, tx, manager):
    with tx() as t:
        order = goods.left(t, shop, (0, 2), payment_term=PaymentTerm.COD, tracking_no="TH1")
        return_id = receive_parcel(t, ArriveParcel("TH1", shop.bkk)).returns[0].return_id
    manager.get("/")
    line = _line(order.id)
    manager.post(f"/return/{return_id}/inspect", **{f"resell-{line}": "2"})
    page = manager.get(f"/returns/settle/form?return={return_id}").text
    assert "No money came in for this; nothing goes back" in page
    assert "The order owes ฿200.00 less; no money moves." in page
    said = manager.json("/returns/settle/preview", **{"return": return_id, "credit": "50"})
    assert "฿50.00" in said["says"]["waive"][0]
    assert "problem" in manager.json("/returns/settle/preview", **{"return": return_id, "credit": "201"})
    assert "problem" in manager.json("/returns/settle/preview", **{"return": return_id, "credit": "x"})
    bad = manager.post(
        f"/returns/settle/form?return={return_id}", resolution="refund", credit="200", to_method="cash", to_bank="", term="cod",
        lines="1",
    )  # fmt: skip
    assert bad.status_code == 200
    assert "No money came in for this; nothing goes back" in bad.text
    manager.post(
        f"/returns/settle/form?return={return_id}", resolution="waive", credit="200", to_method="cash", to_bank="", term="cod",
        lines="1",
    )  # fmt: skip
    assert fresh(Order, order.id).status is OrderStatus.COMPLETED
    closed = manager.get(f"/returns/settle/form?return={return_id}")
    assert closed.status_code == 404


def test_an_exchange_is_placed_from_the_form(web, shop, tx, manager):
    order_id = delivered(tx, shop, (0, 1))
    with tx() as t:
        return_id = goods.asked(t, goods.order_of(t, order_id), 1)
        receive_return(t, ReceiveReturn(return_id, shop.bkk))
    line = _line(order_id)
    manager.get("/")
    manager.post(f"/return/{return_id}/inspect", **{f"resell-{line}": "1"})
    manager.get(f"/returns/settle/form?return={return_id}")
    answer = manager.post(
        f"/returns/settle/form?return={return_id}",
        [("lines-sku", shop.skus[1]), ("lines-text", "RU-0002"), ("lines-quantity", "1")],
        lines="1", resolution="exchange", credit="100", to_method="cash", to_bank="", term="prepaid", shipping_fee="",
    )  # fmt: skip
    assert answer.status_code == 303, complaints(answer.text)
    new = one(select(Order).where(Order.copied_from == order_id))
    page = manager.get(answer.location).text
    assert f"{new.number}: ฿100.00 is still to be paid" in page
    assert "This order settles the return of" in manager.get(f"/orders/{new.id}").text


def test_the_station_receives_counts_and_says_what_it_does_not_know(web, shop, tx):
    with tx() as t:
        goods.left(t, shop, (0, 2), (1, 1), tracking_no="TH1")
    panel = english(web, "warehouse")
    assert "data-receive" in panel.get("/returns/receive/").text
    token = re.search(r'data-token="([^"]+)"', panel.get("/returns/receive/").text)[1]
    headers = {"X-CSRFToken": token, "Accept": "application/json", "Referer": "http://localhost/returns/receive/"}

    def post(path, **body):
        panel._fresh()
        return panel.client.post(f"/returns/receive/{path}", json=body, headers=headers).json

    said = post("scan", code="th1", warehouse=shop.bkk)
    assert (said["outcome"], [i["wanted"] for i in said["opened"]["items"]]) == ("received", [2, 1])
    assert "RU-0001" in said["opened"]["items"][0]["codes"]
    assert [w["pieces"] for w in said["waiting"]] == [3]
    assert post("scan", code="TH1", warehouse=shop.bkk)["outcome"] == "again"
    assert post("scan", code="NOBODY", warehouse=shop.bkk)["outcome"] == "unknown"
    assert "NOBODY" in post("scan", code="NOBODY", warehouse=shop.bkk)["message"]
    assert post("scan", code="RU-0001", warehouse=shop.bkk)["outcome"] == "product"
    assert post("scan", code="TH1", warehouse=10**6)["outcome"] == "refused"
    assert post("scan", code="", warehouse=shop.bkk)["outcome"] == "refused"
    opened = panel.json("/returns/receive/state", warehouse=shop.bkk, **{"return": said["opened"]["id"]})["opened"]
    assert opened["number"] == said["opened"]["number"]
    first, second = (i["line"] for i in opened["items"])
    counts = {f"resell-{first}": "2", f"damaged-{second}": "5", "version": opened["version"]}
    said = post("count", **{"return": opened["id"], "counts": counts})
    assert "at most 1" in said["message"], said
    counts[f"damaged-{second}"] = "1"
    said = post("count", **{"return": opened["id"], "counts": counts, "reason": "refused"})
    assert (said["outcome"], said["waiting"], said["opened"]["reason"]) == ("counted", [], "refused")
    assert post("scan", code="TH1", warehouse=shop.bkk)["outcome"] == "done_before"
    panel._fresh()
    assert panel.client.post("/returns/receive/count", json={"return": "x"}, headers=headers).status_code == 422


def test_unknown_parcels_are_attached_or_put_aside_on_the_desk(web, shop, tx, manager):
    order_id = delivered(tx, shop, (0, 1), external_no="LAZ-1")
    with tx() as t:
        ids = [receive_parcel(t, ArriveParcel(code, shop.bkk)).arrival_id for code in ("ZZ1", "ZZ2")]
    assert "ZZ1" in manager.get("/returns/?pile=unknown").text
    manager.post(f"/return/arrivals/{ids[0]}/attach", code="LAZ-1")
    manager.post(f"/return/arrivals/{ids[1]}/close", note="ของบ้านข้าง ๆ")
    assert one(select(Return)).order_id == order_id
    states = [fresh(ReturnArrival, i).status for i in ids]
    assert states == [ArrivalStatus.ATTACHED, ArrivalStatus.CLOSED]


def test_a_lost_parcel_is_settled_and_claimed_from_the_desk(web, shop, tx, manager):
    with tx() as t:
        order = goods.left(t, shop, (0, 2), tracking_no="TH1")
        shipment = goods.carrier_says(t, order.id, "lose").id
    page = manager.get("/returns/?pile=lost").text
    assert "Settle with the buyer" in page
    answer = manager.post(f"/return/lost/{shipment}")
    ret = one(select(Return))
    assert answer.location == f"/returns/all/show/{ret.id}"
    form = manager.get(f"/carrier-claims/new/form?shipment={shipment}&return={ret.id}").text
    assert 'value="200.00"' in form
    panel = manager
    panel._fresh()
    data = {
        "csrf_token": panel.token,
        "reason": "lost",
        "amount": "200",
        "note": "",
        "return_id": ret.id,
        "file": picture(),
    }
    answer = panel.client.post(
        f"/carrier-claims/new/form?shipment={shipment}&return={ret.id}", data=data,
        content_type="multipart/form-data", headers={"Referer": "http://localhost/"},
    )  # fmt: skip
    assert answer.status_code == 303, complaints(answer.text)
    claim = one(select(CarrierClaim))
    page = manager.get(answer.location).text
    assert "box.jpg" in page
    file_id = page.split("/carrier-claim/files/")[1].split('"')[0]
    shown = manager.get(f"/carrier-claim/files/{file_id}")
    assert (shown.mimetype, shown.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    shown.close()
    assert Panel(web, "sales").get(f"/carrier-claim/files/{file_id}").status_code in {302, 403}
    manager.get(answer.location)
    manager.post(f"/carrier-claim/{claim.id}/send", reference="FE-1")
    manager.post(f"/carrier-claim/{claim.id}/accept", amount="150")
    manager.post(f"/carrier-claim/{claim.id}/pay", amount="150", reference="INV-1")
    assert fresh(CarrierClaim, claim.id).status is CarrierClaimStatus.PAID
    assert manager.post(f"/carrier-claim/{claim.id}/nonsense").status_code in {302, 404}
    assert claim.number in manager.get("/carrier-claims/list/").text
    assert claim.number in manager.get(f"/returns/all/show/{ret.id}").text


def test_the_rules_are_kept(web, shop, manager):
    manager.get("/returns/rules")
    manager.post("/returns/rules/keep", alert_days="2", claim_days="15")
    assert (one(select(ReturnRules)).alert_days, one(select(ReturnRules)).claim_days) == (2, 15)
    assert "is not a whole number" in manager.post("/returns/rules/keep", alert_days="zwei", claim_days="15").text


def test_a_return_of_another_shop_is_not_there(web, shop, tx):
    from tests.views.people import log_in

    order_id = delivered(tx, shop, (0, 1))
    with tx() as t:
        return_id = goods.asked(t, goods.order_of(t, order_id), 1)
    stranger = log_in(web, "manager", shops=(shop.shopee,))
    assert stranger.get(f"/returns/all/show/{return_id}").status_code == 404
    assert stranger.get(f"/returns/ask/{order_id}").status_code == 404
    assert stranger.get(f"/returns/settle/form?return={return_id}").status_code == 404


def test_the_desk_asks_a_fixed_number_of_statements(web, shop, tx, manager):
    def statements(path: str) -> list[str]:
        seen: list[str] = []
        listener = lambda *args: seen.append(args[2])  # noqa: E731
        engine = db.session.get_bind().engine
        event.listen(engine, "before_cursor_execute", listener)
        try:
            assert manager.get(path).status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", listener)
        return [x for x in seen if x.startswith(("SELECT", "WITH"))]

    def returning(count: int) -> None:
        with tx() as t:
            for i in range(count):
                order = goods.left(t, shop, (0, 1), (1, 1), tracking_no=f"N{count}-{i}")
                goods.carrier_says(t, order.id, "come_back")

    paths = ("/returns/?pile=coming", "/returns/all/list/")
    returning(2)
    [statements(p) for p in paths]
    few = [statements(p) for p in paths]
    returning(8)
    many = [statements(p) for p in paths]
    assert [len(seen) for seen in many] == [len(seen) for seen in few], set(map(str, many[0])) - set(map(str, few[0]))


def test_counts_stand_in_the_menu_and_lead_to_their_piles(web, shop, tx, manager):
    order_id = delivered(tx, shop, (0, 2))
    with tx() as t:
        goods.asked(t, goods.order_of(t, order_id), 1)
        goods.left(t, shop, (0, 1), tracking_no="TH1")
        receive_parcel(t, ArriveParcel("TH1", shop.bkk))
    page = manager.get("/returns/?pile=arrived").text
    assert page.count('class="pile hot"') == 2
    for pile in ("asked", "agreed", "coming", "alerts", "arrived", "settle", "lost", "unknown"):
        assert manager.get(f"/returns/?pile={pile}").status_code == 200


def test_pages_speak_thai(web, shop, tx, manager):
    order_id = delivered(tx, shop, (0, 2))
    manager.get("/language/th")
    with tx() as t:
        return_id = goods.asked(t, goods.order_of(t, order_id), 1)
    for path in ("/returns/", f"/returns/all/show/{return_id}", f"/returns/ask/{order_id}", "/returns/receive/"):
        page = manager.get(path)
        assert page.status_code == 200
    assert isinstance(Tx, type)
