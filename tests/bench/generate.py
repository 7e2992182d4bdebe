"""A shop with any number of orders, written by COPY in seconds instead of through the verbs in hours.

The rows are consistent: the auditor finds nothing in them. 98 of 100 orders are completed, the rest stands in every kind
of work. Run after ``load_masters``; secondary indexes of the big tables are set aside while copying.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

import psycopg
from psycopg import sql

from oms.demo.people import people
from oms.thai.text import grams, normalize

BLOCK = 20_000
SKUS = 2_000
PRICE = 19_900  # satang
OPEN_SHARE = 0.02
MAX_OPEN = 20_000
BOARDS = (
    "ready",
    "ready",
    "ready",
    "waiting_payment",
    "slip_waiting",
    "on_hold",
    "ready",
    "draft",
    "handed_over",
    "ready",
)
BIG = ("orders", "order_lines", "order_search", "reservations", "shipments", "shipment_lines", "parcels", "audit_log",
       "stock_movements", "customers", "customer_identities", "customer_search", "payment_claims", "allocations")  # fmt: skip


def field(value: Any) -> str:
    """One value in COPY's text form."""
    if value is None:
        return r"\N"
    if value is True or value is False:
        return "t" if value else "f"
    if isinstance(value, list | tuple):
        return "{" + ",".join(f'"{v}"' for v in value) + "}"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False).replace("\\", "\\\\")
    return str(value)


def copy(connection: psycopg.Connection, table: str, columns: Iterable[str], lines: Iterable[str]) -> None:
    """Send ready lines of one table."""
    names = sql.SQL(", ").join(sql.Identifier(c) for c in columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor().copy(statement) as out:
        out.write("".join(lines))


@contextmanager
def indexes_aside(connection: psycopg.Connection) -> Iterator[None]:
    """Drop the plain indexes of the big tables and build them anew afterwards, which is many times faster."""
    rows = connection.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
        " WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisprimary AND NOT EXISTS"
        " (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        [list(BIG)],
    ).fetchall()
    for name, _ in rows:
        connection.execute(f"DROP INDEX {name}")
    yield
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in rows:
        connection.execute(definition)


@lru_cache(maxsize=200_000)
def _pieces(token: str) -> frozenset[str]:
    return frozenset(grams(token))


def search(*words: str) -> tuple[str, str]:
    """The search text and its n-grams, as the program makes them."""
    text = normalize(" ".join(words))
    found: set[str] = set()
    for token in text.split():
        found |= _pieces(token)
    return text, field(sorted(found))


def load_masters(connection: psycopg.Connection) -> None:
    """Warehouse, eight shops, 2,000 SKUs."""
    run = connection.execute
    run("INSERT INTO warehouses (code, name, rank, is_active, version, province, address, phone)"
        " VALUES ('BKK', 'BKK', 1, true, 1, '', '', '')")  # fmt: skip
    for code, channel in (("shopee-th", "shopee"), ("lazada-th", "lazada"), ("tiktok-th", "tiktok"),
                          ("line-shopping", "line_shopping"), ("web", "web"), ("facebook", "facebook"),
                          ("instagram", "instagram"), ("line", "line")):  # fmt: skip
        run("INSERT INTO shops (code, name, channel, warehouse_id, ship_within_hours, contact_url, is_active, version)"
            " VALUES (%s, %s, %s, 1, 48, '', true, 1)", [code, code, channel])  # fmt: skip
    run("INSERT INTO products (code, name, name_en, category, description, is_active, created_at, version)"
        " VALUES ('P1', 'เสื้อยืด', '', '', '', true, now(), 1)")  # fmt: skip
    lines = []
    for i in range(1, SKUS + 1):
        text, found = search(f"RU-{i:04d}", f"เสื้อยืด แบบ {i}")
        lines.append("\t".join(map(field, (f"RU-{i:04d}", 1, f"เสื้อยืด แบบ {i}", "", PRICE, 9_900, 180, "", 0, False, True,
                                           text))) + f"\t{found}\t1\n")  # fmt: skip
    copy(connection, "skus", ("code", "product_id", "name", "option", "price", "cost", "weight_g", "location", "low_stock",
                              "is_bundle", "is_active", "haystack", "grams", "version"), lines)  # fmt: skip


