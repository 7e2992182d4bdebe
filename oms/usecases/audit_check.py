"""Walk the audit's hash chain on somebody's request, and keep what was found."""

from __future__ import annotations

from oms import audit
from oms.db import Tx


def check_chain(tx: Tx) -> audit.ChainReport:
    """Verify the whole chain. That it was checked, by whom and with what result, is itself in the audit."""
    tx.actor.require("audit.view")
    report = audit.verify(tx.session)
    after = {"checked": report.checked, "unsealed": report.unsealed, "broken": report.broken}
    audit.record(tx, "audit.verified", "audit", report.broken, "", after=after, reason=report.why)
    return report
