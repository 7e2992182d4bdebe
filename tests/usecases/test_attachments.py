"""Files of an order: who puts them there, what is refused, boxes of several orders, removal that keeps the record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from oms.audit import AuditLog
from oms.db import Tx
from oms.errors import Forbidden, NotFound
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.shipping.pictures import ShipmentPicture, get_attachment, of_orders, of_shipment, photos_of
from oms.usecases.attachments import (
    MOST,
    AddAttachment,
    AddPackingPhoto,
    RemoveAttachment,
    add_attachment,
    add_packing_photo,
    remove_attachment,
)
from oms.usecases.attachments_file import KeptFile, KeptPicture
from oms.usecases.shipping_combine import CombineOrders, combine_orders
from oms.usecases.shipping_work import CancelShipment, cancel_shipment
from tests.shop import SmallShop, small_shop
from tests.usecases.boxes import ready
from tests.usecases.floor import statements
from tests.usecases.money import placed
from tests.usecases.refusals import count, last_audit, refused

K = AttachmentKind


def kept(name: str = "a.jpg", pages: int = 1) -> KeptFile:
    found = tuple(KeptPicture(f"{name}-{n}".encode().hex(), f"{name}-{n}-t".encode().hex()) for n in range(pages))
    return KeptFile(name, name.encode().hex().ljust(64, "0")[:64], found)


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


@pytest.fixture
def order(tx, shop) -> int:
    return placed(tx, shop).id


def as_role(tx: Tx, actor, role: str, **facts: object) -> Tx:
    return Tx(tx.session, actor(role, **facts))


def rows(tx: Tx) -> list[OrderAttachment]:
    tx.session.flush()
    return list(tx.session.scalars(select(OrderAttachment).order_by(OrderAttachment.id)))


def test_a_file_is_kept_with_who_brought_it_and_the_story_tells(tx, actor, order):
    sales = as_role(tx, actor, "sales")
    done = add_attachment(sales, AddAttachment(order, K.CHAT, kept("chat.png"), "  ลูกค้าขอสีแดง "))
    (row,) = rows(tx)
    assert (done.attachment_ids, done.known) == ((row.id,), False)
    assert (row.kind, row.name, row.note, row.by, row.user_id) == (
        K.CHAT, "chat.png", "ลูกค้าขอสีแดง", "sales", sales.actor.user_id,
    )  # fmt: skip
    said = last_audit(tx)
    assert (said.action, said.subject_id, said.after["kind"], said.after["file"]) == (
        "order.attachment_added", order, "chat", "chat.png",
    )  # fmt: skip


def test_a_pdf_of_three_pages_is_three_pictures_in_order(tx, order):
    add_attachment(tx, AddAttachment(order, K.OTHER, kept("scan.pdf", 3)))
    assert [(r.page, r.pages) for r in rows(tx)] == [(1, 3), (2, 3), (3, 3)]


def test_the_same_file_sent_again_is_told_and_adds_nothing(tx, order):
    first = add_attachment(tx, AddAttachment(order, K.CHAT, kept()))
    audits = count(tx, AuditLog)
    again = add_attachment(tx, AddAttachment(order, K.OTHER, kept()))
    assert (again.known, again.attachment_ids) == (True, first.attachment_ids)
    assert (len(rows(tx)), count(tx, AuditLog)) == (1, audits)


def test_what_was_removed_may_be_sent_again(tx, order):
    first = add_attachment(tx, AddAttachment(order, K.CHAT, kept()))
    remove_attachment(tx, RemoveAttachment(first.attachment_ids[0], "ผิดออเดอร์"))
    assert not add_attachment(tx, AddAttachment(order, K.CHAT, kept())).known
    assert [r.removed_at is None for r in rows(tx)] == [False, True]


@pytest.mark.parametrize(("role", "kind"), [("viewer", K.CHAT), ("warehouse", K.SLIP)])
def test_who_may_not_is_refused(tx, actor, order, role, kind):
    with refused(tx, "forbidden", None, OrderAttachment) as caught:
        add_attachment(as_role(tx, actor, role), AddAttachment(order, kind, kept()))
    assert isinstance(caught.value, Forbidden)


@pytest.mark.parametrize("role", ["accountant", "warehouse", "cashier", "sales"])
def test_who_works_on_the_order_may(tx, actor, order, role):
    assert add_attachment(as_role(tx, actor, role), AddAttachment(order, K.OTHER, kept())).attachment_ids


def test_an_order_of_another_place_or_shop_is_not_there(tx, actor, shop, order):
    for scope in ({"warehouses": frozenset({shop.cnx})}, {"shops": frozenset({shop.shopee})}):
        with refused(tx, "order_not_found", None, OrderAttachment):
            add_attachment(as_role(tx, actor, "sales", **scope), AddAttachment(order, K.CHAT, kept()))
    made = add_attachment(tx, AddAttachment(order, K.CHAT, kept())).attachment_ids[0]
    elsewhere = as_role(tx, actor, "manager", warehouses=frozenset({shop.cnx}))
    with pytest.raises(NotFound):
        get_attachment(elsewhere, made)
    with refused(tx, "attachment_not_found", None, OrderAttachment):
        remove_attachment(elsewhere, RemoveAttachment(made, "x"))


def test_a_slip_is_seen_with_the_money_only(tx, actor, order):
    slip = add_attachment(tx, AddAttachment(order, K.SLIP, kept())).attachment_ids[0]
    packer, sales = as_role(tx, actor, "warehouse"), as_role(tx, actor, "sales")
    assert of_orders(tx.session, packer.actor, [order]) == []
    with pytest.raises(NotFound):
        get_attachment(packer, slip)
    assert [r.id for r in of_orders(tx.session, sales.actor, [order])] == [slip]


def test_more_than_the_most_and_long_words_are_refused(tx, order, monkeypatch):
    monkeypatch.setattr("oms.usecases.attachments.MOST", 2)
    add_attachment(tx, AddAttachment(order, K.CHAT, kept("one.jpg")))
    with refused(tx, "files_many", "file", OrderAttachment):
        add_attachment(tx, AddAttachment(order, K.CHAT, kept("two.pdf", 2)))
    with refused(tx, "too_long", "note", OrderAttachment):
        add_attachment(tx, AddAttachment(order, K.CHAT, kept("c.jpg"), "x" * 501))
    assert MOST >= 50


def test_a_photo_of_a_box_belongs_to_it_and_to_every_order_in_it(tx, actor, shop):
    first, _ = ready(tx, shop, (0, 1))
    second, _ = ready(tx, shop, (1, 1))
    box = combine_orders(tx, CombineOrders((first, second), shop.bkk)).shipment.shipment_id
    packer = as_role(tx, actor, "warehouse", warehouses=frozenset({shop.bkk}))
    done = add_packing_photo(packer, AddPackingPhoto(box, kept("box.jpg")))
    assert [(r.order_id, r.kind) for r in rows(tx)] == [(first, K.PACKING), (second, K.PACKING)]
    assert len(done.attachment_ids) == 2
    assert photos_of(tx.session, [box]) == {box: 1}
    assert len(of_shipment(tx.session, packer.actor, box)) == 1
    assert [len(of_orders(tx.session, packer.actor, [o])) for o in (first, second)] == [1, 1]
    assert len(of_orders(tx.session, packer.actor, [first, second])) == 1  # one picture, once
    assert add_packing_photo(packer, AddPackingPhoto(box, kept("box.jpg"))).known


def test_a_photo_needs_the_right_the_place_and_a_box_that_stands(tx, actor, shop):
    _, box = ready(tx, shop)
    with refused(tx, "forbidden", None, OrderAttachment, ShipmentPicture):
        add_packing_photo(as_role(tx, actor, "sales"), AddPackingPhoto(box, kept()))
    with refused(tx, "shipment_not_found", None, OrderAttachment, ShipmentPicture):
        other = as_role(tx, actor, "warehouse", warehouses=frozenset({shop.cnx}))
        add_packing_photo(other, AddPackingPhoto(box, kept()))
    cancel_shipment(tx, CancelShipment(box, "ลูกค้าเปลี่ยนใจ"))
    with refused(tx, "canceled", None, OrderAttachment, ShipmentPicture):
        add_packing_photo(tx, AddPackingPhoto(box, kept()))


def test_removing_keeps_the_record_and_goes_for_every_order_of_the_box(tx, actor, shop):
    first, _ = ready(tx, shop, (0, 1))
    second, _ = ready(tx, shop, (1, 1))
    box = combine_orders(tx, CombineOrders((first, second), shop.bkk)).shipment.shipment_id
    packer = as_role(tx, actor, "warehouse")
    made = add_packing_photo(packer, AddPackingPhoto(box, kept()))
    done = remove_attachment(packer, RemoveAttachment(made.attachment_ids[0], " เบลอ "))
    assert done.order_ids == (first, second)
    assert {(r.remove_reason, r.removed_by) for r in rows(tx)} == {("เบลอ", "warehouse")}
    assert all(r.file_key and r.removed_at for r in rows(tx))
    assert photos_of(tx.session, [box]) == {box: 0}
    said = tx.session.scalars(select(AuditLog).where(AuditLog.action == "order.attachment_removed")).all()
    assert [(s.subject_id, s.reason) for s in said] == [(first, "เบลอ"), (second, "เบลอ")]
    assert not remove_attachment(packer, RemoveAttachment(made.attachment_ids[0], "again")).changed


def test_what_others_brought_only_a_manager_removes_and_never_without_a_reason(tx, actor, order):
    made = add_attachment(as_role(tx, actor, "sales"), AddAttachment(order, K.CHAT, kept())).attachment_ids[0]
    with refused(tx, "forbidden", None, OrderAttachment):
        remove_attachment(as_role(tx, actor, "cashier"), RemoveAttachment(made, "x"))
    with refused(tx, "missing", "reason", OrderAttachment):
        remove_attachment(as_role(tx, actor, "sales"), RemoveAttachment(made, "  "))
    assert rows(tx)[0].removed_at is None
    assert remove_attachment(as_role(tx, actor, "manager"), RemoveAttachment(made, "ซ้ำ")).changed


def test_a_person_without_a_login_owns_nothing(tx, actor, order):
    nobody = Tx(tx.session, replace(actor("sales"), user_id=None))
    made = add_attachment(nobody, AddAttachment(order, K.CHAT, kept())).attachment_ids[0]
    with refused(tx, "forbidden", None, OrderAttachment):
        remove_attachment(nobody, RemoveAttachment(made, "x"))


def test_the_files_of_many_orders_are_one_statement(tx, actor, shop):
    orders = [placed(tx, shop).id for _ in range(6)]
    for n, order in enumerate(orders):
        add_attachment(tx, AddAttachment(order, K.CHAT, kept(f"{n}.jpg")))
    with statements(tx) as seen:
        found = of_orders(tx.session, actor("sales"), orders)
        assert [r.name for r in found] == [f"{n}.jpg" for n in reversed(range(6))]
    assert len(seen) == 1
