"""Notices and links by a real mail server: encrypted, with a password, down for a while, refusing one person."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from releases.models import Notification, PasswordLink
from releases.services import links, notices, requests
from synthportal.settings import environment
from tests.secure.conftest import World

# the server drops an encrypted connection without closing its socket; Python says so whenever it collects it
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


class Postbox:
    """What the server took, by recipient; `refuses`: an address it takes nothing for."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, Any, bool]] = []
        self.refuses = ""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address == self.refuses:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails += [(to, message_from_bytes(content, policy=default), session.ssl is not None) for to in envelope.rcpt_tos]
        return "250 taken"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine, signed by itself, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    named = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(named, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("mail") / "server.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def server(certificate: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[tuple[Postbox, Callable[[], None]]]:
    """The settings name a mail server that is not there yet: what it will hold, and what starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("SYNTHPORTAL_SECURE_MAIL", f"smtp://portal:s%40cret@localhost:{port}?tls=1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    told = environment.mail_server("SYNTHPORTAL_SECURE_MAIL")
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL")
    for name, value in zip(names, told, strict=True):
        setattr(settings, name, value)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    encrypted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encrypted.load_cert_chain(certificate)

    def checked(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        held = isinstance(given, LoginPassword) and (given.login, given.password) == (b"portal", b"s@cret")
        return AuthResult(success=held, handled=False)

    box = Postbox()
    controller = Controller(
        box, hostname="127.0.0.1", port=port, tls_context=encrypted, require_starttls=True, authenticator=checked, auth_required=True
    )
    started: list[bool] = []

    def start() -> None:
        controller.start()
        started.append(True)

    yield box, start
    if started:
        controller.stop()


@pytest.mark.promise("notice.11")
def test_a_mail_server_that_was_down_or_refuses_one_person_loses_no_notice(
    world: World, server: tuple[Postbox, Callable[[], None]], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    box, start = server
    Notification.objects.update(mail="mailed", mailed_at="2026-01-01T00:00:00Z")
    request = requests.submit(world.people.steward, world.ready)
    links.ask_for_link(world.people.steward.email)
    waiting = Notification.objects.filter(mail="waiting")
    assert waiting.count() == 2
    assert (notices.mail_waiting(), links.mail_links()) == (None, None)
    assert "notices wait since" in caplog.text
    start()
    settings.EMAIL_HOST_PASSWORD = "another"
    assert notices.mail_waiting() is None
    settings.EMAIL_HOST_PASSWORD = "s@cret"
    box.refuses = "ig@hospital.test"
    assert notices.mail_waiting() == 1
    assert [each.account.email for each in waiting] == ["ig@hospital.test"]
    box.refuses = ""
    assert (notices.mail_waiting(), links.mail_links()) == (1, 1)
    assert [to for to, _, _ in box.mails] == ["other_ig@hospital.test", "ig@hospital.test", "steward@hospital.test"]
    assert all(encrypted for _, _, encrypted in box.mails)
    _, message, _ = box.mails[0]
    assert message["Subject"] == f"To review: {request.title}"
    assert f"/requests/{request.pk}/review/" in message.get_content()
    assert "/link/" in box.mails[2][1].get_content()
    assert PasswordLink.objects.get(account=world.people.steward).digest
    assert list(waiting.values_list("account__email", "title")) == []


@pytest.mark.promise("notice.11")
def test_a_mail_server_whose_certificate_nobody_vouches_for_gets_no_mail(
    world: World, server: tuple[Postbox, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, start = server
    start()
    monkeypatch.delenv("SSL_CERT_FILE")
    requests.submit(world.people.steward, world.ready)
    assert notices.mail_waiting() is None
    assert box.mails == []
