"""A reference remote warehouse: a small program of its own, with its own books in SQLite, that speaks the package
format of docs/remote-link.md. It shares no code of the link with Ruam's side, so that the page is what both are
measured by.

By hand: ``python -m views.sandbox.remote_site_page --help``: a page of what is to be sent, its books at ``/_books``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from oms.clock import now

FORMAT = "ruam-link/1"
TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS packages (way TEXT, seq INTEGER, sha256 TEXT, data BLOB, PRIMARY KEY (way, seq));
CREATE TABLE IF NOT EXISTS early (seq INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS heard (uid TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS words (no INTEGER PRIMARY KEY, uid TEXT, kind TEXT, at TEXT, body TEXT, seq INTEGER);
CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, revision INTEGER, state TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, on_hand INTEGER, damaged INTEGER);
CREATE TABLE IF NOT EXISTS told (no INTEGER PRIMARY KEY, text TEXT);
"""


class Refused(Exception):
    """The package cannot be taken; it is asked for again."""


def one_way(value: Any) -> bytes:
    """JSON as both sides write it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Site:
    """The warehouse. ``url`` is Ruam's address (None: packages travel by file); ``clock`` may be wrong on purpose."""

    def __init__(
        self,
        path: Path | str,
        code: str,
        secret: str,
        token: str,
        url: str | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.path, self.code, self.secret, self.token, self.url, self.clock = path, code, secret, token, url, clock
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.executescript(TABLES)

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    # --- small facts

    def fact(self, name: str, default: str = "") -> str:
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else default

    def _set(self, name: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value)))

    @property
    def have(self) -> int:
        """The last package of Ruam applied without a gap."""
        return int(self.fact("in_seq", "0"))

    @property
    def acknowledged(self) -> int:
        """The last of our packages that Ruam says it has."""
        return int(self.fact("acknowledged", "0"))

    def stock(self) -> dict[str, tuple[int, int]]:
        """SKU -> (on hand, damaged)."""
        return {r[0]: (r[1], r[2]) for r in self.db.execute("SELECT sku, on_hand, damaged FROM stock")}

    def orders(self) -> dict[str, tuple[str, int, dict[str, Any]]]:
        """Shipment number -> (state, revision, what was asked)."""
        rows = self.db.execute("SELECT number, state, revision, body FROM orders ORDER BY number")
        return {r[0]: (r[1], r[2], json.loads(r[3])) for r in rows}

    # --- the work of the place

    def _move(self, sku: str, hand: int, damaged: int = 0) -> None:
        self.db.execute(
            "INSERT INTO stock VALUES (?, ?, ?) ON CONFLICT (sku) DO UPDATE SET"
            " on_hand = on_hand + excluded.on_hand, damaged = damaged + excluded.damaged",
            (sku, hand, damaged),
        )

    def _say(self, kind: str, **body: Any) -> None:
        self.db.execute(
            "INSERT INTO words (uid, kind, at, body) VALUES (?, ?, ?, ?)",
            (uuid.uuid4().hex, kind, self.clock().isoformat(), json.dumps(body, ensure_ascii=False)),
        )

    def opening(self, lines: Mapping[str, int], damaged: Mapping[str, int] | None = None) -> None:
        """The stock both sides start from; it is not said."""
        broken = damaged or {}
        with self._all_or_nothing():
            for sku, pieces in lines.items():
                self._move(sku, pieces, broken.get(sku, 0))

    def receive(self, lines: Mapping[str, int], damaged: Mapping[str, int] | None = None, reference: str = "") -> None:
        """Goods arrived; of ``lines`` some are damaged."""
        broken = damaged or {}
        with self._all_or_nothing():
            for sku, pieces in lines.items():
                self._move(sku, pieces - broken.get(sku, 0), broken.get(sku, 0))
            said = [{"sku": s, "quantity": n, "damaged": broken.get(s, 0)} for s, n in lines.items()]
            self._say("receipt", reference=reference, lines=said)

    def count(self, lines: Mapping[str, int]) -> None:
        """So many lie there, whatever the books say."""
        with self._all_or_nothing():
            for sku, pieces in lines.items():
                self._move(sku, pieces - self.stock().get(sku, (0, 0))[0])
            self._say("count", lines=[{"sku": s, "counted": n} for s, n in lines.items()])

    def damage(self, sku: str, pieces: int, note: str = "broken") -> None:
        with self._all_or_nothing():
            self._move(sku, -pieces, pieces)
            self._say("damage", note=note, lines=[{"sku": sku, "quantity": pieces}])

    def step(self, number: str, kind: str, **more: Any) -> None:
        """An order goes on: ``picked``, ``packed`` or ``shipped``; shipped ones leave the stock."""
        with self._all_or_nothing():
            row = self.db.execute("SELECT state, revision, body FROM orders WHERE number = ?", (number,)).fetchone()
            if row is None or row[0] in {"withdrawn", "shipped"}:
                raise Refused(f"{number} is not to be sent")
            pieces = json.loads(row[2])["pieces"]
            if kind == "shipped":
                for piece in pieces:
                    self._move(piece["sku"], -piece["quantity"])
                more = {"at": self.clock().isoformat(), "pieces": pieces, **more}
            self.db.execute("UPDATE orders SET state = ? WHERE number = ?", (kind, number))
            self._say(kind, shipment=number, revision=row[1], **more)

    def ship(self, number: str, tracking_no: str = "", carrier: str = "") -> None:
        """Pack and send in one go."""
        self.step(number, "shipped", carrier=carrier, boxes=[{"tracking_no": tracking_no}])

    def refuse(self, number: str, reason: str) -> None:
        with self._all_or_nothing():
            self._say("refused", shipment=number, reason=reason)

    def snapshot(self) -> None:
        """Say what lies here, for Ruam to compare."""
        with self._all_or_nothing():
            lines = [{"sku": s, "on_hand": h, "damaged": d} for s, (h, d) in self.stock().items()]
            self._say("snapshot", lines=lines)

    # --- packages out

    def _seal(self, messages: Sequence[Mapping[str, Any]]) -> None:
        seq, have = int(self.fact("out_seq", "0")) + 1, self.have
        inner = {
            "format": FORMAT, "site": self.code, "way": "in", "seq": seq, "previous": self.fact("out_sha"),
            "have": have, "created_at": self.clock().isoformat(), "messages": list(messages),
        }  # fmt: skip
        data = one_way(inner)
        checksum = hashlib.sha256(data).hexdigest()
        signature = hmac.new(self.secret.encode(), data, hashlib.sha256).hexdigest()
        sealed = one_way({"package": inner, "sha256": checksum, "hmac": signature})
        self.db.execute("INSERT INTO packages VALUES ('in', ?, ?, ?)", (seq, checksum, sealed))
        self._set("out_seq", seq)
        self._set("out_sha", checksum)
        self._set("told_have", have)

    def pack(self, most: int = 200, *, even_empty: bool = False) -> None:
        """Number what was said since."""
        with self._all_or_nothing():
            rows = self.db.execute("SELECT no, uid, kind, at, body FROM words WHERE seq IS NULL ORDER BY no").fetchall()
            for i in range(0, len(rows), most):
                part = rows[i : i + most]
                self._seal([{"id": r[1], "kind": r[2], "at": r[3], "body": json.loads(r[4])} for r in part])
                seq = int(self.fact("out_seq"))
                self.db.executemany("UPDATE words SET seq = ? WHERE no = ?", [(seq, r[0]) for r in part])
            if not rows and even_empty and int(self.fact("told_have", "0")) != self.have:
                self._seal([])

    def waiting(self) -> list[bytes]:
        """Our packages that Ruam does not have yet, in order."""
        rows = self.db.execute(
            "SELECT data FROM packages WHERE way = 'in' AND seq > ? ORDER BY seq", (self.acknowledged,)
        )
        return [bytes(r[0]) for r in rows]

    def heard_that_ruam_has(self, seq: int) -> None:
        if self.acknowledged < seq <= int(self.fact("out_seq", "0")):
            self._set("acknowledged", seq)

    # --- packages in

    def take(self, data: bytes) -> str:
        """Take one package of Ruam: applied, repeat, early. Raises Refused for one that is not whole or not for us."""
        try:
            outer = json.loads(data)
            inner = one_way(outer["package"])
            package, checksum = outer["package"], hashlib.sha256(inner).hexdigest()
        except (ValueError, KeyError, TypeError) as exc:
            raise Refused("not a whole package") from exc
        signature = hmac.new(self.secret.encode(), inner, hashlib.sha256).hexdigest()
        if outer.get("sha256") != checksum or not hmac.compare_digest(signature, str(outer.get("hmac"))):
            raise Refused("altered, or not from Ruam")
        if (package["format"], package["site"], package["way"]) != (FORMAT, self.code, "out"):
            raise Refused("not for this site")
        with self._all_or_nothing():
            return self._in_turn(package, checksum, data)

    def _in_turn(self, package: Mapping[str, Any], checksum: str, data: bytes) -> str:
        self.heard_that_ruam_has(package["have"])
        if package["seq"] <= self.have:
            return "repeat"
        if package["seq"] > self.have + 1:
            self.db.execute("INSERT OR IGNORE INTO early VALUES (?, ?)", (package["seq"], data))
            return "early"
        if package["previous"] != self.fact("in_sha"):
            raise Refused("another past than ours")
        for message in package["messages"]:
            if self.db.execute("INSERT OR IGNORE INTO heard VALUES (?)", (message["id"],)).rowcount:
                self._do(message["kind"], message["body"])
        self._set("in_seq", package["seq"])
        self._set("in_sha", checksum)
        early = self.db.execute("SELECT data FROM early WHERE seq = ?", (package["seq"] + 1,)).fetchone()
        if early:
            self.db.execute("DELETE FROM early WHERE seq = ?", (package["seq"] + 1,))
            following = json.loads(early[0])
            self._in_turn(following["package"], following["sha256"], early[0])
        return "applied"

    def _do(self, kind: str, body: dict[str, Any]) -> None:
        number = str(body.get("shipment", ""))
        known = self.db.execute("SELECT state FROM orders WHERE number = ?", (number,)).fetchone()
        if kind == "pick_order":
            if known and known[0] == "shipped":
                self._say("refused", shipment=number, reason="it has left already")
                return
            text = json.dumps(body, ensure_ascii=False)
            self.db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, 'new', ?)", (number, body["revision"], text))
        elif kind == "cancel_order":
            if known and known[0] != "shipped":
                self.db.execute("UPDATE orders SET state = 'withdrawn' WHERE number = ?", (number,))
        else:
            self.db.execute("INSERT INTO told (text) VALUES (?)", (json.dumps({"kind": kind, **body}),))

    # --- the two ways to travel

    def sync(self, client: httpx.Client | None = None) -> dict[str, Any]:
        """Fetch from Ruam, then bring ours. Raises httpx errors when the line is down; nothing is lost by it."""
        if self.url is None:
            raise Refused("this site works by file")
        own = client or httpx.Client(timeout=30)
        try:
            address = f"{self.url}/remote/{self.code}/packages"
            headers = {"Authorization": f"Bearer {self.token}"}
            fetched = 0
            while True:
                answer = own.get(address, params={"after": self.have}, headers=headers).raise_for_status()
                lines = answer.content.splitlines()
                for line in lines:
                    self.take(line)
                fetched += len(lines)
                if not lines:
                    break
            self.pack()
            waiting = self.waiting()
            if not waiting:
                return {"fetched": fetched, "brought": 0}
            answer = own.post(address, content=b"\n".join(waiting), headers=headers)
            told: dict[str, Any] = answer.raise_for_status().json()
            self.heard_that_ruam_has(told["have"])
            return {"fetched": fetched, "brought": len(waiting), **told}
        finally:
            if client is None:
                own.close()

    def to_file(self) -> bytes:
        """What Ruam has not got, as a file."""
        self.pack(even_empty=True)
        return b"".join(data + b"\n" for data in self.waiting())

    def from_file(self, data: bytes) -> list[str]:
        """Take every package of a file."""
        return [self.take(line) for line in data.splitlines() if line.strip()]

    def books(self) -> dict[str, Any]:
        """Everything, so that both sides can be compared."""
        return {
            "have": self.have, "acknowledged": self.acknowledged, "out_seq": int(self.fact("out_seq", "0")),
            "stock": {s: {"on_hand": h, "damaged": d} for s, (h, d) in self.stock().items()},
            "orders": {n: state for n, (state, _, _) in self.orders().items()},
        }  # fmt: skip
