"""P8 and P9: labels and A4 papers, drawn in one worker. Run alone in a process of its own, so that memory is theirs."""

from __future__ import annotations

import json
import random
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from oms.documents.render import Renderer
    from tests.bench.plain import Plain

LABELS, INVOICES = 1000, 500


@dataclass(frozen=True)
class Measured:
    """Seconds of the clock, and of computing, which other work on the machine does not slow; megabytes of memory."""

    labels: float = 0.0
    labels_computing: float = 0.0
    one_label: float = 0.0
    memory: float = 0.0
    invoice: float = 0.0
    invoice_computing: float = 0.0
    bound: float = 0.0
    bound_computing: float = 0.0
    plain: float = 0.0  # computing of the library as it comes for the same invoice


def issued(number: int) -> dict[str, Any]:
    """A tax invoice of three to seven lines, delivery and discounts, as the shop issues it, with its logo: each to
    another buyer, of other goods, with a code of its own."""
    from oms.documents.states import DocumentKind
    from tests.samples.papers import BUYER, content, logo
    from tests.samples.thai_texts import addresses, goods

    rng = random.Random(number)
    buyer = replace(BUYER, name=f"บริษัท ผู้ซื้อรายที่ {number} จำกัด", address=addresses(rng, 1)[0][:110])
    kept = content(DocumentKind.TAX_INVOICE, 3 + number % 5, buyer=buyer, names=tuple(n[:60] for n in goods(rng, 7)))
    return {**kept, "logo": logo(), "link": f"https://panel.example.test/d/{rng.randbytes(12).hex()}"}


def paper(kept: dict[str, Any]) -> str:
    """Its HTML, as it is made for each print."""
    from oms.documents.models import checksum
    from oms.documents.paper import Look, html_of

    return html_of(kept, checksum(kept), Look())


def _labels() -> Measured:
    from oms.documents.labels.facts import LabelFacts
    from oms.documents.labels.papers import Paper
    from oms.documents.labels.sheet import draw_labels
    from tests.samples.thai_texts import addresses, goods

    rng = random.Random(8)
    facts = [
        LabelFacts(
            code=f"TH{rng.randint(10**11, 10**12 - 1)}AB", is_own=False, carrier="Flash Express", service="ส่งด่วน",
            sort_code="BKK-04", channel="LINE", orders=(f"R2569-{n:06d}",), shipment=f"SH2569-{n:06d}", box=1, boxes=1,
            name=address.split()[0], phone="081xxxxx78", line=address[:110], area="แขวงท่าแร้ง เขตบางเขน",
            province="กรุงเทพมหานคร", postcode="10220", sender="ร้านป้าแจ๋ว", sender_address="88/8 หมู่ 4 ต.บางพลีใหญ่ 10540",
            sender_phone="02-123-4567", cod="1,290.00" if n % 2 else "", items=tuple(goods(rng, 3)), remark="",
        )
        for n, address in enumerate(addresses(rng, LABELS))
    ]  # fmt: skip
    draw_labels(facts[:1], Paper.TALL)  # fonts and words are loaded once in the life of a worker
    began, computing = time.perf_counter(), time.process_time()
    for one in facts[:50]:
        draw_labels([one], Paper.TALL)
    alone = (time.process_time() - computing) / 50
    began, computing = time.perf_counter(), time.process_time()
    draw_labels(facts, Paper.TALL)
    took, spent = time.perf_counter() - began, time.process_time() - computing
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(labels=took, labels_computing=spent, one_label=alone, memory=memory)


def _invoices() -> Measured:
    """From what was frozen to the file: the HTML here, the PDF in the confined process. Computing is that of both. Every
    few of them the library alone is asked for the same, so that both meet the same machine."""
    from oms.documents.binding import bind
    from oms.documents.render import Renderer
    from tests.bench.plain import Plain

    kept = [issued(n) for n in range(INVOICES)]
    with Renderer() as renderer, Plain() as plain:
        for one in kept[:5]:
            renderer.render(paper(one))
            plain.render(paper(one))
        ours, theirs = [], []
        for at in range(0, 60, 4):
            ours.append(_spent(renderer, kept[at : at + 4]))
            theirs.append(_spent(plain, kept[at : at + 4]))
        began, before = time.perf_counter(), _computing(renderer)
        bind(renderer.render(paper(one)) for one in kept)
        took, spent = time.perf_counter() - began, _computing(renderer) - before
    return Measured(
        invoice=statistics.median(clock for clock, _ in ours), bound=took, bound_computing=spent,
        invoice_computing=statistics.median(computing for _, computing in ours),
        plain=statistics.median(computing for _, computing in theirs),
    )  # fmt: skip


def _spent(drawing: Renderer | Plain, papers: list[dict[str, Any]]) -> tuple[float, float]:
    """Seconds of the clock and of computing for one of these papers."""
    began, before = time.perf_counter(), _computing(drawing)
    for one in papers:
        drawing.render(paper(one))
    return (time.perf_counter() - began) / len(papers), (_computing(drawing) - before) / len(papers)


def _computing(drawing: Renderer | Plain) -> float:
    """Of this process and of the one that draws."""
    other = psutil.Process(drawing.pid).cpu_times()
    return float(time.process_time() + other.user + other.system)


def measure(what: str) -> Measured:
    """``labels`` or ``invoices``, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.papers", what], capture_output=True, text=True, check=True
    )
    return replace(Measured(), **json.loads(done.stdout))


if __name__ == "__main__":
    made = _labels() if sys.argv[1] == "labels" else _invoices()
    sys.stdout.write(json.dumps(asdict(made)))
