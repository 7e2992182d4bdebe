"""What becomes of a slip once its picture was read."""

from __future__ import annotations

import hashlib
from random import Random
from time import perf_counter

import pytest
from sqlalchemy import select, text

from oms.audit import AuditLog
from oms.banks.slip_code import NOTHING, understand, write_slip
from oms.db import Tx
from oms.intake.files import Kept
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import Board
from oms.outbox import Outbox
from oms.payments.models import PaymentClaim, TransferKey
from oms.payments.slip_models import Slip, VerifierAccount
from oms.payments.states import ClaimStatus, PaymentMethod, RejectReason, SlipKind, SlipStatus
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, submit_claim
from oms.usecases.slips import ReceiveSlip, RejectSlip, receive_slip, reject_slip
from oms.usecases.slips_read import READ, TROUBLE_LABELS, PageRead, Reading, record_reading, unread
from oms.usecases.slips_verify import TOPIC as VERIFY
from tests.shop import small_shop
from tests.usecases.refusals import refused

KBANK = "015073144041ATF00999"


def look(seed: int, flipped: int = 0) -> str:
    """Bits of a picture; pictures of other seeds look different, ``flipped`` bits are the noise of a copy."""
    bits = Random(seed).getrandbits(2048)
    for n in range(flipped):
        bits ^= 1 << (n * 97 % 2048)
    return f"{bits:0512x}"


def page(reference: str | None = KBANK, bank: str = "004", seed: int = 1, **facts) -> PageRead:
    code = understand(write_slip(bank, reference)) if reference else NOTHING
    key = hashlib.sha256(f"{reference}{seed}".encode()).hexdigest()[:48]
    return PageRead(**({"picture_key": key, "thumb_key": key[::-1], "width": 1080, "height": 1920, "look": look(seed),
                        "code": code} | facts))  # fmt: skip


class Desk:
    def __init__(self, tx: Tx, actor) -> None:
        self.tx, self.shop = tx, small_shop(tx)
        self.sales, self.cashier = Tx(tx.session, actor("sales")), Tx(tx.session, actor("cashier"))

    def order(self) -> Order:
        return self.tx.session.get_one(Order, place_order(self.tx, self.shop.order((3, 1), confirm=True)).order_id)

    def send(self, name: str, order: Order | None = None) -> Slip:
        digest = hashlib.sha256(name.encode()).hexdigest()
        cmd = ReceiveSlip(Kept(digest[:48], name, 1000, digest), order.id if order else None)
        return self.slip(receive_slip(self.sales, cmd).slip_id)

    def slip(self, slip_id: int) -> Slip:
        self.tx.session.flush()
        return self.tx.session.get_one(Slip, slip_id)

    def read(self, slip: Slip, *pages: PageRead, refused: str = "") -> Slip:
        record_reading(self.tx, slip.id, Reading(pages or (() if refused else (page(),)), refused))
        self.tx.session.flush()
        return slip

    def claim(self, slip: Slip) -> PaymentClaim:
        return self.tx.session.get_one(PaymentClaim, slip.claim_id)


@pytest.fixture
def desk(tx, actor):
    return Desk(tx, actor)


def test_a_read_slip_waits_with_its_facts_and_owns_its_reference(desk, tx):
    order = desk.order()
    slip = desk.send("a.jpg", order)
    assert tx.session.scalars(select(Outbox.key).where(Outbox.topic == READ)).all() == [f"slip.read:{slip.id}"]
    assert unread(tx, slip.id).raw_key == slip.raw_key != ""
    desk.read(slip)
    assert (slip.status, slip.kind, slip.sending_bank, slip.reference, slip.crc_ok, slip.trouble, slip.raw_key) == (
        SlipStatus.WAITING, SlipKind.SLIP, "004", KBANK, True, "", "",
    )  # fmt: skip
    assert slip.picture_key == page().picture_key
    assert understand(slip.qr_payload).reference == KBANK
    key = tx.session.scalars(select(TransferKey)).one()
    assert (key.slip_id, key.claim_id, key.reference) == (slip.id, slip.claim_id, KBANK)
    assert order.board is Board.SLIP_WAITING
    assert unread(tx, slip.id) is None
    assert "slip.read" in tx.session.scalars(select(AuditLog.action)).all()


