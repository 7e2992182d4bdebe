"""Verifiers kept open in this process, so that connections and bank tokens serve many questions."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from threading import Lock

from oms.banks.verifiers.port import SlipVerifier
from oms.banks.verifiers.registry import open_verifier


class Kept:
    """One verifier per set of settings; changed settings or a forked process make another."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[int, tuple[str, SlipVerifier]] = {}

    def get(self, account_id: int, code: str, host: str, settings: Mapping[str, str]) -> SlipVerifier:
        """The verifier of an account. Raises InvalidInput like ``open_verifier``."""
        facts = json.dumps([os.getpid(), code, host, sorted(settings.items())])
        mark = hashlib.sha256(facts.encode()).hexdigest()
        with self._lock:
            kept = self._open.get(account_id)
            if kept is not None and kept[0] == mark:
                return kept[1]
            made = open_verifier(code, host, settings)
            self._open[account_id] = (mark, made)
        if kept is not None:
            kept[1].close()
        return made

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            for _, verifier in self._open.values():
                verifier.close()
            self._open.clear()
