"""Hypothesis profiles: ``ci`` is short and repeats itself; ``deep`` (make chaos) draws anew every time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("ci", max_examples=10, stateful_step_count=25, derandomize=True, **COMMON)
settings.register_profile(
    "deep", max_examples=int(os.environ.get("RUAM_EXAMPLES", "600")), stateful_step_count=60, **COMMON
)
settings.load_profile(os.environ.get("RUAM_PROFILE", "ci"))
