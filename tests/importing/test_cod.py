"""Pay files of carriers: every shape, once, tied to the satang, nothing lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import func, select

from jobs import cli_files
from oms.actor import system
from oms.carriers.names import CARRIER_LABELS, carrier_name
from oms.db import db, transaction
from oms.errors import InvalidInput
from oms.importing.formats import cod
from oms.intake.models import IntakeItem
from oms.intake.states import IntakeKind, RunStatus
from oms.money import Money
from oms.orders.states import PaymentTerm
from oms.payments.cod_models import CodEntry, CodRound, CodRoundLine
from oms.payments.states import CodStatus, RoundLineOutcome
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping import MarkShipped, mark_delivered_many, mark_shipped_many
from tests.importing.conftest import Desk, counts
from tests.samples import marketplaces as market

HEAD = ["หมายเลขพัสดุ", "ยอด COD", "ค่าธรรมเนียม COD", "VAT", "ยอดสุทธิ", "เลขที่รอบ", "วันที่โอน"]


def baht(amount: str) -> Money:
    return Money(Decimal(amount))


def row(n: int, amount: str, fee: str = "10.00", vat: str = "0.70", ref: str = "FL-1120") -> list[str]:
    net = Decimal(amount.replace(",", "")) - Decimal(fee) - Decimal(vat)
    return [f"th{n:03d}", amount, fee, vat, f"{net:,.2f}", ref, "20/11/2569"]


@pytest.fixture
def till(desk: Desk) -> Desk:
    """Six COD parcels with Flash, TH001 to TH006, of 100 to 400 baht and again 100 and 200; all but the last arrived."""
    with transaction(system("test")) as tx:
        wanted = [desk.shop.order((i % 4, 1), confirm=True, payment_term=PaymentTerm.COD) for i in range(6)]
        orders = [placed.order_id for placed in place_orders(tx, wanted)]
        mark_shipped_many(tx, [MarkShipped(order, "Flash", f"TH{n:03d}") for n, order in enumerate(orders, 1)])
        mark_delivered_many(tx, orders[:-1])
    return desk


def take(till: Desk, rows, carrier: str = "flash", **facts):
    return till.take(rows, kind=IntakeKind.COD, carrier=carrier, **facts)


def check(till: Desk, rows, carrier: str = "flash", **facts):
    return till.check(rows, kind=IntakeKind.COD, carrier=carrier, **facts)


def the_round() -> CodRound:
    return db.session.scalars(select(CodRound).execution_options(populate_existing=True)).one()


def entry(n: int) -> CodEntry:
    found = select(CodEntry).where(CodEntry.tracking_no == f"TH{n:03d}")
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def number_of(kind) -> int:
    return db.session.scalar(select(func.count()).select_from(kind)) or 0


def test_a_dry_run_writes_nothing_and_the_commit_ties_to_the_satang(till: Desk):
    rows = [HEAD, row(1, "100.00"), row(2, "200.00"), row(3, "299.99"), row(6, "200.00")]
    run = check(till, rows)
    assert (run.status, run.planned["created"], number_of(CodRound)) == (RunStatus.CHECKED, 4, 0)
    assert till.problems(run.id) == [(4, "parcel_short")]
    run = till.commit(run.id)
    assert (counts(run), run.carrier, run.format) == ({"created": 4}, "Flash Express", "flash")
    made = the_round()
    assert (made.reference, made.paid_on.isoformat(), made.run_id) == ("FL-1120", "2026-11-20", run.id)
    assert (made.gross, made.fees, made.net) == (baht("799.99"), baht("42.80"), baht("757.19"))
    assert (entry(6).status, entry(6).fee) == (CodStatus.REMITTED, baht("10.70"))
    assert entry(3).status is CodStatus.SHORT


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp874", "utf-16"])
def test_every_encoding_is_the_same_file_and_again_adds_nothing(till: Desk, encoding):
    rows = [HEAD, row(1, "100.00"), row(2, "200.00")]
    assert counts(take(till, market.as_csv(rows, encoding))) == {"created": 2}
    before = number_of(CodRoundLine)
    assert counts(take(till, rows)) == {"unchanged": 2}
    assert number_of(CodRoundLine) == before


def test_a_workbook_with_notes_above_and_a_sum_below(till: Desk, tmp_path):
    rows = [HEAD, row(1, "100.00"), row(4, "400.00"), ["รวม", "500.00", "20.00", "1.40", "478.60", "", ""]]
    path = market.write_xlsx(tmp_path / "a.xlsx", rows, above=[["Flash Express"], ["รายงานโอนเงิน COD"]])
    run = take(till, path.read_bytes(), name="cod.xlsx")
    assert counts(run) == {"created": 2}
    assert the_round().net == baht("478.60")


def test_a_file_whose_sum_says_more_than_its_parcels_is_refused(till: Desk):
    rows = [HEAD, row(1, "100.00"), ["รวมทั้งสิ้น", "500.00", "", "", "", "", ""]]
    run = check(till, rows)
    assert (run.status, run.refusal["code"]) == (RunStatus.REFUSED, "cod_total")
    assert number_of(CodRound) == 0


def test_half_a_file_and_then_the_whole_one_are_one_round(till: Desk):
    whole = [HEAD, *(row(n, f"{100 * ((n - 1) % 4 + 1)}.00") for n in range(1, 6))]
    assert counts(take(till, whole[:3])) == {"created": 2}
    assert counts(take(till, whole, name="again.csv")) == {"created": 3, "unchanged": 2}
    assert (the_round().gross, number_of(CodRoundLine)) == (baht("1100.00"), 5)


def test_overlapping_files_without_a_round_of_their_own_add_nothing_twice(till: Desk):
    head = ["Tracking No.", "COD Amount"]
    assert counts(take(till, [head, ["TH001", "100"], ["TH002", "200"]], name="mon.csv")) == {"created": 2}
    assert counts(take(till, [head, ["TH002", "200"], ["TH003", "300"]], name="tue.csv")) == {
        "created": 1, "unchanged": 1,
    }  # fmt: skip
    assert counts(take(till, [head, ["TH002", "200"], ["TH003", "300"]], name="tue (1).csv")) == {"unchanged": 2}


def test_a_parcel_paid_again_in_another_round_is_named(till: Desk):
    take(till, [HEAD, row(1, "100.00")])
    run = take(till, [HEAD, row(1, "100.00", ref="FL-1127")])
    assert (counts(run), till.problems(run.id)) == ({"created": 1}, [(2, "parcel_paid_before")])


def test_a_file_of_the_wrong_carrier_waits_whole_and_makes_no_round(till: Desk):
    run = take(till, [HEAD, row(1, "100.00"), row(2, "200.00")], carrier="J&T Express")
    assert counts(run) == {"quarantined": 2}
    assert {code for _, code in till.problems(run.id)} == {"other_carrier"}
    assert number_of(CodRound) == 0
    with pytest.raises(InvalidInput, match="Choose the carrier"):
        till.upload([HEAD, row(1, "100.00")], kind=IntakeKind.COD)


def test_an_unknown_parcel_waits_until_a_newer_file_finds_it(till: Desk):
    rows = [HEAD, row(1, "100.00"), row(77, "300.00")]
    run = take(till, rows)
    first = run.id
    assert (counts(run), till.problems(first)) == ({"created": 1, "quarantined": 1}, [(3, "parcel_unknown")])
    assert the_round().gross == baht("400.00")
    assert counts(take(till, rows)) == {"unchanged": 2}
    with transaction(system("test")) as tx:
        tx.session.get(CodEntry, entry(3).id).tracking_no = "TH077"
    assert counts(take(till, rows, name="later.csv")) == {"updated": 1, "unchanged": 1}
    assert the_round().gross == baht("400.00")
    waiting = (
        select(func.count())
        .select_from(IntakeItem)
        .where(IntakeItem.run_id == first, IntakeItem.closed_at.is_(None), IntakeItem.outcome == "quarantined")
    )
    assert db.session.scalar(waiting) == 0


def test_cells_that_cannot_be_are_named_and_the_rest_goes_in(till: Desk):
    rows = [
        HEAD, row(1, "100.00"), ["TH002", "-200", "", "", "", "FL-1120", ""], ["", "50", "", "", "", "FL-1120", ""],
        ["TH003", "300.00", "10", "0.70", "280.00", "FL-1120", ""], ["TH004", "สี่ร้อย", "", "", "", "FL-1120", ""],
        ["TH005", "", "", "", "", "FL-1120", ""],
    ]  # fmt: skip
    run = take(till, rows)
    assert counts(run) == {"created": 1, "quarantined": 4, "rejected": 1}
    assert till.problems(run.id) == [
        (3, "taken_back"), (4, "record_nameless"), (5, "cod_net"), (6, "money_text"), (7, "amount_missing"),
    ]  # fmt: skip
    assert the_round().gross == baht("100.00")


def test_the_fee_is_what_makes_the_net_tie(till: Desk):
    head = ["Tracking No.", "COD Amount", "COD Fee", "VAT", "Freight", "Net Amount", "Reference"]
    rows = [
        head, ["TH001", "100", "3", "0.21", "35", "96.79", "R"], ["TH002", "200", "3", "0.21", "35", "161.79", "R"],
        ["TH003", "300", "3", "0.21", "35", "297.00", "R"],
    ]  # fmt: skip
    take(till, rows)
    assert [entry(n).fee for n in (1, 2, 3)] == [baht("3.21"), baht("38.21"), baht("3.00")]
    made = the_round()
    assert made.net == baht("96.79") + baht("161.79") + baht("297.00")


@pytest.mark.parametrize("code", CARRIER_LABELS)
def test_every_carrier_has_headings_of_its_own_and_the_common_ones(till: Desk, code):
    form = cod.FORMS[code]
    with transaction(system("test")) as tx:
        for found in tx.session.scalars(select(CodEntry)):
            found.carrier = CARRIER_LABELS[code]
    head = [form.columns["tracking"][0], form.columns["amount"][0], form.columns["reference"][0]]
    run = take(till, [head, ["TH001", "฿100.00", "R1"]], carrier=CARRIER_LABELS[code].upper())
    assert (counts(run), run.format) == ({"created": 1}, code)


def test_any_table_is_read_by_a_column_map(till: Desk):
    rows = [["A", "B", "C"], ["TH001", "100", "2.50"]]
    run = check(till, rows, carrier="รถส่งของเอง")
    assert run.refusal["code"] == "file_columns"
    with transaction(system("test")) as tx:
        for found in tx.session.scalars(select(CodEntry)):
            found.carrier = "รถส่งของเอง"
    columns = {"columns": {"tracking": "A", "amount": "B", "fee": "C"}, "options": {}}
    assert counts(take(till, rows, carrier="รถส่งของเอง", column_map=columns)) == {"created": 1}
    assert (the_round().reference, the_round().net) == ("orders", baht("97.50"))


def test_a_refused_parcel_that_is_paid_is_kept_and_flagged(till: Desk):
    found = entry(1)
    with transaction(system("test")) as tx:
        kept = tx.session.get(CodEntry, found.id)
        kept.status, kept.expected, kept.collected = CodStatus.REFUSED, Money.satang(0), Money.satang(0)
    run = take(till, [HEAD, row(1, "100.00")])
    assert till.problems(run.id) == [(2, "parcel_returned")]
    assert db.session.scalars(select(CodRoundLine.outcome)).one() is RoundLineOutcome.RETURNED


def test_the_command_line_takes_a_pay_file(till: Desk, tmp_path):
    file = market.write_csv(tmp_path / "pay.csv", [HEAD, row(1, "100.00"), row(2, "200.00")])
    command = {"kind": IntakeKind.COD, "carrier": "Flash", "map_name": "", "format": ""}
    answer = cli_files.take_in(tmp_path, file, command, write=True)
    assert (answer["created"], answer["closes"], answer["status"]) == (2, True, "done")
    assert cli_files.take_in(tmp_path, file, command, write=True)["unchanged"] == 2


def test_carriers_are_one_however_they_are_written():
    for words in ("flash", "Flash Express", "FLASH EXPRESS (TH)", "แฟลช เอ็กซ์เพรส"):
        assert carrier_name(words) == "Flash Express"
    for words in ("J&T", "J & T Express", "jt express", "JNT"):
        assert carrier_name(words) == "J&T Express"
    for words in ("Kerry Express", "KEX", "เคอรี่"):
        assert carrier_name(words) == "KEX Express"
    assert carrier_name("ไปรษณีย์ไทย EMS") == "Thailand Post"
    assert carrier_name("  รถส่งของ  เอง ") == "รถส่งของ เอง"
