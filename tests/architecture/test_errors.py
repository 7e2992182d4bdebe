"""One error tree, every code said once."""

from __future__ import annotations

import importlib

from oms.errors import OmsError
from tests.architecture.house import dotted, modules


def tree(kind: type[OmsError]) -> list[type[OmsError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]


def test_every_kind_of_refusal_has_a_code_of_its_own():
    for path in modules("oms", "jobs"):
        importlib.import_module(dotted(path))
    kinds = set(tree(OmsError))
    inherited = [k.__name__ for k in kinds if "code" not in vars(k)]
    codes = [k.code for k in kinds]
    assert not inherited, f"no code of their own: {inherited}"
    assert len(codes) == len(set(codes)), sorted(codes)
    assert all(code.isascii() and code == code.lower() and " " not in code for code in codes)
    assert all(400 <= k.http_status < 600 for k in kinds)
