"""The sandbox command plays; the key command seals anew."""

from __future__ import annotations

import signal
import subprocess
import sys

import httpx

from tests.live import free_port


def test_the_sandbox_plays_every_verifier_and_carrier_until_it_is_stopped():
    port = free_port()
    command = [sys.executable, "-c", "from app import main; main()", "sandbox", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        played: dict[str, str] = {}
        while not (line := process.stdout.readline()).startswith("a transfer"):
            assert line, "the sandbox ended"
            name, address = line.split()[:2]
            played[name] = "/".join(address.split("/")[:4])
        banks = ["slipok", "easyslip", "slip2go", "scb", "kbank"]
        shops = [
            "shopee",
            "lazada",
            "tiktok",
            "line_shopping",
            "woocommerce",
            "shopify",
            "medusa",
            "vendure",
            "inbound",
        ]
        others = ["flash", "thaipost", "ninjavan", "shippop", "line", "thaibulksms", "smsmkt", "meta"]
        assert sorted(played) == sorted(banks + shops + others)
        parcels = httpx.get(f"{played['thaipost']}/_parcels", trust_env=False).json()["parcels"]
        assert [(p["number"], len(p["steps"])) for p in parcels] == [("ED852942182TH", 2)]
        for root in (played[name] for name in banks):
            books = httpx.get(f"{root}/_books", trust_env=False).json()
            assert [t["reference"] for t in books["transfers"]] == ["DEMO202611230001"]
        more = {"reference": "NEW1", "sending_bank": "004", "receiving_bank": "014", "amount": "5.25",
                "at": "2026-11-23T10:00:00+07:00"}  # fmt: skip
        httpx.post(f"{root}/_transfers", json=more, trust_env=False)
        httpx.post(f"{root}/_faults", json={"kind": "500"}, trust_env=False)
        assert len(httpx.get(f"{root}/_books", trust_env=False).json()["transfers"]) == 2
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()