class Generator:
    """Rows of consecutive orders, block by block."""

    def __init__(self, count: int, seed: int = 1) -> None:
        self.count = count
        self.random = Random(seed)
        self.people = people(self.random, 1500)
        self.end = datetime.now(UTC)  # noqa: TID251  the generator lives outside the program
        self.customers = max(count // 5, 1)
        self.open_from = count - min(int(count * OPEN_SHARE), MAX_OPEN)
        self.shipped: dict[int, int] = {}
        self.promised: dict[int, int] = {}

    def run(self, connection: psycopg.Connection) -> None:
        """Everything, in one transaction, with the counters set behind it."""
        connection.execute("SET session_replication_role = replica")  # keys are right by construction
        with indexes_aside(connection):
            self._customers(connection)
            for start in range(0, self.count, BLOCK):
                self._block(connection, start, min(start + BLOCK, self.count))
            self._stock(connection)
        for table in ("orders", "order_lines", "customers", "shipments", "payment_claims"):
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT coalesce(max(id), 1) FROM {table}))"
            )
        connection.execute(
            "INSERT INTO transfer_keys (sending_bank, reference, claim_id, taken_at, taken_label)"
            " SELECT sending_bank, reference, id, submitted_at, submitted_label FROM payment_claims"
            " WHERE reference IS NOT NULL"
        )
        connection.execute("SET session_replication_role = origin")
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")

    def _customers(self, connection: psycopg.Connection) -> None:
        rows, known, found = [], [], []
        for i in range(1, self.customers + 1):
            person, phone = self.people[i % 1500], f"09{i:08d}"
            rows.append(f"{i}\t{person.name}\t{phone}\t\t\t\t\t\t\t\t{self.end}\t1\n")
            known.append(f"{i}\tphone\t{phone}\t\n")
            text, pieces = search(person.name, phone)
            found.append(f"{i}\t{text}\t{pieces}\n")
        copy(connection, "customers", ("id", "name", "phone", "email", "customer_group", "note", "tax_name", "tax_id",
                                       "tax_branch", "tax_address", "created_at", "version"), rows)  # fmt: skip
        copy(connection, "customer_identities", ("customer_id", "kind", "external_id", "label"), known)
        copy(connection, "customer_search", ("customer_id", "haystack", "grams"), found)

    def _block(self, connection: psycopg.Connection, start: int, end: int) -> None:
        out: dict[str, list[str]] = {name: [] for name in COLUMNS}
        for i in range(start, end):
            self._order(i, out)
        for table, columns in COLUMNS.items():
            if out[table]:
                copy(connection, table, columns, out[table])

    def _order(self, i: int, out: dict[str, list[str]]) -> None:
        no, draw = i + 1, self.random
        board = "completed" if i < self.open_from else BOARDS[i % len(BOARDS)]
        placed = self.end - timedelta(days=365) * (1 - i / self.count) - timedelta(minutes=5)
        if i >= self.open_from:
            placed = self.end - timedelta(hours=90) * (1 - (i - self.open_from) / (self.count - self.open_from))
        customer, person, shop = no % self.customers + 1, self.people[i % 1500], no % 8 + 1
        prepaid = board in {"waiting_payment", "slip_waiting"}
        confirmed, gone = board != "draft", board in {"completed", "handed_over"}
        lines = [(draw.randrange(1, SKUS + 1), draw.choice((1, 1, 1, 2))) for _ in range(draw.choice((1, 2, 3)))]
        total = sum(PRICE * n for _, n in lines)
        number, external = f"SO69-{no:07d}", f"2511{no:010d}"
        codes = [f"RU-{sku:04d}" for sku, _ in lines]
        to = person.home
        out["orders"].append("\t".join(map(field, (
            no, number, shop, CHANNELS[shop - 1], external,
            "completed" if board == "completed" else "confirmed" if confirmed else "draft", board,
            "prepaid" if prepaid else "marketplace",
            "pending_review" if board == "slip_waiting" else "unpaid" if prepaid or not confirmed else "credit",
            ("delivered" if board == "completed" else "shipped") if gone else "open",
            "none" if gone or not confirmed else "reserved", ["address"] if board == "on_hold" else [], 1, customer,
            person.name, f"09{customer:08d}", to.line, to.subdistrict, to.district, to.province, to.postcode,
            total, 0, 0, total, 0, 0, 0, sum(n for _, n in lines), f"เสื้อยืด แบบ {lines[0][0]} ×{lines[0][1]}", "Flash",
            [], None, "", "", "", "", {}, False, None, None, placed, placed, placed if confirmed else None,
            placed if confirmed and not prepaid else None, placed + timedelta(hours=48), None,
            placed + timedelta(days=3) if board == "completed" else None, "", 0, 1,
        ))) + "\n")  # fmt: skip
        text, pieces = search(number, external, person.name, f"09{customer:08d}", *codes)
        out["order_search"].append(f"{no}\t{text}\t{pieces}\n")
        out["audit_log"].append(
            f"{placed}\tsystem\tbench\t\\N\tsystem\torder.created\torder\t{no}\t{number}\t\\N\t\\N\t\tjob\t\t\n"
        )
        for position, (sku, quantity) in enumerate(lines, 1):
            self._line(out, no, (no * 4 + position, position, sku, quantity), placed, board)
        if gone or board == "ready":
            self._shipment(out, no, placed, board)
        if board == "on_hold":
            out["order_holds"].append(f"{no}\taddress\t\tactive\t{placed}\tbench\t\\N\t\t\n")
        if board == "slip_waiting":
            out["payment_claims"].append(
                f"{no}\tsubmitted\ttransfer\t{total}\t004\tT{no}\t{placed}\t\t{placed}\tbench\t\t\t1\n"
            )
            out["allocations"].append(f"{no}\t{no}\t{total}\n")
            out["audit_log"].append(
                f"{placed}\tsystem\tbench\t\\N\tsystem\tpayment.claimed\torder\t{no}\t{number}\t\\N\t"
                f'{{"claim": {no}}}\t\tjob\t\t\n'
            )

    def _line(
        self, out: dict[str, list[str]], no: int, line: tuple[int, int, int, int], placed: datetime, board: str
    ) -> None:
        line_id, position, sku, quantity = line
        gone = board in {"completed", "handed_over"}
        total = PRICE * quantity
        out["order_lines"].append(
            f"{line_id}\t{no}\t{position}\t{sku}\tRU-{sku:04d}\tเสื้อยืด แบบ {sku}\t{quantity}\t0\t{quantity if gone else 0}\t0"
            f"\t{PRICE}\t{PRICE}\t0\t{total}\t\n"
        )
        if board == "draft":
            return
        status = "consumed" if gone else "active"
        out["reservations"].append(
            f"{no}\t{line_id}\t{sku}\t1\t{quantity}\t{status}\t{placed}\t{placed if gone else chr(92) + 'N'}\n"
        )
        counter = self.shipped if gone else self.promised
        counter[sku] = counter.get(sku, 0) + quantity
        if gone or board == "ready":
            out["shipment_lines"].append(f"{no}\t{no}\t{line_id}\t{quantity}\n")
        if gone:
            out["stock_movements"].append(
                f"{placed}\t{sku}\t1\ton_hand\t-{quantity}\tship\tSH69-{no:07d}\t{no}\torder.shipped\tbench\n"
            )

    @staticmethod
    def _shipment(out: dict[str, list[str]], no: int, placed: datetime, board: str) -> None:
        status = {"completed": "delivered", "ready": "ready"}.get(board, "handed_over")
        when, null = placed + timedelta(minutes=1), chr(92) + "N"
        left, arrived = null if status == "ready" else when, when if status == "delivered" else null
        due = placed + timedelta(hours=48)
        out["shipments"].append(f"{no}\tSH69-{no:07d}\t1\t{status}\tFlash\tf\t{when}\t{left}\t{arrived}\t{due}\t1\n")
        tracking = {"ready": "created", "delivered": "delivered"}.get(status, "in_transit")
        number = "" if status == "ready" else f"TH{no:010d}"
        out["parcels"].append(f"{no}\tFlash\t{number}\tt\t{tracking}\t\t{when}\n")

    def _stock(self, connection: psycopg.Connection) -> None:
        levels, opening = [], []
        for sku in range(1, SKUS + 1):
            had = self.shipped.get(sku, 0) + self.promised.get(sku, 0) + 100_000
            left = had - self.shipped.get(sku, 0)
            levels.append(f"{sku}\t1\t{left}\t{self.promised.get(sku, 0)}\t0\t0\n")
            opening.append(f"{self.end}\t{sku}\t1\ton_hand\t{had}\topening\t\t\\N\t\tbench\n")
        copy(
            connection, "stock_levels", ("sku_id", "warehouse_id", "on_hand", "reserved", "damaged", "incoming"), levels
        )
        copy(connection, "stock_movements", COLUMNS["stock_movements"], opening)


