"""The toy channel on stage."""

from __future__ import annotations

import pytest

from tests.channels.bazaar import bazaar_of


@pytest.fixture
def bazaar(committed, monkeypatch):
    yield from bazaar_of(committed, monkeypatch)
