"""P9: one A4 tax invoice as PDF, and five hundred in one file, in one worker; papers of five lines, all different."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

from oms.documents.binding import bind
from oms.documents.models import checksum
from oms.documents.paper import Look, html_of, pdf_of
from oms.documents.parties import Buyer
from oms.documents.render import convert, engine
from oms.documents.source import read
from oms.documents.states import DocumentKind
from tests.samples.papers import BUYER, content

WARM = 5


@dataclass(frozen=True)
class Measured:
    """Seconds: one paper (median), the computing in it without other work on the machine, and all of them bound."""

    one: float
    computing: float
    all: float
    papers: int
    megabytes: float


def _buyer(n: int) -> Buyer:
    return replace(BUYER, name=f"บริษัท ผู้ซื้อรายที่ {n} จำกัด")


def measure(papers: int = 500) -> Measured:
    """Make them. The first few are not counted: they start the process that draws."""
    contents = [content(DocumentKind.TAX_INVOICE, 5, buyer=_buyer(n)) for n in range(papers + WARM)]
    hashes = [checksum(kept) for kept in contents]
    for kept, digest in zip(contents[:WARM], hashes, strict=False):
        pdf_of(kept, digest, Look())
    began, files, each = time.perf_counter(), [], []
    for kept, digest in zip(contents[WARM:], hashes[WARM:], strict=True):
        start = time.perf_counter()
        files.append(pdf_of(kept, digest, Look()))
        each.append(time.perf_counter() - start)
    bound = bind(files)
    took = time.perf_counter() - began
    return Measured(statistics.median(each), _computing(contents[:WARM], hashes), took, papers, len(bound) / 1e6)


def _computing(contents: list[dict[str, object]], hashes: list[str]) -> float:
    """Processor seconds of one paper, in this process: other work on the machine does not count, though it slows."""
    engine()
    found = []
    for kept, digest in zip(contents * 4, hashes[: len(contents)] * 4, strict=True):
        start = time.process_time()
        convert(read(html_of(kept, digest, Look())))
        found.append(time.process_time() - start)
    return min(found[len(contents) :])