CHANNELS = ("shopee", "lazada", "tiktok", "line_shopping", "web", "facebook", "instagram", "line")
COLUMNS = {
    "orders": (
        "id", "number", "shop_id", "channel", "external_no", "status", "board", "payment_term", "payment_status",
        "fulfillment_status", "stock_state", "hold_reasons", "warehouse_id", "customer_id", "ship_name", "ship_phone",
        "ship_line", "ship_subdistrict", "ship_district", "ship_province", "ship_postcode", "goods_total", "discount",
        "shipping_fee", "total", "verified_amount", "channel_discount", "channel_fee", "item_count", "items_summary",
        "carrier", "tags", "owner_id", "owner", "buyer_note", "channel_status", "content_hash", "staff_edits",
        "left_before", "idempotency_key", "copied_from", "placed_at", "created_at", "confirmed_at", "term_approved_at",
        "ship_by", "expires_at", "closed_at", "cancel_reason", "revision", "version",
    ),
    "order_lines": (
        "id", "order_id", "position", "sku_id", "sku_code", "name", "quantity", "canceled", "shipped", "returned",
        "list_price", "unit_price", "discount", "total", "external_id",
    ),
    "order_search": ("order_id", "haystack", "grams"),
    "order_holds": (
        "order_id", "reason", "note", "status", "placed_at", "placed_by", "released_at", "released_by", "release_note",
    ),
    "reservations": (
        "order_id", "order_line_id", "sku_id", "warehouse_id", "quantity", "status", "created_at", "closed_at",
    ),
    "shipments": (
        "id", "number", "warehouse_id", "status", "carrier", "by_channel", "created_at", "handed_over_at",
        "delivered_at", "ship_by", "version",
    ),
    "shipment_lines": ("shipment_id", "order_id", "order_line_id", "quantity"),
    "parcels": ("shipment_id", "carrier", "tracking_no", "is_live", "tracking_status", "raw_status", "created_at"),
    "stock_movements": (
        "at", "sku_id", "warehouse_id", "bucket", "quantity", "kind", "document", "order_id", "reason", "actor",
    ),
    "payment_claims": (
        "id", "status", "method", "amount", "sending_bank", "reference", "paid_at", "note", "submitted_at",
        "submitted_label", "decided_label", "decision_note", "version",
    ),
    "allocations": ("claim_id", "order_id", "amount"),
    "audit_log": (
        "at", "actor_kind", "actor", "user_id", "role", "action", "subject_type", "subject_id", "subject", "before",
        "after", "reason", "source", "request_id", "ip",
    ),
}  # fmt: skip
