"""Where webhooks may go: the public internet, and whatever the owner of the installation allows by name."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oms import clock
from oms.errors import InvalidInput
from oms.net import outside
from oms.net.outside import check_url, is_public, resolved
from oms.net.silence import Silence
from oms.net.transport import Transport, secure


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::", "192.0.2.1", "not an address",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_public_internet_is_known(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "203.150.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_an_address_of_the_public_internet_is_known(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/x", "http://localhost/x", "https://127.0.0.1/x", "https://[::1]/x", "https://10.0.0.1:8443/",
        "https://[::ffff:10.0.0.1]/", "https://a.localhost/",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_when_it_is_entered(url):
    with pytest.raises(InvalidInput) as refused:
        check_url(url)
    assert refused.value.detail_code == "host_inside"


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://a.example/", "http://a.example/", "https://u:p@a.example/", "https://a.example/#x",
            "https://a.example/ x", "https://a.example:99999/"]
)  # fmt: skip
def test_what_is_no_address_of_a_receiver_is_refused(url):
    with pytest.raises(InvalidInput):
        check_url(url)


def test_a_name_that_leads_inside_is_refused_when_it_is_called(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("203.150.1.1", "10.0.0.5")]
    monkeypatch.setattr(outside.socket, "getaddrinfo", lambda *_a, **_k: found)
    with pytest.raises(InvalidInput) as refused:
        resolved("https://shop.example/hook")
    assert refused.value.detail_code == "host_inside"
    monkeypatch.setattr(outside.socket, "getaddrinfo", lambda *_a, **_k: found[:1])
    assert resolved("https://shop.example/hook") == "203.150.1.1"


def test_a_name_nobody_knows_is_silence(monkeypatch):
    def unknown(*_a, **_k):
        raise socket.gaierror

    monkeypatch.setattr(outside.socket, "getaddrinfo", unknown)
    with pytest.raises(Silence):
        resolved("https://shop.example/hook")


def test_what_the_installation_allows_by_name_is_called_by_name():
    assert resolved("https://erp.lan/hook", ("erp.lan",)) == ""
    assert resolved("http://127.0.0.1:9/hook", ("127.0.0.1",)) == ""


def _certificate(name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = clock.now()
    made = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


@pytest.fixture
def receiver(tmp_path):
    """(port, certificate, hosts asked for) of an https server that proves to be hook.example."""
    hosts: list[str] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hosts.append(self.headers["host"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    certificate, key = _certificate("hook.example")
    (tmp_path / "both.pem").write_text(certificate + key)
    server = HTTPServer(("127.0.0.1", 0), Door)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, certificate, hosts
    server.shutdown()
    server.server_close()


def test_a_pinned_call_goes_to_the_address_and_the_server_must_be_the_host(receiver):
    port, certificate, hosts = receiver
    good = Transport(f"https://hook.example:{port}", tls=secure(authority=certificate), pinned="127.0.0.1")
    assert good.send("POST", "/x", raw="{}").status == 204
    assert hosts == [f"hook.example:{port}"]
    good.close()
    other = Transport(f"https://other.example:{port}", tls=secure(authority=certificate), pinned="127.0.0.1")
    with pytest.raises(Silence):
        other.send("POST", "/x", raw="{}")
    other.close()
    assert len(hosts) == 1
