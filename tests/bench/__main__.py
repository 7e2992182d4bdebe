"""``make bench``: measures the budgets, prints a table, writes docs/benchmarks.md. ``--only P2,P5 --orders 10000``."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from app import create_app, create_worker_app
from oms.db import db
from oms.reports.auditor import audit_all
from tests.bench import (
    api,
    channels,
    files,
    flash_sale,
    messages,
    pages,
    papers,
    slip_reading,
    statements,
    verbs,
    whole,
)
from tests.bench.installation import empty, installation, with_redis

PAGE = Path("docs/benchmarks.md")
ALL = ("P1", "P2", "P3", "P4", "P5", "P7", "P8", "P9", "P10", "P11", "P12", "P14", "P15")


@dataclass(frozen=True)
class Line:
    """One measured figure beside its budget. ``ratio`` is against the floor of the same run, where there is one."""

    budget: str
    what: str
    measured: str
    limit: str
    holds: bool
    ratio: str = ""
    load: float = 0.0


def p1(orders: int) -> list[Line]:
    with installation(orders) as bare, with_redis(bare) as settings:
        m = api.measure(create_worker_app(settings), settings)
    return [
        Line("P1", f"create + confirm over HTTP, {c.clients} client{'s' if c.clients > 1 else ''}, {orders:,} orders there",
             f"{c.rate:.0f}/s, p50 {c.mid:.0f} ms, p95 {c.late:.0f} ms", f">= {api.WANTED[c.clients]}/s, p95 <= 40 ms",
             c.rate >= api.WANTED[c.clients] and c.late <= 40 and c.rate / m.floor >= 0.20 and not c.failed,
             f"{c.rate / m.floor:.2f} of {m.floor:.0f}/s; {c.rate / bare.rate:.2f} of Flask and ORM alone, {bare.rate:.0f}/s;"
             f" {c.failed} failed")
        for c, bare in zip(m.runs, m.bare, strict=True)
    ] + [Line("P5", f"GET /api/v1/orders at {orders:,} orders", f"p50 {m.list_mid:.0f} ms, p95 {m.list_late:.0f} ms",
              "p95 <= 60 ms", m.list_late <= 60)]  # fmt: skip


def p2(orders: int) -> list[Line]:
    with installation(orders) as settings:
        m = verbs.measure(create_worker_app(settings), settings.database_url or "")
    ratio = m["verb"] / m["floor"]
    return [
        Line("P2", f"create + confirm by the verb, {orders:,} orders there", f"{m['verb']:.0f}/s", ">= 200/s",
             m["verb"] >= 200, f"{ratio:.2f} of {m['floor']:.0f}/s"),
        Line("P2", "SQL statements of it", f"{m['statements']:.0f}", "<= 14", m["statements"] <= 14),
    ]  # fmt: skip


def p3(orders: int) -> list[Line]:
    lines = []
    with installation(orders) as settings:
        for kind, seconds in (("csv", 15), ("xlsx", 20)):
            seed = time.time_ns() // 10**6 % 10**8 + 10**8  # orders never imported before
            m = files.measure(settings, 10_000, kind, seed)
            lines += [
                Line("P3", f"10,000 orders x 3 lines from {kind.upper()}, dry run + commit", f"{m['seconds']:.1f} s",
                     f"<= {seconds} s", m["seconds"] <= seconds and m["created"] == m["received"] > 0, f"{m['created']:.0f} rows created, {m['cpu']:.1f} s of it computing"),
                Line("P3", f"memory of it ({kind.upper()})", f"{m['memory']:.0f} MB", "<= 300 MB", m["memory"] <= 300),
            ]  # fmt: skip
    return lines


def p4() -> list[Line]:
    with empty("channels") as settings:
        m = channels.measure(create_worker_app(settings), settings)
    return [
        Line("P4", f"{channels.ORDERS:,} new orders from a simulated shop, pages of 100, net of the network",
             f"{m.rate:.0f}/s", ">= 400/s", m.rate >= 400),
        Line("P4", "rows that a repeat of the same pages writes", f"{m.repeated}", "0", m.repeated == 0),
        Line("P13", "last piece reserved until the other shop shows zero, while orders come in", f"p95 {m.gone:.2f} s",
             "p95 <= 2 s", m.gone <= 2),
    ]  # fmt: skip


def p5(orders: int) -> list[Line]:
    with installation(orders) as settings:
        found = pages.measure(create_app(settings), settings, settings.data_dir / "log" / "bench-web.log")
    return [
        Line("P5" if path != "/" else "P7", f"GET {path} at {orders:,} orders", f"p50 {mid:.0f} ms, p95 {late:.0f} ms",
             "p95 <= 100 ms" if path != "/" else "<= 60 ms", (late <= 100) if path != "/" else mid <= 60, f"{size // 1000} kB")
        for path, (mid, late, size) in found.items()
    ]  # fmt: skip


def p7(orders: int) -> list[Line]:
    with installation(orders) as settings:
        mid, late = pages.counts(create_worker_app(settings))
    return [
        Line(
            "P7", f"worklist counts at {orders:,} orders", f"p50 {mid:.0f} ms, p95 {late:.0f} ms", "<= 60 ms", mid <= 60
        )
    ]


def p10() -> list[Line]:
    with messages.fresh() as settings:
        m = messages.measure(create_worker_app(settings), settings)
    floor = m.letters * messages.ANSWER / messages.MANY_AT_ONCE / messages.WORKERS
    return [
        Line("P10", f"{m.letters:,} messages to a provider answering in 50 ms, {messages.WORKERS} workers",
             f"{m.drained:.1f} s", "<= 30 s", m.drained <= 30, f"{m.computing:.1f} s of it computing, waiting alone {floor:.1f} s"),
        Line("P10", "choosing who is told and how, before that", f"{m.chosen:.1f} s", "", holds=True),
        Line("P10", "letters that arrived twice", f"{m.doubled}", "0", m.doubled == 0),
    ]  # fmt: skip


def p11(orders: int) -> list[Line]:
    with installation(orders) as settings:
        url = settings.database_url or ""
        alone = verbs.measure(create_worker_app(settings), url)["verb"]
        m = flash_sale.measure(create_worker_app(settings), url)
    ratio, only_short = m.rate / alone, set(m.refused) == {"stock_short"}
    return [
        Line("P11", f"flash sale: {flash_sale.CLIENTS} clients on one SKU", f"{m.rate:.0f}/s", ">= 0.5 of P2", ratio >= 0.5,
             f"{ratio:.2f} of {alone:.0f}/s"),
        Line("P11", "oversold, and refused for another reason than stock", f"{m.oversold} of {m.sold:,}",
             "0", m.oversold == 0 and m.sold == flash_sale.PIECES and only_short, str(m.refused)),
    ]  # fmt: skip


def p8() -> list[Line]:
    m = papers.measure("labels")
    return [
        Line("P8", f"{papers.LABELS:,} labels, Thai, Code 128 and QR, one PDF", f"{m.labels:.1f} s", "<= 5 s",
             m.labels <= 5, f"{m.labels_computing:.1f} s of it computing"),
        Line("P8", "one label alone, computing", f"{m.one_label * 1000:.0f} ms", "<= 30 ms", m.one_label <= 0.03),
        Line("P8", "memory of the worker that drew them", f"{m.memory:.0f} MB", "<= 200 MB", m.memory <= 200),
    ]  # fmt: skip


def p9() -> list[Line]:
    m = papers.measure("invoices")
    return [
        Line("P9", "one A4 tax invoice of 3 to 7 lines with logo, from frozen content to PDF, computing",
             f"{m.invoice_computing * 1000:.0f} ms", "<= 60 ms", m.invoice_computing <= 0.06,
             f"{m.invoice_computing / m.plain:.2f} of {m.plain * 1000:.0f} ms by plain xhtml2pdf, {m.invoice * 1000:.0f} ms by the clock"),
        Line("P9", f"{papers.INVOICES} of them in one PDF by one worker, computing", f"{m.bound_computing:.1f} s", "<= 35 s",
             m.bound_computing <= 35, f"{m.bound:.1f} s by the clock"),
    ]  # fmt: skip


def p12_slips(orders: int) -> list[Line]:
    with installation(orders) as settings:
        m = slip_reading.measure(create_worker_app(settings))
    return [
        Line("P12", "slip photo to parsed QR and duplicate check, 100,000 references used", f"{m.mean * 1000:.0f} ms each, p95 {m.late * 1000:.0f} ms",
             "<= 150 ms", m.mean <= 0.15, f"{m.computing * 1000:.0f} ms of it computing"),
        Line("P12", "slips read through rotation, blur, dark, recompression, ...", f"{m.read} of {m.of} ({m.read / m.of:.1%})",
             ">= 95 %", m.read >= 0.95 * m.of, "not read: " + ", ".join(m.missed) if m.missed else ""),
    ]  # fmt: skip


def p12_statements() -> list[Line]:
    with installation(statements.SHOP) as settings:
        m = statements.measure(create_worker_app(settings), settings)
    return [
        Line("P12", f"{m.lines:,} statement lines imported and matched against {m.open_orders:,} open orders", f"{m.taken:.1f} s",
             "<= 5 s", m.taken <= 5 and m.suggested > m.lines // 2, f"{m.suggested:,} found something"),
        Line("P12", "all of them looked at again", f"{m.looked:.1f} s", "<= 5 s", m.looked <= 5),
    ]  # fmt: skip


def p14() -> list[Line]:
    m = whole.measure()
    return [
        Line("P14", "first start, empty installation, to ready", f"{m['first']:.1f} s", "<= 120 s with installation",
             m["first"] <= 60),
        Line("P14", "second start to ready", f"{m['second']:.1f} s", "<= 8 s", m["second"] <= 8),
        Line("P15", "memory of oms up in all, just started (PSS)", f"{m['memory']:.0f} MB", "<= 700 MB", m["memory"] <= 700),
        Line("P15", "the same after a job of every heavy kind and 96 pages", f"{m['warm']:.0f} MB", "<= 700 MB",
             m["warm"] <= 700),
    ]  # fmt: skip


def clean(orders: int) -> list[Line]:
    """The generated books themselves, asked of the auditor."""
    with installation(orders) as settings:
        app = create_worker_app(settings)
        with app.app_context():
            found = audit_all(db.session())
            db.session.remove()
            db.engine.dispose()
    return [Line("-", f"oms check over {orders:,} generated orders", f"{len(found)} findings", "0", not found)]


def kept(measured: set[tuple[str, str]]) -> list[str]:
    """Rows of the page about what was not measured now."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    rows = [row for row in page.splitlines() if row.startswith("| ") and not row.startswith("| budget")]
    return [row for row in rows if tuple(cell.strip() for cell in row.split("|")[1:3]) not in measured]