def test_a_slip_used_before_becomes_a_duplicate_with_its_claim_and_a_link_to_the_first(desk, tx):
    first_order, order = desk.order(), desk.order()
    first = desk.read(desk.send("a.jpg", first_order))
    again = desk.read(desk.send("b.jpg", order), page(seed=2))
    assert (again.status, desk.claim(again).status) == (SlipStatus.DUPLICATE, ClaimStatus.DUPLICATE)
    key = tx.session.get_one(TransferKey, again.first_use_id)
    assert (key.slip_id, key.taken_label) == (
        first.id,
        first.uploaded_label,
    )  # who sent it, not the program that read it
    assert (again.decided_label, again.decided_at is not None) == ("", True)
    assert (order.board, first.status) == (Board.WAITING_PAYMENT, SlipStatus.WAITING)


def test_a_rejected_slip_keeps_its_reference_from_being_used_again(desk):
    first = desk.read(desk.send("a.jpg", desk.order()))
    reject_slip(
        desk.cashier,
        RejectSlip(first.id, next(iter(RejectReason))),
    )
    again = desk.read(desk.send("b.jpg", desk.order()), page(seed=2))
    assert again.status is SlipStatus.DUPLICATE


def test_case_and_a_reference_typed_without_bank_open_no_second_way(desk):
    order = desk.order()
    amount = Money.satang(10_000)
    submit_claim(
        desk.sales, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order.id, amount),), reference=KBANK.lower())
    )
    other = desk.read(desk.send("a.jpg", desk.order()))
    assert other.status is SlipStatus.DUPLICATE


def test_a_notice_typed_by_hand_for_the_same_order_gets_the_slip_as_its_proof(desk):
    order = desk.order()
    typed = submit_claim(
        desk.sales,
        SubmitClaim(
            PaymentMethod.TRANSFER, order.total, ((order.id, order.total),), sending_bank="004", reference=KBANK
        ),
    )
    slip = desk.read(desk.send("a.jpg", order))
    assert (slip.status, slip.claim_id, slip.first_use_id) == (SlipStatus.WAITING, typed.claim_id, None)


def test_reading_twice_changes_nothing(desk, tx):
    slip = desk.read(desk.send("a.jpg", desk.order()))
    before = tx.session.scalar(text("SELECT count(*) FROM audit_log")), slip.version
    result = record_reading(tx, slip.id, Reading((page("OTHER123"),)))
    assert (result.more, slip.reference) == ((), KBANK)
    assert (tx.session.scalar(text("SELECT count(*) FROM audit_log")), slip.version) == before


def test_a_slip_decided_before_it_was_read_keeps_its_state_and_takes_its_reference(desk, tx):
    slip = desk.send("a.jpg", desk.order())
    reject_slip(desk.cashier, RejectSlip(slip.id, next(iter(RejectReason))))
    desk.read(slip)
    assert (slip.status, slip.reference, slip.picture_key != "") == (SlipStatus.REJECTED, KBANK, True)
    assert tx.session.scalars(select(TransferKey.slip_id)).one() == slip.id


@pytest.mark.parametrize(
    ("code", "kind", "trouble"),
    [(NOTHING, SlipKind.NONE, "no_code"),
     (understand("00020101021129370016A000000677010111011300668012345675802TH530376463046197"), SlipKind.PAYMENT_QR, "payment_qr"),
     (understand(write_slip("004", "REF1").replace("REF1", "REF2")), SlipKind.SLIP, "checksum")],
)  # fmt: skip
def test_what_is_wrong_with_a_picture_is_told(desk, code, kind, trouble):
    slip = desk.read(desk.send("a.jpg", desk.order()), page(code=code))
    assert (slip.status, slip.kind, slip.trouble) == (SlipStatus.WAITING, kind, TROUBLE_LABELS[trouble])


@pytest.mark.parametrize("code", ["picture_damaged", "picture_kind", "picture_locked", "picture_too_heavy", "gone"])
def test_a_file_that_cannot_be_opened_waits_for_a_person_with_the_reason(desk, code):
    slip = desk.read(desk.send("a.jpg", desk.order()), refused=code)
    assert (slip.status, slip.kind, slip.picture_key) == (SlipStatus.WAITING, SlipKind.NONE, "")
    assert slip.trouble
    assert slip.raw_key  # kept for who runs the installation


