"""The auditor finds every kind of broken book, and nothing in books the verbs keep."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from oms import clock, outbox
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import CancelReason, HoldReason, PaymentTerm
from oms.payments.states import PaymentMethod
from oms.reports.auditor import audit_all, audit_one
from oms.reports.invariants import CHECKS
from oms.returns.states import Resolution, ReturnReason
from oms.shipping.models import Shipment
from oms.usecases.manifests import CloseManifest, OpenManifest, ScanParcel, close_manifest, open_manifest, scan_parcel
from oms.usecases.orders_cancel import CancelOrder, Restock, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.orders_place import NewLine, Stock, place_order
from oms.usecases.packing import Scan, scan
from oms.usecases.payments import DecideClaim, SubmitClaim, submit_claim, verify_claim
from oms.usecases.picking import MakePickList, make_pick_list
from oms.usecases.returns import AskedLine, RequestReturn, request_return
from oms.usecases.returns_count import Counted, InspectReturn, inspect_return
from oms.usecases.returns_receive import ArriveParcel, receive_parcel
from oms.usecases.returns_resolve import ResolveReturn, resolve_return
from oms.usecases.shipping import LeftBefore, MarkShipped, mark_delivered, mark_shipped, record_left_before
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_combine import CombineShipments, SplitShipment, combine_shipments, split_shipment
from oms.usecases.shipping_work import (
    PackShipment,
    VoidLabel,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    void_label,
)
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.reports.broken_channels import CHANNEL_BREAKS, sell_some
from tests.reports.broken_documents import DOCUMENT_BREAKS, issue_some
from tests.reports.broken_labels import LABEL_BREAKS
from tests.reports.broken_links import REMOTE_BREAKS, link_some
from tests.reports.broken_messages import MESSAGE_BREAKS, tell_some
from tests.reports.broken_people import PEOPLE_BREAKS, merge_some
from tests.reports.places import between_warehouses
from tests.shop import small_shop


def claim(tx, order_id: int, *, verify: bool, part: int = 1) -> int:
    order = tx.session.get_one(Order, order_id)
    amount = Money(order.total.amount / part)
    made = submit_claim(
        tx, SubmitClaim(PaymentMethod.TRANSFER, amount, ((order_id, amount),), reference=f"T{order_id}")
    )
    if verify:
        verify_claim(tx, DecideClaim(made.claim_id))
    return made.claim_id


@pytest.fixture
def world(tx):
    """Orders in many states, made by the verbs alone."""
    shop = small_shop(tx, pieces=50)
    cod = {"payment_term": PaymentTerm.COD}

    def place(*lines, **facts):
        return place_order(tx, shop.order(*lines, **({"confirm": True} | facts))).order_id

    shipped, paid, waiting, part = place((0, 2), (1, 1)), place((1, 2)), place((2, 1)), place((3, 3))
    delivered, held, gone, aside, short = (
        place(**cod), place((1, 1)), place((2, 2)), place((3, 1)), place((0, 400), stock=Stock.MAY_WAIT)
    )  # fmt: skip
    place(confirm=False)
    place_order(tx, shop.order(confirm=True, lines=(NewLine(shop.bundle, 2),)))
    before = place((0, 1), stock=Stock.LEFT_BEFORE, payment_term=PaymentTerm.MARKETPLACE, term_approved=True,
                   priced_by_channel=True)  # fmt: skip
    record_left_before(tx, [LeftBefore(before, "Flash", "TH000", delivered=True)])
    claim(tx, shipped, verify=True)
    mark_shipped(tx, MarkShipped(shipped, "Flash", "TH001"))
    mark_shipped(tx, MarkShipped(delivered, "Flash", "TH002"))
    mark_delivered(tx, delivered)
    claim(tx, paid, verify=True)
    claim(tx, waiting, verify=False)
    claim(tx, part, verify=True, part=2)
    hold_order(tx, HoldOrder(held, HoldReason.ADDRESS))
    hold_order(tx, HoldOrder(short, HoldReason.STOCK))
    cancel_order(tx, CancelOrder(gone, CancelReason.CUSTOMER))
    cancel_order(tx, CancelOrder(aside, CancelReason.OUT_OF_STOCK, restock=Restock.KEEP_OUT))
    receive_stock(tx, ReceiveStock(shop.bkk, (StockLine(shop.skus[3], 1),), "key"))
    between_warehouses(tx, shop)
    outbox.add(tx, "test.topic", "test:1")
    boxes_on_their_way(tx, place((0, 3), **cod), place((1, 1), **cod), place((2, 1), **cod), place((1, 2), **cod))
    issue_some(tx, paid, shipped, held)
    link_some(tx, shop)
    merge_some(tx)
    tell_some(tx)
    sell_some(tx, shop)
    over_the_floor(tx, shop, place((0, 1), (1, 2), **cod), place(**cod))
    goods_back(tx, shop, place((3, 3)), place((2, 2), **cod), place((3, 2)))
    tx.session.flush()
    return {"tx": tx, "shipped": shipped, "paid": paid, "waiting": waiting, "held": held, "gone": gone, "part": part}


def boxes_on_their_way(tx, split: int, one: int, other: int, packed: int) -> None:
    """An order half of which has left, two in one box, and one that is labeled and was labeled before."""
    ready = {i: made.shipment_id for i, made in make_ready(tx, [split, one, other, packed]).items()}
    line = tx.session.get_one(Shipment, ready[split]).lines[0].id
    half = split_shipment(tx, SplitShipment(ready[split], ((line, 1),))).taken.shipment_id
    combine_shipments(tx, CombineShipments((ready[one], ready[other])))
    for shipment_id in (half, ready[packed]):
        pack_shipment(tx, PackShipment(shipment_id))
        mark_labeled(tx, [shipment_id])
    hand_over_shipments(tx, [half])
    void_label(tx, VoidLabel(ready[packed], "the address was wrong"))
    mark_labeled(tx, [ready[packed]])


def over_the_floor(tx, shop, packed: int, listed: int) -> None:
    """One order picked, packed by scans (one of them taken back) and handed over on a sheet; another on a list."""
    made = make_ready(tx, [packed, listed])
    make_pick_list(tx, MakePickList(shop.bkk, tuple(made[i].shipment_id for i in (packed, listed))))
    codes = (made[packed].number, "RU-0002", "RUAM-UNDO", "RU-0001", "RU-0002", "RU-0002")
    for n, code in enumerate(codes):
        assert scan(tx, Scan(f"audit{n}", "T1", shop.bkk, code)).outcome == "ok"
    mark_labeled(tx, [made[packed].shipment_id])
    sheet = open_manifest(tx, OpenManifest("Flash", shop.bkk)).manifest_id
    assert scan_parcel(tx, ScanParcel(sheet, "sheet1", made[packed].number)).outcome == "ok"
    close_manifest(tx, CloseManifest(sheet))


def goods_back(tx, shop, sent_back: int, refused: int, asked_back: int) -> None:
    """A return settled without money, a refused COD parcel, and one that is only asked for."""
    for order_id in (sent_back, asked_back):
        claim(tx, order_id, verify=True)
    for order_id in (sent_back, refused, asked_back):
        mark_shipped(tx, MarkShipped(order_id, "Flash", f"BACK{order_id}"))
    for order_id in (sent_back, asked_back):
        mark_delivered(tx, order_id)
        line = tx.session.get_one(Order, order_id).lines[0]
        request_return(tx, RequestReturn(order_id, (AskedLine(line.id, 2),), ReturnReason.DAMAGED))
    for order_id, how in ((sent_back, Resolution.NOTHING), (refused, Resolution.WAIVE)):
        back = receive_parcel(tx, ArriveParcel(f"BACK{order_id}", shop.bkk)).returns[0].return_id
        line = tx.session.get_one(Order, order_id).lines[0]
        inspect_return(tx, InspectReturn(back, (Counted(line.id, resell=1, damaged=1),)))
        resolve_return(tx, ResolveReturn(back, how))


def tamper(tx, *statements: str, **facts: object) -> None:
    """Change the books past every lock: as the owner, triggers and constraints out of the way."""
    run = tx.session.execute
    run(text("SET LOCAL ROLE NONE"))
    run(text("SET LOCAL session_replication_role = replica"))
    for statement in statements:
        run(text(statement), facts)
    tx.session.expire_all()


def test_books_kept_by_the_verbs_are_in_order(world):
    assert [str(f) for f in audit_all(world["tx"].session)] == []


NO_CHECK = "ALTER TABLE {} DROP CONSTRAINT {}"
REFUND = (
    "INSERT INTO refunds (number, order_id, status, amount, reason, method, to_bank, to_account, to_name, requested_at,"
    " requested_label, decided_label, decision_note, paid_label, reference, proof_key, failure, attempts, version)"
    " VALUES ('RF69-000001', :waiting, 'requested', 100, 'x', 'transfer', '', '', '', now(), 'x', '', '', '', '', '', '', 0, 1)"
)
LINE = (
    "INSERT INTO statement_lines (account_id, line_key, occurrence, booked_at, has_time, amount, balance_breaks,"
    " description, channel, payer_name, payer_account, status, note, created_at, version) SELECT 1, 'k', 1, now(), true,"
    " 100, false, '', '', '', '', 'matched', '', now(), 1 FROM generate_series(1, {})"
)
SLIP = (
    "INSERT INTO slips (status, source, file_name, page, raw_key, picture_key, thumb_key, width, height, sha256,"
    " trouble, sending_bank, reference, qr_payload, payer_name, uploaded_at, uploaded_label, decided_label,"
    " decision_note, version, claim_id) SELECT 'confirmed', 'staff', '', 1, '', '', '', 0, 0, '', '', '', '', '', '',"
    " now(), 'x', 'x', '', 1, min(id) FROM payment_claims WHERE status = 'submitted'"
)
COD = (
    "INSERT INTO cod_entries (shipment_id, order_id, carrier, tracking_no, status, to_collect, expected, collected,"
    " remitted, fee, handed_over_at, note, version) SELECT 0, :shipped, 'Flash', 'T', 'collected', 100, 100, 0, 0, 0,"
    " now(), '', 1"
)
BREAKS = {
    "refunds": [REFUND],
    "refund_series": ["INSERT INTO number_series (series, last) VALUES ('RF69', 3)"],
    "statement_matches": [
        LINE.format(1),
        ("INSERT INTO statement_matches (line_id, claim_id, amount, at, by) SELECT max(l.id), min(c.id), 101, now(), 'x'"
        " FROM statement_lines l, payment_claims c"),
    ],
    "statement_lines": [
        NO_CHECK.format("statement_lines", "uq_statement_lines_account_id_line_key_occurrence"), LINE.format(2),
    ],
    "line_states": [LINE.format(1)],
    "cod_ledger": [COD],
    "slips": [SLIP],
    "pulled_back": [("UPDATE shipments SET status = 'labeled' WHERE id IN (SELECT shipment_id FROM shipment_lines"
                    " WHERE order_id = :shipped)"), "UPDATE payment_claims SET status = 'submitted'"],
    "payment_status": ["UPDATE orders SET payment_status = 'paid', board = 'ready' WHERE id = :waiting"],
    "verified_amount": ["UPDATE orders SET verified_amount = verified_amount + 1 WHERE id = :paid"],
    "fulfillment_status": ["UPDATE orders SET fulfillment_status = 'delivered' WHERE id = :paid"],
    "board": ["UPDATE orders SET board = 'packed' WHERE id = :paid"],
    "hold_reasons": ["UPDATE orders SET hold_reasons = '{}' WHERE id = :held"],
    "order_total": ["UPDATE orders SET total = total - 100 WHERE id = :paid"],
    "line_quantities": ["UPDATE order_lines SET total = total + 1 WHERE order_id = :paid"],
    "shipped_pieces": ["UPDATE order_lines SET shipped = 0 WHERE order_id = :shipped"],
    "dead_orders": ["UPDATE order_lines SET canceled = 0, shipped = quantity WHERE order_id = :gone"],
    "gate": ["DELETE FROM allocations WHERE order_id = :shipped"],
    "allocations": ["UPDATE allocations SET amount = amount + 1 WHERE order_id = :paid"],
    "stock_bounds": [
        NO_CHECK.format("stock_levels", "ck_stock_levels_reserved_within_on_hand"),
        "UPDATE stock_levels SET on_hand = reserved - 1 WHERE reserved > 0",
    ],
    "reserved_sum": ["UPDATE stock_levels SET reserved = reserved + 1"],
    "promises": ["UPDATE order_lines SET quantity = quantity + 1 WHERE order_id = :paid"],
    "whole_sets": [
        ("UPDATE reservations SET warehouse_id = (SELECT max(id) FROM warehouses) WHERE id = (SELECT max(r.id) FROM"
        " reservations r JOIN order_lines l ON l.id = r.order_line_id WHERE r.sku_id <> l.sku_id AND r.status = 'active')"),
    ],
    "order_places": [
        "UPDATE reservations SET warehouse_id = (SELECT max(id) FROM warehouses) WHERE status = 'consumed'",
    ],
    "partner_places": ["UPDATE warehouses SET kind = 'consignment'"],
    "in_transit": ["UPDATE stock_levels SET incoming = incoming + 1 WHERE incoming > 0"],
    "transfers": ["UPDATE transfer_lines SET quantity = quantity + 1"],
    "transfer_steps": ["UPDATE transfer_steps SET quantity = quantity + 1"],
    "transfer_states": ["UPDATE transfers SET status = 'received' WHERE status = 'received_with_discrepancy'"],
    "counts": ["UPDATE count_lines SET posted = 0"],
    "settlements": ["UPDATE settlements SET percent = percent + 1"],
    "balances": ["DELETE FROM stock_movements WHERE kind = 'ship'"],
    "external_numbers": [
        "DROP INDEX uq_orders_external",
        "UPDATE orders SET external_no = 'X1' WHERE id IN (:paid, :held)",
    ],
    "transfer_references": [
        "DROP INDEX uq_payment_claims_reference",
        "UPDATE payment_claims SET reference = 'same'",
    ],
    "tracking_numbers": ["DROP INDEX uq_parcels_live", "UPDATE parcels SET tracking_no = 'same'"],
    "booked_numbers": [
        ("INSERT INTO carrier_bookings (parcel_id, carrier_id, status, ref, service, cod, weight_grams, own_number,"
        " tracking_no, sort_code, has_label, label_key, resume, attempts, problem_field, raw_code, reason, created_at,"
        " created_by, version) SELECT min(id), (SELECT min(id) FROM carriers), 'booked', 'x', '', 0, 1, '', 'other', '',"
        " false, '', '', 1, '', '', '', now(), '', 1 FROM parcels WHERE is_live"),
    ],
    "never_left": ["UPDATE shipments SET handed_over_at = NULL WHERE status = 'delivered'"],
    "outbox_keys": [NO_CHECK.format("outbox", "uq_outbox_key"), "UPDATE outbox SET key = 'same'"],
    "series": ["UPDATE number_series SET last = last + 1"],
    "papers_moved": ["DELETE FROM stock_movements WHERE kind = 'receive'"],
    "made_money": ["DELETE FROM audit_log WHERE action = 'payment.verified'"],
    "made_stock": ["UPDATE stock_movements SET actor = ''"],
    "expiry": ["UPDATE orders SET status = 'expired', closed_at = now() + interval '1 hour' WHERE id = :waiting"],
    "outbox_states": ["UPDATE outbox SET status = 'running', lease_until = NULL"],
    "ledger": [
        NO_CHECK.format("intake_runs", "ck_intake_runs_ledger_closes"),
        ("INSERT INTO intake_runs (kind, status, format, file_name, file_key, file_sha256, file_size, received, created,"
        " updated, unchanged, quarantined, rejected, user_label, created_at, encoding, header_line,"
        " commit_after_check, cancel_requested, staged, progress, items) VALUES ('orders', 'done', 'x', 'x', 'x', 'x',"
        " 1, 5, 4, 0, 0, 0, 0, 'x', now(), '', 0, false, false, false, 0, 0)"),
    ],
    "ledger_rows": [
        ("INSERT INTO intake_runs (kind, status, format, file_name, file_key, file_sha256, file_size, received, created,"
        " updated, unchanged, quarantined, rejected, user_label, created_at, encoding, header_line,"
        " commit_after_check, cancel_requested, staged, progress, items) VALUES ('orders', 'done', 'x', 'x', 'x', 'x',"
        " 1, 5, 5, 0, 0, 0, 0, 'x', now(), '', 0, false, false, false, 0, 0)"),
        ("INSERT INTO intake_items (run_id, no, key, rows, outcome, closed_why)"
        " SELECT max(id), 1, 'x', 4, 'created', '' FROM intake_runs"),
    ],
    "open_changes": [
        "DROP INDEX uq_order_changes_open",
        ("INSERT INTO order_changes (order_id, status, base_revision, proposal, difference, reason, opened_by,"
        " opened_at, closed_by) SELECT :paid, 'open', 0, '{}', 0, '', 'x', now(), '' FROM generate_series(1, 2)"),
    ],
    "boxed_pieces": [("UPDATE shipment_lines SET quantity = quantity + 1 WHERE shipment_id IN (SELECT id FROM shipments"
                     " WHERE status = 'ready')")],
    "boxed_promises": [("UPDATE reservations SET warehouse_id = (SELECT id FROM warehouses WHERE code = 'CNX')"
                       " WHERE status = 'active'")],
    "shipped_moves": ["UPDATE stock_movements SET quantity = quantity - 1 WHERE kind = 'ship'"],
    "packed_counts": ["UPDATE packing_scans SET quantity = quantity + 1 WHERE sku_id IS NOT NULL AND quantity > 0"],
    "shipment_due": ["UPDATE shipments SET ship_by = '2000-01-01T00:00+00' WHERE status = 'ready'"],
    "scanned_back": ["UPDATE packing_scans SET quantity = quantity - 5 WHERE quantity < 0"],
    "sheets": ["UPDATE manifests SET cod_total = cod_total + 100"],
    "floor_series": ["UPDATE manifests SET number = 'MF69-000007'"],
    "combined_boxes": ["UPDATE orders SET ship_phone = id::text WHERE id IN (SELECT order_id FROM shipment_lines)"],
    "shipment_stages": ["UPDATE shipments SET handed_over_at = NULL WHERE status = 'handed_over'"],
    "returned_pieces": ["UPDATE order_lines SET returned = 0"],
    "return_credits": ["UPDATE returns SET credit = credit * 2"],
    "return_ends": ["UPDATE returns SET new_order_id = order_id"],
    "return_cash": ["UPDATE cod_entries SET status = 'expected', expected = to_collect WHERE status = 'refused'"],
    "returned_stock": ["UPDATE stock_movements SET quantity = quantity + 1 WHERE kind = 'return'"],
    "return_series": ["UPDATE returns SET number = 'RT69-000099' WHERE number LIKE '%000001'"],
    "return_notes": ["UPDATE returns SET credit_note_id = 99, credit_note = 'CN69-000001' WHERE credit > 0"],
    "restocked_unseen": ["UPDATE stock_movements SET actor = 'Flash Express' WHERE kind = 'return'"],
    "audited_orders": ["DELETE FROM audit_log WHERE subject_id = :paid"],
    **DOCUMENT_BREAKS,
    **REMOTE_BREAKS, **PEOPLE_BREAKS,
    **LABEL_BREAKS,
    **MESSAGE_BREAKS,
    **CHANNEL_BREAKS,
}  # fmt: skip


def test_the_auditor_finds_whatever_is_broken(world):
    """One after the other in the same books, each taken back before the next."""
    session, ids = world["tx"].session, {k: v for k, v in world.items() if k != "tx"}
    by_name = {check.name: check for check in CHECKS}
    missed = []
    for name, statements in BREAKS.items():
        savepoint = session.begin_nested()
        tamper(world["tx"], *statements, **{k: v for k, v in ids.items() if any(f":{k}" in s for s in statements)})
        if not audit_one(session, by_name[name]):
            missed.append(name)
        savepoint.rollback()
        session.expire_all()
    assert missed == []
    assert audit_all(session) == []


def test_every_check_is_proven_to_find_something():
    assert {check.name for check in CHECKS} == set(BREAKS)


def test_a_shipment_that_left_while_held_is_found(world):
    tx = world["tx"]
    moment = clock.now() - timedelta(hours=2)
    tamper(
        tx,
        "INSERT INTO order_holds (order_id, reason, note, status, placed_at, placed_by, released_by, release_note)"
        " VALUES (:shipped, 'fraud', '', 'active', :moment, 'x', '', '')",
        shipped=world["shipped"],
        moment=moment,
    )
    assert any(f.check == "gate" and f.row["held"] for f in audit_all(tx.session))


def test_money_that_came_in_after_the_parcel_left_does_not_open_the_gate_backwards(world):
    tx = world["tx"]
    tamper(
        tx,
        "UPDATE payment_claims SET decided_at = now() + interval '1 day' WHERE reference = :reference",
        reference=f"T{world['shipped']}",
    )
    assert "gate" in {f.check for f in audit_all(tx.session)}


def test_a_finding_says_what_is_broken_and_where(world):
    tx = world["tx"]
    tamper(tx, "UPDATE orders SET total = total + 100 WHERE id = :paid", paid=world["paid"])
    finding = next(f for f in audit_all(tx.session) if f.check == "order_total")
    assert "invariant 1" in str(finding)
    assert tx.session.get_one(Order, world["paid"]).number in str(finding)
    assert Decimal(finding.row["total"]) > 0
