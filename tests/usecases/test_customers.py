"""Customers: entered once, found by any part, changed with a trace."""

import pytest
from sqlalchemy import event, func, select

from oms.audit import AuditLog
from oms.customers import queries
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, IdentityKind
from oms.db import Tx, db
from oms.errors import Conflict, Forbidden, InvalidInput, NotFound
from oms.usecases.customers import (
    AddIdentity,
    Address,
    CorrectIdentity,
    CreateCustomer,
    EditCustomer,
    IdentityInput,
    SaveAddress,
    TaxIdentity,
    add_identity,
    correct_identity,
    create_customer,
    edit_customer,
    save_address,
)

HOME = Address("กนกวรรณ ป.", "080-000-1234", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")


def person(tx, **facts):
    known = {"name": "กนกวรรณ ป้อมปราการ", "phone": "080-000-1234"} | facts
    return create_customer(tx, CreateCustomer(**known)).customer_id


def count(tx, model=Customer):
    return tx.session.scalar(select(func.count()).select_from(model))


def last_audit(tx):
    return tx.session.scalars(select(AuditLog).order_by(AuditLog.id.desc()).limit(1)).one()


def test_a_person_is_entered_with_everything_known(tx):
    made = person(
        tx,
        tax=TaxIdentity("หจก. กู้เกียรติ", "0-0055-60000-01-9", "", "99 ถ.พหลโยธิน"),
        identities=(IdentityInput(IdentityKind.LINE, "kanok.p"), IdentityInput(IdentityKind.FACEBOOK, "Kanok Porm")),
        address=HOME,
    )
    card = queries.get_customer(tx.session, made)
    assert (card.phone, card.tax_id, card.tax_branch) == ("0800001234", "0005560000019", "00000")
    assert {i.kind for i in card.identities} == {IdentityKind.PHONE, IdentityKind.LINE, IdentityKind.FACEBOOK}
    assert [a.postcode for a in card.addresses] == ["50210"]
    actions = set(tx.session.scalars(select(AuditLog.action)))
    assert {"customer.created", "customer.address_added"} <= actions


@pytest.mark.parametrize(
    "typed",
    ["1234", "080-000", "+6680000", "0001", "๑๒๓๔", "กนกวรรณ", "ป้อมปรา", "นกวร", "kanok", "KANOK.P", "0005560000019"],
)
def test_a_person_is_found_by_any_part(tx, typed):
    made = person(tx, identities=(IdentityInput(IdentityKind.LINE, "Kanok.P"),), tax=TaxIdentity("", "0005560000019"))
    person(tx, name="สมชาย ใจดี", phone="0819998877")
    assert [hit.id for hit in queries.search(tx.session, typed)] == [made]


@pytest.mark.parametrize("typed", ["", "ก", "0", "99", "%", "_ _", "ไม่มีใคร", "080000123499", "' OR 1=1"])
def test_too_little_or_nobody_finds_nothing(tx, typed):
    person(tx)
    assert queries.search(tx.session, typed) == []


def test_searching_costs_the_same_for_one_and_for_many(tx):
    for i in range(12):
        person(tx, name=f"ลูกค้า {i}", phone=f"08000012{i:02}", address=HOME)
    tx.session.flush()
    statements = []

    def note(*args):
        statements.append(args[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        hits = queries.search(tx.session, "08000012", limit=8)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(hits) == 8
    assert len(statements) == 3


def test_a_phone_that_is_somebody_elses_is_refused_by_name(tx):
    first = person(tx)
    with pytest.raises(InvalidInput) as refused:
        person(tx, name="คนอื่น")
    assert (refused.value.detail_code, refused.value.field) == ("identity_taken", "phone")
    assert refused.value.facts["id"] == first


@pytest.mark.parametrize(
    ("facts", "field"),
    [({"name": "  "}, "name"), ({"phone": "12345"}, "phone"), ({"email": "kanok"}, "email"), ({"name": "ก" * 201}, "name"),
     ({"tax": TaxIdentity(tax_id="0005560000018")}, "tax_id"), ({"tax": TaxIdentity(branch="123456")}, "tax_branch")],
)  # fmt: skip
def test_what_cannot_be_is_refused_on_its_field(tx, facts, field):
    with pytest.raises(InvalidInput) as refused:
        person(tx, **facts)
    assert refused.value.field == field


def test_markup_formulas_and_emoji_are_kept_as_text(tx):
    made = person(tx, name='=HYPERLINK("x") <b>ก้อย</b> 🐶')
    assert queries.get_customer(tx.session, made).name == '=HYPERLINK("x") <b>ก้อย</b> 🐶'


def edit(made, version, **facts):
    return EditCustomer(made, version, **({"name": "กนกวรรณ ป้อมปราการ", "phone": "0800001234"} | facts))


def test_an_edit_leaves_before_and_after(tx):
    made = person(tx)
    version = queries.get_customer(tx.session, made).version
    edit_customer(tx, edit(made, version, name="กนกวรรณ ใหม่", phone="0811112222"))
    row = last_audit(tx)
    assert (row.action, row.before["name"], row.after["phone"]) == (
        "customer.edited",
        "กนกวรรณ ป้อมปราการ",
        "0811112222",
    )
    assert [h.id for h in queries.search(tx.session, "11112222")] == [made]
    assert [h.id for h in queries.search(tx.session, "0800001234")] == [made]  # the old number still finds her


def test_an_edit_that_changes_nothing_writes_nothing(tx):
    made = person(tx)
    before = count(tx, AuditLog)
    assert edit_customer(tx, edit(made, 1)).changed is False
    assert count(tx, AuditLog) == before


def test_a_stale_edit_is_a_conflict(tx):
    made = person(tx)
    edit_customer(tx, edit(made, 1, note="โทรก่อนส่ง"))
    tx.session.flush()
    with pytest.raises(Conflict):
        edit_customer(tx, edit(made, 1, note="อื่น"))
    assert queries.get_customer(tx.session, made).note == "โทรก่อนส่ง"


def test_an_identity_is_added_once_and_belongs_to_one(tx):
    first, second = person(tx), person(tx, name="สมชาย", phone="0819998877")
    line = IdentityInput(IdentityKind.LINE, "kanok.p")
    assert add_identity(tx, AddIdentity(first, line)).changed is True
    assert add_identity(tx, AddIdentity(first, line)).changed is False
    with pytest.raises(InvalidInput) as refused:
        add_identity(tx, AddIdentity(second, line))
    assert refused.value.detail_code == "identity_taken"
    assert [h.id for h in queries.search(tx.session, "kanok.p")] == [first]


def test_a_mistyped_phone_is_corrected_everywhere(tx):
    made = person(tx)
    identity = tx.session.scalars(select(CustomerIdentity).where(CustomerIdentity.customer_id == made)).one()
    correct_identity(tx, CorrectIdentity(identity.id, "080-000-9999"))
    tx.session.flush()
    assert queries.get_customer(tx.session, made).phone == "0800009999"
    assert queries.search(tx.session, "0001234") == []
    assert last_audit(tx).before == {"external_id": "0800001234"}


def test_the_same_address_is_kept_once_and_the_latest_comes_first(tx):
    made = person(tx)
    first = save_address(tx, SaveAddress(made, HOME)).address_id
    office = Address("กนกวรรณ", "021234567", "1 ถ.สีลม", "สีลม", "บางรัก", "กรุงเทพมหานคร", "10500")
    second = save_address(tx, SaveAddress(made, office)).address_id
    assert [a.id for a in queries.search(tx.session, "กนกวรรณ")[0].addresses] == [second, first]
    again = save_address(tx, SaveAddress(made, HOME))
    assert (again.address_id, again.changed) == (first, False)
    tx.session.flush()
    assert [a.id for a in queries.search(tx.session, "กนกวรรณ")[0].addresses] == [first, second]
    assert count(tx, CustomerAddress) == 2


def test_an_address_is_changed_with_a_trace_and_only_its_owners(tx):
    made, other = person(tx), person(tx, name="สมชาย", phone="0819998877")
    place = save_address(tx, SaveAddress(made, HOME)).address_id
    moved = Address("กนกวรรณ ป.", "080-000-1234", "46 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
    save_address(tx, SaveAddress(made, moved, place))
    assert last_audit(tx).before == {"line": "45/7 หมู่ 2"}
    with pytest.raises(NotFound):
        save_address(tx, SaveAddress(other, moved, place))


@pytest.mark.parametrize("address", [Address("", line="1"), Address("ก"), Address("ก", phone="12", line="1")])
def test_an_empty_address_is_refused(tx, address):
    made = person(tx)
    with pytest.raises(InvalidInput):
        save_address(tx, SaveAddress(made, address))
    assert count(tx, CustomerAddress) == 0


@pytest.mark.parametrize("role", ["warehouse", "viewer", "cashier", "accountant"])
def test_who_may_not_keep_customers_changes_nothing(tx, actor, role):
    made = person(tx)
    reader = Tx(tx.session, actor(role))
    for verb, cmd in (
        (create_customer, CreateCustomer("ใหม่")),
        (edit_customer, edit(made, 1, name="อื่น")),
        (add_identity, AddIdentity(made, IdentityInput(IdentityKind.LINE, "x"))),
        (save_address, SaveAddress(made, HOME)),
    ):
        with pytest.raises(Forbidden):
            verb(reader, cmd)
    assert count(tx) == 1
    assert count(tx, CustomerAddress) == 0


def test_there_is_no_such_customer(tx):
    with pytest.raises(NotFound):
        edit_customer(tx, edit(424242, 1))