def test_each_further_page_of_a_file_is_a_slip_of_its_own_and_blank_pages_are_none(desk, tx):
    slip = desk.send("a.pdf", desk.order())
    blank = page(None, look="0" * 512)
    result = record_reading(tx, slip.id, Reading((blank, page("SECOND"), page("THIRD", seed=3), page(None, seed=4))))
    assert (slip.page, slip.reference, slip.status) == (2, "SECOND", SlipStatus.WAITING)
    more = [desk.slip(i) for i in result.more]
    assert [(s.page, s.reference, s.order_id, s.claim_id, s.status) for s in more] == [
        (3, "THIRD", None, None, SlipStatus.WAITING), (4, "", None, None, SlipStatus.WAITING),
    ]  # fmt: skip


def test_a_second_slip_in_the_same_picture_is_put_beside_it(desk, tx):
    slip = desk.send("a.jpg", desk.order())
    other = understand(write_slip("014", "BESIDE"))
    result = record_reading(tx, slip.id, Reading((page(others=(other,)),)))
    [beside] = [desk.slip(i) for i in result.more]
    assert (beside.sending_bank, beside.reference, beside.picture_key) == ("014", "BESIDE", slip.picture_key)
    assert slip.trouble == TROUBLE_LABELS["several"]


def test_a_look_alike_is_flagged_only_where_a_reference_is_missing(desk):
    first = desk.read(desk.send("a.jpg"), page("REF1", seed=1))
    twin = desk.read(desk.send("b.jpg"), page("REF2", look=look(1, 3)))
    assert twin.alike_id is None  # two references are two transfers
    cropped = desk.read(desk.send("c.jpg"), page(None, look=look(1, 1)))
    assert cropped.alike_id == first.id
    later = desk.read(desk.send("d.jpg"), page("REF3", look=look(1, 14)))
    assert later.alike_id == cropped.id
    other = desk.read(desk.send("e.jpg"), page(None, seed=9))
    assert other.alike_id is None
    far = desk.read(desk.send("f.jpg"), page(None, look=look(9, 60)))
    assert far.alike_id is None


def test_a_verifier_is_asked_when_there_is_one_and_the_slip_is_a_banks(desk, tx):
    def owed() -> list[str]:
        return list(tx.session.scalars(select(Outbox.key).where(Outbox.topic == VERIFY).order_by(Outbox.id)))

    desk.read(desk.send("a.jpg"), page("REF1"))
    assert owed() == []
    tx.session.add(VerifierAccount(provider="slipok", name="ours", host="http://x", secrets=b""))
    slip = desk.read(desk.send("b.jpg"), page("REF2", seed=2))
    desk.read(desk.send("c.jpg"), page("REF2", seed=3))  # a duplicate needs no asking
    wallet = understand("00490002010102010203P2P03145000123456789004080101202491042f02")
    desk.read(desk.send("d.jpg"), page(seed=4, code=wallet))
    desk.read(desk.send("e.jpg"), page(None, seed=5))
    assert owed() == [f"slip.verify:{slip.id}"]


def test_only_who_takes_payments_writes_a_reading(desk, tx, actor):
    slip = desk.send("a.jpg")
    with refused(tx, "forbidden", None, TransferKey):
        record_reading(Tx(tx.session, actor("warehouse")), slip.id, Reading((page(),)))
    assert slip.status is SlipStatus.RECEIVED


def test_looking_for_look_alikes_stays_quick_among_a_hundred_thousand_slips(desk, tx):
    tx.session.execute(text(
        "INSERT INTO slips (status, source, file_name, page, raw_key, picture_key, thumb_key, width, height, sha256, look, trouble,"
        " sending_bank, reference, qr_payload, uploaded_at, uploaded_label, payer_name, decided_label, decision_note, reject_reason, version)"
        " SELECT 'waiting', 'staff', '', 1, '', '', '', 0, 0, md5(n::text), repeat(('x' || md5(n::text))::bit(128)::text, 16)::bit(2048), '',"
        " '004', 'R' || n, '', now(), 'x', '', '', '', '', 1 FROM generate_series(1, 100000) n"
    ))  # fmt: skip
    slip = desk.send("a.jpg")
    with_none = page(None, seed=5)
    began = perf_counter()
    desk.read(slip, with_none)
    assert perf_counter() - began < 1.5
    with_reference = desk.send("b.jpg")
    plan = "\n".join(r[0] for r in tx.session.execute(text(
        "EXPLAIN SELECT id FROM slips WHERE id < :id AND look IS NOT NULL AND reference = '' ORDER BY id LIMIT 1"), {"id": with_reference.id}))  # fmt: skip
    assert "ix_slips_loose" in plan
