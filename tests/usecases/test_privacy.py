"""Personal data: requests with their clocks, consents, copies, forgetting a person, and what is dropped when it is old."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import ProgrammingError

from oms import clock
from oms.audit import AuditLog
from oms.channels.models import ChannelMessage
from oms.channels.states import Source
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, IdentityKind
from oms.customers.people_models import CustomerTaxIdentity
from oms.customers.privacy_models import Consent, PrivacyRequest, RetentionRules
from oms.customers.queries import search
from oms.customers.states import Purpose, RequestKind, RequestStatus
from oms.db import Tx
from oms.errors import Forbidden, NotFound
from oms.intake.files import path_of
from oms.intake.models import IntakeItem, IntakeRow, IntakeRun
from oms.intake.states import IntakeKind, Outcome, RunStatus
from oms.notifications.catalogue import Route
from oms.notifications.models import MessageContact
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.orders.models import Order, OrderNote, OrderSearch
from oms.orders.states import CancelReason
from oms.outbox import Outbox
from oms.payments.models import PaymentClaim
from oms.payments.slip_models import Slip
from oms.payments.states import SlipStatus
from oms.reports.auditor import audit_all
from oms.reports.personal_data import PART_LABELS, personal_data
from oms.reports.search import search_orders
from oms.usecases.customer_tax import AddTaxIdentity, add_tax_identity
from oms.usecases.customers import (
    AddIdentity,
    Address,
    CreateCustomer,
    EditCustomer,
    IdentityInput,
    SaveAddress,
    TaxIdentity,
    add_identity,
    create_customer,
    edit_customer,
    save_address,
)
from oms.usecases.customers_merge import MergeCustomers, merge_customers
from oms.usecases.order_links import open_order, order_link
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_notes import AddNote, add_note
from oms.usecases.privacy import (
    RecordConsent,
    SetRetention,
    TakeRequest,
    consents_of,
    finish_request,
    record_consent,
    refuse_request,
    reveal_phones,
    rules_of,
    set_retention,
    take_request,
)
from oms.usecases.privacy_erase import DROP_FILES, ERASED, Anonymise, anonymise_customer, erasure_plan
from oms.usecases.privacy_retention import drop_erased, purge_old
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from tests.shop import SmallShop, small_shop
from tests.usecases.money import order_of, paid, placed
from tests.usecases.refusals import count, last_audit, refused

HOME = Address("กนกวรรณ ป้อมปราการ", "0800001234", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
SECRETS = ("กนกวรรณ", "ป้อมปราการ", "0800001234", "45/7", "nok99", "kanok@example.com", "0005560000019", "ฝากวางหน้าบ้าน")


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


@pytest.fixture
def person(tx) -> int:
    made = create_customer(
        tx,
        CreateCustomer(
            "กนกวรรณ ป้อมปราการ", "0800001234", "kanok@example.com", note="ลูกค้าประจำ", address=HOME,
            tax=TaxIdentity("กนกวรรณ ป้อมปราการ", "0005560000019"),
            identities=(IdentityInput(IdentityKind.LINE, "nok99"),),
        ),
    ).customer_id  # fmt: skip
    tx.session.flush()
    return made


@pytest.fixture
def closed(tx, shop, person) -> Order:
    """An order that was paid, shipped, delivered and is complete."""
    order = placed(tx, shop, (0, 1), customer_id=person)
    paid(tx, (order.id, 100), payer_name="กนกวรรณ ป้อมปราการ")
    mark_shipped(tx, MarkShipped(order.id, "Flash Express", "TH01"))
    mark_delivered(tx, order.id)
    add_note(tx, AddNote(order.id, "ฝากวางหน้าบ้าน"))
    tx.session.execute(update(Order).where(Order.id == order.id).values(buyer_note="ฝากวางหน้าบ้าน"))
    order = order_of(tx, order.id)
    assert order.closed_at is not None
    return order


def test_a_request_has_the_day_the_law_gives_and_ends_with_an_answer(tx, person, actor):
    at = clock.now() - timedelta(days=3)
    erase = take_request(tx, TakeRequest(person, RequestKind.ERASE, "ทางไลน์", at)).id
    copy = take_request(tx, TakeRequest(person, RequestKind.ACCESS)).id
    rows = {row.id: row for row in tx.session.scalars(select(PrivacyRequest))}
    assert rows[erase].due_at == at + timedelta(days=90)
    assert rows[copy].due_at - rows[copy].received_at == timedelta(days=30)
    with refused(tx, "missing", "answer", PrivacyRequest):
        refuse_request(tx, erase, " ")
    refuse_request(tx, erase, "มีคดีความ")
    finish_request(tx, copy)
    with refused(tx, "request_about_personal_data_finish_refused", None, PrivacyRequest):
        finish_request(tx, copy)
    tx.session.expire_all()
    assert [r.status for r in tx.session.scalars(select(PrivacyRequest).order_by(PrivacyRequest.id))] == [
        RequestStatus.REFUSED, RequestStatus.DONE,
    ]  # fmt: skip
    with refused(tx, "future", "received_at", PrivacyRequest):
        take_request(tx, TakeRequest(person, RequestKind.ACCESS, received_at=clock.now() + timedelta(days=1)))
    for role in ("sales", "cashier", "viewer"):
        with pytest.raises(Forbidden):
            take_request(Tx(tx.session, actor(role)), TakeRequest(person, RequestKind.ACCESS))
    with pytest.raises(NotFound):
        take_request(tx, TakeRequest(10**9, RequestKind.ACCESS))


def test_consent_is_a_log_in_which_the_latest_word_counts(tx, person, actor):
    record_consent(tx, RecordConsent(person, Purpose.MARKETING, given=True, source="LINE", wording="v1"))
    assert consents_of(tx, person) == {Purpose.MARKETING: True}
    record_consent(tx, RecordConsent(person, Purpose.MARKETING, given=False, source="โทร"))
    assert consents_of(tx, person) == {Purpose.MARKETING: False}
    assert count(tx, Consent) == 2
    with refused(tx, "missing", "source", Consent):
        record_consent(tx, RecordConsent(person, Purpose.MARKETING, given=True, source=" "))
    with pytest.raises(Forbidden):
        record_consent(
            Tx(tx.session, actor("viewer")), RecordConsent(person, Purpose.MARKETING, given=True, source="x")
        )
    with pytest.raises(ProgrammingError), tx.session.begin_nested():
        tx.session.execute(text("UPDATE consents SET given = true"))


def test_a_copy_holds_everything_and_is_noted(tx, closed, person, actor):
    other = create_customer(tx, CreateCustomer("นก")).customer_id
    merge_customers(tx, MergeCustomers(person, other))
    record_consent(tx, RecordConsent(person, Purpose.MARKETING, given=True, source="LINE"))
    manager = Tx(tx.session, actor("manager"))
    found = personal_data(manager, person)
    assert set(found) == set(PART_LABELS)
    written = json.dumps(found, ensure_ascii=False)
    for secret in SECRETS:
        assert secret in written, secret
    assert [len(found[k]) for k in ("card", "orders", "payments", "parcels", "consents")] == [2, 1, 1, 1, 1]
    assert found["orders"][0]["total"] == "100.00"
    assert (last_audit(tx).action, last_audit(tx).actor) == ("privacy.exported", "manager")
    with pytest.raises(Forbidden):
        personal_data(Tx(tx.session, actor("sales")), person)


def test_whole_numbers_are_shown_to_those_who_may_and_that_is_noted(tx, person, actor):
    reveal_phones(Tx(tx.session, actor("sales")), person)
    tx.session.flush()
    assert last_audit(tx).action == "privacy.phones_shown"
    with pytest.raises(Forbidden):
        reveal_phones(Tx(tx.session, actor("warehouse")), person)


def everything(tx) -> str:
    """All text of a person's tables."""
    tables = (
        "customers", "customer_identities", "customer_addresses", "customer_tax_identities", "customer_search",
        "customer_merges", "orders", "order_notes", "order_search", "cod_entries", "slips", "payment_claims",
        "imported_orders", "order_attachments",
    )  # fmt: skip
    tx.session.flush()
    return "".join(
        str(tx.session.scalar(text(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")))
        for table in tables
    )


def test_a_forgotten_person_is_named_nowhere_and_the_books_still_add_up(tx, shop, closed, person):
    twin = create_customer(tx, CreateCustomer("Kanokwan", identities=(IdentityInput(IdentityKind.SHOPEE, "k88"),)))
    merge_customers(tx, MergeCustomers(person, twin.customer_id))
    take_request(tx, TakeRequest(person, RequestKind.ERASE))
    link = order_link(tx, closed.id).token
    for n, kind in enumerate((AttachmentKind.CHAT, AttachmentKind.DAMAGE, AttachmentKind.PACKING)):
        tx.session.add(OrderAttachment(
            order_id=closed.id, kind=kind, name="กนกวรรณ.png", file_key=f"a{n}", thumb_key=f"b{n}", sha256=str(n) * 64,
            by="x",
        ))  # fmt: skip
    tx.session.add(
        Slip(
            status=SlipStatus.CONFIRMED,
            sha256="1" * 64,
            order_id=closed.id,
            uploaded_label="x",
            payer_name="กนกวรรณ",
            claim_id=tx.session.scalars(select(PaymentClaim.id)).one(),
        )
    )
    tx.session.flush()
    plan = erasure_plan(tx, person)
    assert (plan.orders, plan.addresses, plan.blocked) == (1, 1, [])
    done = anonymise_customer(tx, Anonymise(person, "ลูกค้าขอ"))
    assert (done.orders, len(done.requests)) == (1, 1)
    written = everything(tx)
    for secret in (*SECRETS, "Kanokwan", "k88"):
        assert secret not in written, secret
    tx.session.expire_all()
    order = tx.session.get_one(Order, closed.id)
    assert (order.ship_name, order.ship_phone, order.ship_line, order.total) == (ERASED, "", "", closed.total)
    assert (order.ship_province, order.ship_postcode) == ("เชียงใหม่", "50210")
    assert tx.session.scalars(select(OrderNote.body)).all() == [ERASED]
    assert set(tx.session.scalars(select(OrderAttachment.removed_by))) == {ERASED}
    assert search(tx.session, "0800001234") == []
    assert [r.number for r in search_orders(tx.session, tx.actor, order.number).rows] or tx.session.get(
        OrderSearch, order.id
    )
    with pytest.raises(NotFound):
        open_order(tx, link)
    assert tx.session.scalars(select(PrivacyRequest.status)).one() is RequestStatus.DONE
    assert tx.session.scalars(select(Outbox.topic).where(Outbox.topic == DROP_FILES)).one()
    assert audit_all(tx.session) == []
    assert "กนกวรรณ" not in str(last_audit(tx).after) + last_audit(tx).subject
    fresh = placed(tx, shop)  # the same phone again is a new person
    assert fresh.customer_id not in {person, twin.customer_id}


def test_nobody_is_forgotten_while_something_is_under_way(tx, shop, closed, person, actor):
    opened = placed(tx, shop, customer_id=person)
    with refused(tx, "erase_blocked", None, Customer):
        anonymise_customer(tx, Anonymise(person, "x"))
    cancel_order(tx, CancelOrder(opened.id, CancelReason.CUSTOMER))
    with refused(tx, "missing", "reason", Customer):
        anonymise_customer(tx, Anonymise(person, " "))
    with pytest.raises(Forbidden):
        anonymise_customer(Tx(tx.session, actor("sales")), Anonymise(person, "x"))
    extra = placed(tx, shop, customer_id=person)
    paid(tx, (extra.id, 100), amount=150)
    mark_shipped(tx, MarkShipped(extra.id))
    mark_delivered(tx, extra.id)
    tx.session.flush()
    with refused(tx, "erase_blocked", None, Customer):  # fifty baht of credit are theirs
        anonymise_customer(tx, Anonymise(person, "x"))


def test_it_happens_once_and_merged_cards_go_with_the_kept_one(tx, closed, person):
    twin = create_customer(tx, CreateCustomer("Kanokwan")).customer_id
    merge_customers(tx, MergeCustomers(person, twin))
    with refused(tx, "merged_before", None, Customer):
        anonymise_customer(tx, Anonymise(twin, "x"))
    anonymise_customer(tx, Anonymise(person, "x"))
    with refused(tx, "erased_before", None, Customer):
        anonymise_customer(tx, Anonymise(person, "x"))
    stranger = create_customer(tx, CreateCustomer("ใหม่")).customer_id
    with refused(tx, "erased_before", None, Customer):
        merge_customers(tx, MergeCustomers(stranger, person))
    assert {c.name for c in tx.session.scalars(select(Customer).where(Customer.id.in_([person, twin])))} == {ERASED}
    assert not tx.session.scalars(
        select(CustomerIdentity.external_id).where(~CustomerIdentity.external_id.like("erased:%"))
    ).all()
    assert tx.session.scalars(select(CustomerAddress.line)).all() == [""]


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path


def kept(store: Path, key: str) -> str:
    path = path_of(store, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return key


def run(
    tx, store: Path, key: str, days: int, status: RunStatus = RunStatus.DONE, outcome: Outcome = Outcome.REJECTED
) -> int:
    at = clock.now() - timedelta(days=days)
    row = IntakeRun(
        kind=IntakeKind.ORDERS, status=status, format="x", file_name="f.csv", file_key=kept(store, key), file_sha256="0" * 64,
        file_size=1, user_label="x", created_at=at, received=1,
        rejected=int(outcome is Outcome.REJECTED), quarantined=int(outcome is Outcome.QUARANTINED),
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()
    tx.session.add(IntakeItem(run_id=row.id, no=1, key="k", rows=1, outcome=outcome, mended={"phone": "0800001234"}))
    tx.session.flush()
    tx.session.add(IntakeRow(run_id=row.id, line=2, item_no=1, cells=["กนกวรรณ"]))
    tx.session.flush()
    return row.id


def test_raw_lines_go_when_they_are_old_but_not_those_that_wait(tx, store):
    old = run(tx, store, "a1", 200)
    young = run(tx, store, "a2", 20)
    waiting = run(tx, store, "a3", 200, outcome=Outcome.QUARANTINED)
    working = run(tx, store, "a4", 200, status=RunStatus.COMMITTING)
    assert purge_old(tx, store).runs == 1
    tx.session.expire_all()
    assert sorted(tx.session.scalars(select(IntakeRow.run_id))) == sorted([young, waiting, working])
    assert [path_of(store, k).exists() for k in ("a1", "a2", "a3", "a4")] == [False, True, True, True]
    row = tx.session.get_one(IntakeRun, old)
    assert (row.received, row.rejected) == (1, 1)  # the ledger stands
    assert row.purged_at is not None
    assert tx.session.scalars(select(IntakeItem.mended).where(IntakeItem.run_id == old)).one() is None
    assert last_audit(tx).action == "privacy.purged"
    before = count(tx, AuditLog)
    assert purge_old(tx, store).runs == 0
    assert count(tx, AuditLog) == before  # nothing done, nothing noted


def test_pictures_of_slips_go_but_their_references_stay(tx, store):
    def slip(key: str, days: int, status: SlipStatus) -> Slip:
        at = clock.now() - timedelta(days=days)
        row = Slip(
            status=status, sha256=key * 32, reference=f"R{key}", uploaded_label="x", payer_name="กนกวรรณ", picture_key=kept(store, key),
            thumb_key=kept(store, f"{key}t"), decided_at=at if status is SlipStatus.CONFIRMED else None, receiver={"n": "x"},
        )  # fmt: skip
        tx.session.add(row)
        return row

    set_retention(tx, SetRetention(180, 365, 7))
    old, young, waiting = (
        slip("b1", 400, SlipStatus.CONFIRMED),
        slip("b2", 20, SlipStatus.CONFIRMED),
        slip("b3", 400, SlipStatus.WAITING),
    )
    tx.session.flush()
    assert purge_old(tx, store).slips == 1
    assert (old.picture_key, old.payer_name, old.receiver, old.reference) == ("", "", None, "Rb1")
    assert [path_of(store, k).exists() for k in ("b1", "b1t", "b2", "b3")] == [False, False, True, True]
    assert (young.payer_name, waiting.payer_name) == ("กนกวรรณ", "กนกวรรณ")


def test_raw_words_of_channels_go_with_their_term_and_with_their_person(tx, store, shop, person):
    order = placed(tx, shop, customer_id=person, shop_id=shop.shopee, external_no="S1")
    cancel_order(tx, CancelOrder(order.id, CancelReason.CUSTOMER))

    def said(external_no: str, days: int, outcome: Outcome = Outcome.CREATED) -> None:
        at = clock.now() - timedelta(days=days)
        facts = {"source": Source.POLL, "fingerprint": "x", "raw": {"name": "กนกวรรณ"}, "received_at": at}
        tx.session.add(ChannelMessage(shop_id=shop.shopee, external_no=external_no, outcome=outcome, **facts))

    said("S1", 1)
    said("S2", 1)
    said("S3", 200)
    said("S4", 200, Outcome.QUARANTINED)
    tx.session.add(MessageContact(route=Route.LINE, address="nok99"))
    tx.session.flush()
    assert purge_old(tx, store).words == 1
    left = select(ChannelMessage.external_no).order_by(ChannelMessage.id)
    assert tx.session.scalars(left).all() == ["S1", "S2", "S4"]
    anonymise_customer(tx, Anonymise(person, "ลูกค้าขอ"))
    assert tx.session.scalars(left).all() == ["S2", "S4"]
    assert count(tx, MessageContact) == 0


def test_nothing_is_written_on_the_card_of_a_forgotten_or_merged_person(tx, shop, closed, person):
    twin = create_customer(tx, CreateCustomer("Kanokwan")).customer_id
    merge_customers(tx, MergeCustomers(person, twin))
    anonymise_customer(tx, Anonymise(person, "ลูกค้าขอ"))
    home = Address("กนกวรรณ", "0812345678", "45/7 หมู่ 2", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
    way = IdentityInput(IdentityKind.LINE, "U1")
    tables = (Customer, CustomerAddress, CustomerIdentity, CustomerTaxIdentity)
    for card, code in ((person, "erased_before"), (twin, "erased_before")):
        seen = tx.session.get_one(Customer, card).version
        with refused(tx, code, None, *tables):
            edit_customer(tx, EditCustomer(card, seen, "กนกวรรณ", "0812345678"))
        with refused(tx, code, None, *tables):
            add_identity(tx, AddIdentity(card, way))
        with refused(tx, code, None, *tables):
            save_address(tx, SaveAddress(card, home))
        with refused(tx, code, None, *tables):
            add_tax_identity(tx, AddTaxIdentity(card, TaxIdentity("กนกวรรณ")))
    kept, gone = (create_customer(tx, CreateCustomer(name)).customer_id for name in ("ก", "ข"))
    merge_customers(tx, MergeCustomers(kept, gone))
    with refused(tx, "merged_before", None, *tables):
        save_address(tx, SaveAddress(gone, home))
    assert save_address(tx, SaveAddress(kept, home)).address_id
    assert audit_all(tx.session) == []


def test_files_of_a_forgotten_person_go_unless_others_show_them(tx, store, shop):
    mine, theirs = placed(tx, shop), placed(tx, shop, (1, 1))
    for key, order, by in (("c1", mine, ERASED), ("c2", mine, ERASED), ("c2", theirs, "x")):
        tx.session.add(OrderAttachment(
            order_id=order.id, kind=AttachmentKind.CHAT, name="", file_key=kept(store, key), thumb_key=kept(store, f"{key}t"),
            sha256=key * 32, by="x", removed_at=clock.now() if by == ERASED else None, removed_by=by if by == ERASED else "",
        ))  # fmt: skip
    tx.session.flush()
    assert drop_erased(tx, store) == 2
    assert [path_of(store, k).exists() for k in ("c1", "c1t", "c2", "c2t")] == [False, False, True, True]
    assert drop_erased(tx, store) == 0


def test_terms_stay_within_the_law(tx, actor):
    assert rules_of(tx).paper_years == 7
    for cmd, field in (
        (SetRetention(10, 1825, 7), "intake_days"), (SetRetention(180, 30, 7), "slip_days"),
        (SetRetention(180, 1825, 2), "paper_years"),
    ):  # fmt: skip
        with refused(tx, "number_range", field, RetentionRules):
            set_retention(tx, cmd)
    with pytest.raises(Forbidden):
        set_retention(Tx(tx.session, actor("accountant")), SetRetention(180, 1825, 7))
    set_retention(tx, SetRetention(90, 1825, 10))
    tx.session.flush()
    row = rules_of(tx)
    assert (row.intake_days, row.paper_years) == (90, 10)
    with refused(tx, "stale", None, RetentionRules):
        set_retention(tx, SetRetention(100, 1825, 10, version=99))
    assert set_retention(tx, SetRetention(90, 1825, 10)).changed is False
