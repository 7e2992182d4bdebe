"""Banks let nobody in without a certificate; ours is shown, theirs is checked."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oms import clock
from oms.banks.verifiers.port import Answer, ask
from oms.banks.verifiers.registry import open_verifier
from oms.errors import InvalidInput
from oms.payments.states import CheckOutcome
from tests.banks.play import IMPATIENT, SETTINGS, question, transfer
from views.sandbox.server import running
from views.sandbox.verifiers_banks import ScbSandbox


class Authority:
    """A small certificate authority."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cert = self._sign("authority", self.key, None)

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = clock.now()
        draft = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_cert_sign=issuer is None, crl_sign=issuer is None, key_encipherment=False,
                    content_commitment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                    decipher_only=False,
                ), critical=True,
            )
        )  # fmt: skip
        return draft.sign(self.key, hashes.SHA256())

    def issue(self, name: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(name, key, self.cert)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem(cert), private.decode()


def pem(cert: x509.Certificate) -> str:
    return cert.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def bank(authority, tmp_path: Path):
    cert, key = authority.issue("localhost")
    (tmp_path / "server.pem").write_text(cert + key)
    (tmp_path / "ca.pem").write_text(pem(authority.cert))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    tls.load_cert_chain(tmp_path / "server.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    sandbox = ScbSandbox()
    with running(sandbox, tls=tls) as url:
        yield sandbox, f"{url}{sandbox.root}"


def asked(bank, **more: str) -> Answer:
    sandbox, host = bank
    entry = sandbox.book.add(transfer())
    verifier = open_verifier("scb", host, SETTINGS["scb"] | more, IMPATIENT)
    try:
        return ask(verifier, question(entry))
    finally:
        verifier.close()


def test_our_certificate_opens_the_door(bank, authority):
    cert, key = authority.issue("shop")
    answer = asked(bank, certificate=cert, certificate_key=key, authority=pem(authority.cert))
    assert answer.outcome is CheckOutcome.FOUND


def test_without_a_certificate_nobody_gets_in(bank, authority):
    answer = asked(bank, authority=pem(authority.cert))
    assert (answer.outcome, answer.reached) == (CheckOutcome.UNAVAILABLE, False)
    assert not bank[0].book.calls


def test_a_server_that_nobody_vouches_for_is_not_told_our_secrets(bank, authority):
    cert, key = authority.issue("shop")
    answer = asked(bank, certificate=cert, certificate_key=key)
    assert (answer.outcome, answer.reached) == (CheckOutcome.UNAVAILABLE, False)
    assert not bank[0].book.calls


def test_a_certificate_with_the_wrong_key_is_refused_at_once(authority):
    cert, _ = authority.issue("shop")
    _, other = authority.issue("shop")
    for words in ({"certificate": cert, "certificate_key": other}, {"certificate": "nonsense", "certificate_key": ""}):
        with pytest.raises(InvalidInput) as refusal:
            open_verifier("scb", "https://localhost:1", SETTINGS["scb"] | words)
        assert refusal.value.field == "certificate"
    with pytest.raises(InvalidInput) as refusal:
        open_verifier("scb", "https://localhost:1", SETTINGS["scb"] | {"authority": "nonsense"})
    assert refusal.value.field == "authority"
