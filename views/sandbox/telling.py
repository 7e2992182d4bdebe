"""How a simulator tells the panel something: one client for the process, which costs no certificates at every word."""

from __future__ import annotations

from functools import cache

import httpx


@cache
def teller() -> httpx.Client:
    """Safe for several threads. Each word goes over a connection of its own, as the panel may have restarted."""
    return httpx.Client(timeout=10, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
