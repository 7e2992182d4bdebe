"""The demo's remote warehouse as a program: calls by itself, outlives a line that is down, shows its page, ends at once."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request

import pytest

from tests.live import free_port
from views.sandbox import demo_site


@pytest.fixture
def folder(tmp_path):
    keys = {"site": "hdy", "secret": "s", "token": "t", "port": free_port()}
    (tmp_path / demo_site.KEYS).write_text(json.dumps(keys))
    site, _ = demo_site.opened(tmp_path)
    site.opening({"RU-0001": 5}, {"RU-0001": 1})
    site.close()
    return tmp_path


def test_it_calls_again_and_again_while_nobody_answers_and_ends_when_told(folder, capsys):
    stop = threading.Event()
    nobody = f"http://127.0.0.1:{free_port()}"
    runs = threading.Thread(target=demo_site.serve, args=(folder, nobody, stop, 0.05))
    runs.start()
    port = json.loads((folder / demo_site.KEYS).read_text())["port"]
    books = json.loads(_read(f"http://127.0.0.1:{port}/_books"))
    assert books["stock"] == {"RU-0001": {"on_hand": 5, "damaged": 1}}
    foreign = urllib.request.Request(
        f"http://127.0.0.1:{port}/", data=b"sync=1", headers={"Origin": "https://evil.example"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(foreign, timeout=5)
    assert refused.value.code == 403
    refused.value.close()
    stop.set()
    runs.join(5)
    assert not runs.is_alive()
    assert "no exchange" in capsys.readouterr().out


def test_where_no_site_is_linked_nothing_runs(tmp_path):
    with pytest.raises(FileNotFoundError):
        demo_site.opened(tmp_path)


def _read(url: str) -> bytes:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read()
        except urllib.error.URLError:
            threading.Event().wait(0.05)
    raise AssertionError("the page never came up")
