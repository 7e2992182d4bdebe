"""One person, several cards; groups and their prices; the blacklist and what it stops; the same as last time."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from oms import clock
from oms.catalog.models import Sku
from oms.customers.fingerprint import address_key, handles, name_key
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, IdentityKind
from oms.customers.people_models import Block, CustomerGroup, CustomerMerge, CustomerTaxIdentity, GroupPrice
from oms.customers.queries import search
from oms.db import Tx
from oms.errors import Forbidden, NotFound
from oms.orders.models import Order, OrderHold, OrderLine
from oms.orders.states import Board, HoldReason, HoldStatus, OrderStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.cod_risk import cod_risks
from oms.payments.models import PaymentClaim
from oms.payments.states import CodStatus
from oms.reports.customer_page import customer_page, twins
from oms.usecases.address_book import remember_addresses
from oms.usecases.blacklist import BlockAddress, BlockPhone, block_address, block_phone, lift_block
from oms.usecases.customer_groups import SaveGroup, SetGroupPrice, save_group, set_group_price
from oms.usecases.customer_tax import AddTaxIdentity, add_tax_identity, use_tax_identity
from oms.usecases.customers import Address, CreateCustomer, IdentityInput, TaxIdentity, create_customer
from oms.usecases.customers_merge import MergeCustomers, merge_customers, merge_of, undo_merge
from oms.usecases.orders_again import OrderAgain, difference_sheet, last_order, order_again
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_entry import EnterOrder, enter_order
from oms.usecases.orders_holds import ReleaseHold, release_hold
from oms.usecases.orders_place import NewLine, ShipTo, place_order, place_orders
from oms.usecases.payments import approve_term
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.shop import SmallShop, small_shop
from tests.usecases.money import baht, order_of, paid, placed
from tests.usecases.refusals import count, last_audit, refused

HOME = ShipTo("กนกวรรณ ป้อมปราการ", "080-000-1234", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


def person(tx, name: str, *identities: tuple[IdentityKind, str], **facts: object) -> int:
    made = create_customer(
        tx, CreateCustomer(name, identities=tuple(IdentityInput(k, v) for k, v in identities), **facts)
    ).customer_id
    tx.session.flush()
    return made


def page(tx, customer_id: int):
    tx.session.flush()
    tx.session.expire_all()
    return customer_page(tx, tx.session.get_one(Customer, customer_id))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("45/7 หมู่ 2", "บ้านเลขที่ 45/7 ม.2", True), ("45/7 หมู่ที่ ๒", "45/7 ม. 2", True),
        ("99 ซอย สุขุมวิท 11", "99 ซ.สุขุมวิท 11", True), ("45/7 หมู่ 2", "45/8 หมู่ 2", False),
        ("12 Moo 3 Soi 5", "12 ม.3 ซ.5", True),
    ],
)  # fmt: skip
def test_one_address_written_twice_is_one(one, other, same):
    assert (address_key(one, "50210") == address_key(other, "50210")) is same
    assert address_key(one, "50210") != address_key(one, "50220")


def test_what_is_too_vague_is_nobodys_address():
    assert [address_key("บ้านเขียว", "50210"), address_key("45/7", ""), address_key("4", "50210")] == ["", "", ""]
    assert name_key("คุณ กนกวรรณ  ป้อมปราการ") == name_key("นางสาวกนกวรรณ ป้อมปราการ")
    assert "@nok" in handles("Nok")


def test_merging_moves_everything_and_undoing_gives_it_back(tx, shop):
    kept = person(tx, "กนกวรรณ", (IdentityKind.LINE, "nok"))
    gone = person(
        tx, "Kanokwan", (IdentityKind.SHOPEE, "kanok88"), phone="0811112222", email="k@example.com",
        address=Address("กนกวรรณ", "", "45/7", postcode="50210"),
    )  # fmt: skip
    theirs = placed(tx, shop, customer_id=gone)
    paid(tx, (theirs.id, 100))
    done = merge_customers(tx, MergeCustomers(kept, gone, "คนเดียวกัน"))
    tx.session.expire_all()
    card = tx.session.get_one(Customer, kept)
    assert (done.orders, card.phone, card.email) == (1, "0811112222", "k@example.com")
    for model in (Order, PaymentClaim, CustomerIdentity, CustomerAddress):
        assert not tx.session.scalars(select(model).where(model.customer_id == gone)).all(), model
    assert tx.session.get_one(Customer, gone).merged_into_id == kept
    assert [hit.id for hit in search(tx.session, "kanok88")] == [kept]
    assert [hit.id for hit in search(tx.session, "Kanokwan")] == [kept]
    later = placed(tx, shop, customer_id=kept)
    undo_merge(tx, done.merge_id)
    tx.session.expire_all()
    assert (order_of(tx, theirs.id).customer_id, order_of(tx, later.id).customer_id) == (gone, kept)
    card = tx.session.get_one(Customer, kept)
    assert (card.phone, card.email, tx.session.get_one(Customer, gone).merged_into_id) == ("", "", None)
    assert [hit.id for hit in search(tx.session, "kanok88")] == [gone]
    assert tx.session.scalars(select(PaymentClaim.customer_id)).one() == gone
    assert merge_of(tx, gone) is None


def test_merges_are_refused_when_they_make_no_sense(tx, shop, actor):
    a, b, c = (person(tx, name) for name in ("ก", "ข", "ค"))
    with refused(tx, "same_customer", "gone_id", CustomerMerge):
        merge_customers(tx, MergeCustomers(a, a))
    with pytest.raises(NotFound):
        merge_customers(tx, MergeCustomers(a, 10**9))
    with pytest.raises(Forbidden):
        merge_customers(Tx(tx.session, actor("viewer")), MergeCustomers(a, b))
    first = merge_customers(tx, MergeCustomers(a, b))
    for cmd in (MergeCustomers(c, b), MergeCustomers(b, c)):
        with refused(tx, "merged_before", None, CustomerMerge):
            merge_customers(tx, cmd)
    second = merge_customers(tx, MergeCustomers(c, a))
    with refused(tx, "merged_later", None, CustomerMerge):
        undo_merge(tx, first.merge_id)
    undo_merge(tx, second.merge_id)
    undo_merge(tx, first.merge_id)
    with refused(tx, "merge_undone", None, CustomerMerge):
        undo_merge(tx, first.merge_id)
    with refused(tx, "merge_not_found", None, CustomerMerge):
        undo_merge(tx, 10**9)


def test_likely_twins_are_suggested_with_the_reason(tx, shop):
    me = person(tx, "คุณกนกวรรณ ป้อมปราการ", (IdentityKind.LINE, "@Nok"), phone="0811112222")
    chat = person(tx, "นก", (IdentityKind.LINE, "nok"))
    home = person(tx, "กนกวรรณ ป้อมปราการ", address=Address("กนกวรรณ ป้อมปราการ", "", "45/7 ม.2", postcode="50210"))
    lived = person(tx, "ญาติ", address=Address("ญาติ", "0811112222", "1/1", postcode="10110"))
    person(tx, "กนกวรรณ คนอื่น", address=Address("กนกวรรณ คนอื่น", "", "45/7 ม.2", postcode="50210"))
    tx.session.add(CustomerAddress(customer_id=me, recipient="กนกวรรณ ป้อมปราการ", line="45/7 หมู่ 2", postcode="50210"))
    found = {like.id: like.why for like in page(tx, me).likes}
    assert found == {chat: ["The same chat name"], home: ["The same name and address"], lived: ["The same phone"]}
    tx.session.execute(update(Customer).where(Customer.id == chat).values(phone="0811112222"))
    assert [[p.id for p in t.people] for t in twins(tx)] == [[me, chat]]


def test_the_page_counts_over_all_channels(tx, shop):
    me = person(tx, "กนกวรรณ", phone="0800001234")
    first = placed(tx, shop, (0, 2), customer_id=me)
    placed(tx, shop, (0, 1), (1, 1), customer_id=me, shop_id=shop.shopee, external_no="S1")
    paid(tx, (first.id, 150))
    totals = page(tx, me).totals
    assert (totals.orders, totals.value, totals.channels) == (2, baht(500), 2)
    assert (totals.unpaid_orders, totals.unpaid) == (2, baht(350))
    usual = page(tx, me).usual
    assert [(u.code, u.pieces, u.orders) for u in usual] == [("RU-0001", 3, 2), ("RU-0002", 1, 1)]


def test_the_page_is_read_in_a_fixed_number_of_statements(tx, shop):
    me = person(tx, "กนกวรรณ", (IdentityKind.LINE, "nok"), phone="0800001234")

    def cost() -> int:
        seen: list[str] = []
        note = lambda *args: seen.append(args[2])  # noqa: E731
        engine = tx.session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        try:
            page(tx, me)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    for _ in range(2):
        placed(tx, shop, (0, 1), customer_id=me)
    remember_addresses(tx, list(tx.session.scalars(select(Order.id))))
    few = cost()
    for i in range(6):
        placed(tx, shop, (i % 4, 1), customer_id=me)
        person(tx, f"อีก {i}", address=Address("x", "0800001234", "1/1", postcode="10110"))
    assert cost() == few <= 16


def test_tax_identities_are_kept_and_swapped(tx):
    me = person(tx, "กนกวรรณ", tax=TaxIdentity("กนกวรรณ ป้อมปราการ", "", "", "เชียงใหม่"))
    firm = TaxIdentity("บริษัท รวม จำกัด", "0005560000019", "", "กรุงเทพ")
    kept = add_tax_identity(tx, AddTaxIdentity(me, firm))
    assert add_tax_identity(tx, AddTaxIdentity(me, firm)).changed is False
    use_tax_identity(tx, me, kept.id)
    tx.session.flush()
    card = tx.session.get_one(Customer, me)
    assert (card.tax_name, card.tax_id, card.tax_branch) == ("บริษัท รวม จำกัด", "0005560000019", "00000")
    assert tx.session.scalars(select(CustomerTaxIdentity.name)).one() == "กนกวรรณ ป้อมปราการ"
    with refused(tx, "name_missing", "tax_name", CustomerTaxIdentity):
        add_tax_identity(tx, AddTaxIdentity(me, TaxIdentity()))
    with refused(tx, "tax_identity_not_found", None, CustomerTaxIdentity):
        use_tax_identity(tx, me, 10**9)


@pytest.fixture
def wholesale(tx, shop) -> int:
    group = save_group(tx, SaveGroup("ขายส่ง")).id
    set_group_price(tx, SetGroupPrice(group, shop.skus[0], baht(60)))
    tx.session.flush()
    return group


def entered(
    tx, shop, who: int | None, *lines: NewLine, confirm: bool = False, phone: str = "", **facts: object
) -> Order:
    order = shop.order(confirm=confirm, customer_id=who, ship_to=replace(HOME, phone=phone), **facts)
    cmd = EnterOrder(
        replace(order, lines=lines or (NewLine(shop.skus[0], 2), NewLine(shop.skus[1], 1))), accept_twin=True
    )
    return order_of(tx, enter_order(tx, cmd).order_id)


def test_a_group_pays_its_own_prices_and_the_order_says_why(tx, shop, wholesale, actor):
    me = person(tx, "ร้านยาย", group="ขายส่ง", phone="0811112222")
    sales = Tx(tx.session, replace(actor("sales"), discount_limit=0))
    order = entered(sales, shop, me, confirm=True)  # 40 % off the list, without a discount of this clerk
    assert [(x.unit_price, x.list_price, x.price_reason) for x in order.lines] == [
        (baht(60), baht(100), "ขายส่ง"), (baht(200), baht(200), ""),
    ]  # fmt: skip
    assert order.total == baht(320)
    by_phone = entered(sales, shop, None, phone="081-111-2222")
    assert by_phone.lines[0].price_reason == "ขายส่ง"
    draft = entered(sales, shop, me)
    confirm_order(sales, ConfirmOrder(draft.id))
    stranger = entered(sales, shop, None, phone="0899999999")
    assert (stranger.lines[0].unit_price, stranger.lines[0].price_reason) == (baht(100), "")
    by_hand = entered(tx, shop, me, NewLine(shop.skus[0], 1, baht(55)))
    assert (by_hand.lines[0].unit_price, by_hand.lines[0].price_reason) == (baht(55), "")
    with pytest.raises(Forbidden):
        entered(sales, shop, me, NewLine(shop.skus[0], 1, baht(55)))


def test_a_group_that_is_shut_or_taken_off_gives_no_prices(tx, shop, wholesale):
    me = person(tx, "ร้านยาย", group="ขายส่ง")
    set_group_price(tx, SetGroupPrice(wholesale, shop.skus[0], None))
    assert entered(tx, shop, me).lines[0].unit_price == baht(100)
    set_group_price(tx, SetGroupPrice(wholesale, shop.skus[0], baht(60)))
    save_group(tx, SaveGroup("ขายส่ง", is_active=False, group_id=wholesale))
    assert entered(tx, shop, me).lines[0].unit_price == baht(100)


def test_groups_are_named_once_and_a_new_name_goes_to_their_people(tx, shop, wholesale, actor):
    me = person(tx, "ร้านยาย", group="ขายส่ง")
    save_group(tx, SaveGroup("ส่งประจำ", group_id=wholesale))
    tx.session.flush()
    assert tx.session.get_one(Customer, me).group == "ส่งประจำ"
    with refused(tx, "taken", "name", CustomerGroup):
        save_group(tx, SaveGroup("ส่งประจำ"))
    with refused(tx, "missing", "name", CustomerGroup):
        save_group(tx, SaveGroup(" "))
    with refused(tx, "negative", "price", GroupPrice):
        set_group_price(tx, SetGroupPrice(wholesale, shop.skus[1], baht(-1)))
    with refused(tx, "price_not_found", None, GroupPrice):
        set_group_price(tx, SetGroupPrice(wholesale, shop.skus[1], None))
    with pytest.raises(Forbidden):
        set_group_price(Tx(tx.session, actor("sales")), SetGroupPrice(wholesale, shop.skus[1], baht(1)))


def refuse_one(tx, shop, to: ShipTo = HOME) -> None:
    """A COD parcel that nobody took."""
    old = order_of(
        tx,
        place_order(
            tx, shop.order(confirm=True, payment_term=PaymentTerm.COD, term_approved=True, ship_to=to)
        ).order_id,
    )
    mark_shipped(tx, MarkShipped(old.id))
    tx.session.flush()
    tx.session.execute(
        update(CodEntry)
        .where(CodEntry.order_id == old.id)
        .values(status=CodStatus.REFUSED, expected=baht(0), refused_at=clock.now())
    )
    tx.session.expire_all()


def cod(tx, shop, to: ShipTo, **facts: object) -> Order:
    return order_of(
        tx, place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD, ship_to=to, **facts)).order_id
    )


def holds(order: Order) -> list[tuple[HoldReason, HoldStatus]]:
    return [(h.reason, h.status) for h in order.holds]


def test_a_cod_order_of_a_phone_or_an_address_that_refused_before_waits_with_its_history(tx, shop):
    for _ in range(2):
        refuse_one(tx, shop)
    by_phone = cod(tx, shop, replace(HOME, line="1/1", postcode="10110"))
    assert holds(by_phone) == [(HoldReason.COD_RISK, HoldStatus.ACTIVE)]
    assert (by_phone.board, by_phone.hold_reasons) == (Board.ON_HOLD, ["cod_risk"])
    assert by_phone.holds[0].note == "เบอร์นี้เคยปฏิเสธรับพัสดุ 2 ครั้ง"
    assert last_audit(tx).action == "order.held"
    by_home = cod(tx, shop, replace(HOME, phone="0899999999", line="เลขที่ 45/7 ม.2"))
    assert by_home.holds[0].note == "ที่อยู่นี้เคยปฏิเสธรับพัสดุ 2 ครั้ง"
    assert not cod(tx, shop, replace(HOME, phone="0899999999", line="45/8")).holds
    assert not placed(tx, shop).holds  # paid before: no risk


def test_a_risky_draft_is_held_when_it_is_confirmed(tx, shop):
    refuse_one(tx, shop)
    draft = place_order(tx, shop.order(payment_term=PaymentTerm.COD)).order_id
    confirm_order(tx, ConfirmOrder(draft))
    order = order_of(tx, draft)
    assert (order.board, order.term_approved_at) == (Board.ON_HOLD, None)
    approve_term(tx, draft, "โทรคุยแล้ว")
    order = order_of(tx, draft)
    assert holds(order) == [(HoldReason.COD_RISK, HoldStatus.RELEASED)]
    assert order.board is Board.READY
    assert order.holds[0].release_note == "โทรคุยแล้ว"


def test_a_hold_is_released_by_those_who_may(tx, shop, actor):
    refuse_one(tx, shop)
    order = cod(tx, shop, HOME)
    with pytest.raises(Forbidden):
        release_hold(Tx(tx.session, actor("sales")), ReleaseHold(order.id, HoldReason.COD_RISK))
    with pytest.raises(Forbidden):
        approve_term(Tx(tx.session, actor("sales")), order.id)
    release_hold(Tx(tx.session, actor("manager")), ReleaseHold(order.id, HoldReason.COD_RISK, "ลูกค้าเก่า"))
    assert not order_of(tx, order.id).hold_reasons


def test_the_blacklist_stops_cod_until_it_ends_or_is_lifted(tx, shop, actor):
    manager = Tx(tx.session, actor("manager"))
    phone = block_phone(manager, BlockPhone("080-000-1234", "โกงค่าส่ง", 30))
    block_address(manager, BlockAddress("45/7 ม.2", "50210", "ไม่มีคนรับ", 30))
    tx.session.flush()
    note = cod(tx, shop, HOME).holds[0].note
    assert note == "อยู่ในบัญชีระวัง: โกงค่าส่ง · อยู่ในบัญชีระวัง: ไม่มีคนรับ"
    place = ("0800001234", "")
    with clock.at(clock.now() + timedelta(days=31)):
        assert cod_risks(tx.session, [place]) == {}
        again = block_phone(manager, BlockPhone("0800001234", "อีกครั้ง", 5))  # the old entry ran out
        assert again.id != phone.id
        lift_block(manager, again.id, "เข้าใจผิด")
        tx.session.flush()
        assert cod_risks(tx.session, [place]) == {}
        with refused(tx, "lifted_before", None, Block):
            lift_block(manager, again.id, "x")
    assert count(tx, Block) == 3


def test_the_blacklist_wants_a_reason_an_end_and_the_permission(tx, actor):
    for cmd, code in (
        (BlockPhone("0800001234", " ", 30), "missing"), (BlockPhone("0800001234", "โกง", 0), "block_days"),
        (BlockPhone("0800001234", "โกง", 9999), "block_days"), (BlockPhone("12", "โกง", 30), "phone"),
    ):  # fmt: skip
        with refused(tx, code, None, Block):
            block_phone(tx, cmd)
    with refused(tx, "address_vague", "line", Block):
        block_address(tx, BlockAddress("บ้านเขียว", "50210", "โกง", 30))
    with pytest.raises(Forbidden):
        block_phone(Tx(tx.session, actor("sales")), BlockPhone("0800001234", "โกง", 30))
    block_phone(tx, BlockPhone("0800001234", "โกง", 30))
    with refused(tx, "blocked_before", None, Block):
        block_phone(tx, BlockPhone("080-000-1234", "โกง", 30))
    with refused(tx, "missing", "note", Block):
        lift_block(tx, tx.session.scalars(select(Block.id)).one(), " ")


def test_judging_risk_costs_one_statement_for_many_orders_and_none_without_cod(tx, shop):
    phones = itertools.count(1)

    def cost(term: PaymentTerm, n: int) -> int:
        seen: list[str] = []
        note = lambda *args: seen.append(args[2])  # noqa: E731
        engine = tx.session.get_bind()
        homes = [replace(HOME, phone=f"08{next(phones):08d}") for _ in range(n)]
        cmds = [shop.order(confirm=True, payment_term=term, ship_to=to) for to in homes]
        tx.session.flush()
        event.listen(engine, "before_cursor_execute", note)
        try:
            place_orders(tx, cmds)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    for n in (2, 5):
        prepaid = cost(PaymentTerm.PREPAID, n)
        assert cost(PaymentTerm.COD, n) == prepaid + 1


def test_the_same_as_last_time_is_a_draft_at_todays_prices(tx, shop):
    me = person(tx, "กนกวรรณ", phone="0800001234")
    old = placed(tx, shop, (0, 2), (1, 1), customer_id=me, discount=baht(20))
    made = order_again(tx, OrderAgain(old.id, "k1"))
    draft = order_of(tx, made.order_id)
    assert (draft.status, draft.copied_from, draft.customer_id, draft.discount) == (
        OrderStatus.DRAFT, old.id, me, baht(0),
    )  # fmt: skip
    assert [(x.sku_id, x.quantity) for x in draft.lines] == [(shop.skus[0], 2), (shop.skus[1], 1)]
    assert (draft.external_no, draft.tags, draft.idempotency_key) == (None, [], f"again:{old.id}:k1")
    assert order_again(tx, OrderAgain(old.id, "k1")).created is False  # the same click
    assert difference_sheet(tx, old).dropped == baht(20)


def test_the_sheet_names_what_is_different(tx, shop):
    me = person(tx, "กนกวรรณ", phone="0800001234")
    old = placed(tx, shop, (0, 2), (1, 1), (2, 1), customer_id=me)
    remember_addresses(tx, [old.id])
    tx.session.execute(update(Order).where(Order.id == old.id).values(placed_at=clock.now() - timedelta(days=200)))
    tx.session.execute(update(CustomerAddress).values(last_used_at=clock.now() - timedelta(days=200)))
    tx.session.execute(update(Sku).where(Sku.id == shop.skus[0]).values(price=baht(120)))
    tx.session.execute(update(Sku).where(Sku.id == shop.skus[1]).values(is_active=False))
    tx.session.execute(update(Sku).where(Sku.id == shop.skus[3]).values(is_active=True))
    place_order(tx, shop.order((2, 99), confirm=True))
    moved = CustomerAddress(customer_id=me, recipient="กนกวรรณ", line="9/9", postcode="10110")
    tx.session.add(moved)
    old = order_of(tx, old.id)
    sheet = difference_sheet(tx, old)
    first, second, third = sheet.lines
    assert (first.was, first.now, first.dearer) == (baht(100), baht(120), True)
    assert second.gone
    assert second.other.sku_id == shop.skus[3]
    assert (third.short, third.free) == (True, 0)
    assert sheet.moved.id == moved.id
    assert sheet.address_old
    assert not sheet.same
    draft = order_of(tx, order_again(tx, OrderAgain(old.id)).order_id)
    assert [x.sku_id for x in draft.lines] == [shop.skus[0], shop.skus[3], shop.skus[2]]
    bare = order_of(tx, order_again(tx, OrderAgain(old.id, replace_gone=False)).order_id)
    assert [x.sku_id for x in bare.lines] == [shop.skus[0], shop.skus[2]]


def test_old_prices_need_the_permission_and_what_is_gone_makes_no_draft(tx, shop, actor):
    me = person(tx, "กนกวรรณ", phone="0800001234")
    old = placed(tx, shop, (0, 1), customer_id=me)
    tx.session.execute(update(Sku).where(Sku.id == shop.skus[0]).values(price=baht(120)))
    with pytest.raises(Forbidden):
        order_again(Tx(tx.session, actor("sales")), OrderAgain(old.id, old_prices=True))
    draft = order_of(tx, order_again(tx, OrderAgain(old.id, old_prices=True)).order_id)
    assert draft.total == baht(100)
    tx.session.execute(update(Sku).values(is_active=False))
    with refused(tx, "again_nothing", None, Order):
        order_again(tx, OrderAgain(old.id))
    with pytest.raises(NotFound):
        order_again(Tx(tx.session, actor("sales", shops=frozenset({shop.shopee}))), OrderAgain(old.id))


def test_an_order_of_a_marketplace_becomes_one_taken_by_hand(tx, shop):
    me = person(tx, "กนกวรรณ", phone="0800001234")
    theirs = placed(tx, shop, customer_id=me, shop_id=shop.shopee, external_no="S1")
    assert last_order(tx, me).id == theirs.id
    draft = order_of(tx, order_again(tx, OrderAgain(theirs.id)).order_id)
    assert (draft.shop_id, draft.external_no) == (shop.line, None)
    tx.session.execute(update(Order).where(Order.id == theirs.id).values(status=OrderStatus.CANCELED))
    tx.session.expire_all()
    assert last_order(tx, me) is None


def test_the_line_of_an_order_keeps_the_reason_of_its_price(tx, shop, wholesale):
    me = person(tx, "ร้านยาย", group="ขายส่ง", phone="0800001234")
    old = placed(tx, shop, (0, 1), customer_id=me)  # placed by a program: at the catalog's price
    assert old.lines[0].price_reason == ""
    draft = order_of(tx, order_again(tx, OrderAgain(old.id)).order_id)
    assert [x.price_reason for x in draft.lines] == ["ขายส่ง"]
    assert count(tx, OrderLine) == 2
    assert count(tx, OrderHold) == 0