def report(lines: list[Line], before: list[str]) -> str:
    """The page. ``before``: rows that stay as they were."""
    now = f"{datetime.now(UTC):%Y-%m-%d}"  # noqa: TID251
    rows = [
        f"| {x.budget} | {x.what} | {x.measured} | {x.limit} | {'yes' if x.holds else '**no**'} | {x.ratio} | {now} | {x.load:.0f} |"
        for x in lines
    ]
    return "\n".join([
        "# Benchmarks",
        "",
        "Written by `make bench`. PostgreSQL with fsync and synchronous_commit on, server and load on the same machine:",
        (f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}. Each row says when it was"
         " measured, and at what load: other work slows every figure."),
        "A floor is the same rows written by bare psycopg in the same run: quote the ratio first, machines differ.",
        "",
        "| budget | what | measured | limit | holds | beside it | on | load |",
        "|---|---|---|---|---|---|---|---|",
        *sorted(before + rows, key=lambda row: int("0" + row[2:5].strip(" P|-"))),
        "",
    ])  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", default=",".join(ALL))
    asked.add_argument("--orders", type=int, default=1_000_000)
    asked.add_argument("--small", type=int, default=10_000)
    options = asked.parse_args()
    wanted = set(options.only.split(","))
    steps = {
        "P1": lambda: p1(options.small),
        "P2": lambda: (
            clean(options.small) + p2(options.small) + (p2(options.orders) if options.orders > options.small else [])
        ),
        "P3": lambda: p3(options.small),
        "P4": p4,
        "P5": lambda: p5(options.orders),
        "P7": lambda: p7(options.orders),
        "P8": p8,
        "P9": p9,
        "P10": p10,
        "P11": lambda: p11(options.small),
        "P12": lambda: p12_slips(options.small) + p12_statements(),
        "P14": p14,
    }
    lines: list[Line] = []
    for name, step in steps.items():
        if name in wanted:
            for measured in step():
                line = replace(measured, load=psutil.getloadavg()[0])
                lines.append(line)
                sys.stdout.write(
                    f"{line.budget:4} {line.what:62} {line.measured:28} {line.limit:16} {'ok' if line.holds else 'NO':3} {line.ratio}\n"
                )
                sys.stdout.flush()
                before = [] if wanted == set(ALL) else kept({(x.budget, x.what) for x in lines})
                PAGE.write_text(report(lines, before), encoding="utf-8")


if __name__ == "__main__":
    main()
