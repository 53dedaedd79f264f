"""The public site as docs/deploy describes it: two catalogue processes behind nginx, which sends the files itself."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from releases.capsule import feed
from releases.capsule.feed import NoticeKind
from releases.capsule.signing import pin
from tests.capsule.world import Publisher
from tests.public.running import ROOT, free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
DATA = "/datasets/ed-visits/v1/files/data/visits.csv"


@dataclass(frozen=True)
class Behind:
    """port: nginx's, with HTTPS; catalogues: the processes behind it; certificate: what a visitor trusts."""

    port: int
    catalogues: tuple[subprocess.Popen[bytes], ...]
    certificate: Path
    publisher: Publisher
    environment: dict[str, str]

    def get(self, path: str, **headers: str) -> tuple[int, Message, bytes]:
        trusting = ssl.create_default_context(cafile=str(self.certificate))
        request = urllib.request.Request(
            f"https://localhost:{self.port}{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=20, context=trusting) as answer:  # noqa: S310
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def ingest(self) -> None:
        subprocess.run([sys.executable, "manage.py", "ingest"], cwd=ROOT, env=self.environment, check=True, timeout=60, capture_output=True)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost that only this test trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    )
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    signed = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    (folder / "site.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "site.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder / "site.pem", folder / "site.key"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("behind")
    publisher = Publisher.new(folder)
    publisher.publish(rows=3000)
    var = folder / "var"
    pin(publisher.signer.public_pem(), var / "public/keys")
    environment = {
        "PATH": os.environ["PATH"],
        "SYNTHPORTAL_VAR": str(var),
        "SYNTHPORTAL_LAKE": str(publisher.lake),
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.public",
        "SYNTHPORTAL_PUBLIC_ACCEL": "/stored/",
        "SYNTHPORTAL_PUBLIC_PROXIES": "1",
        "SYNTHPORTAL_HTTPS": "1",
        "PYTHONWARNINGS": "error",
    }
    for command in (["migrate", "-v0"], ["ingest"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    ports = [free_port() for _ in range(4)]
    pem, key = certificate(folder)
    said = (ROOT / "docs/deploy/nginx-public.conf").read_text()
    for written, here in (
        ("127.0.0.1:8011", f"127.0.0.1:{ports[0]}"),
        ("127.0.0.1:8012", f"127.0.0.1:{ports[1]}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{ports[2]} ssl"),
        ("listen 80;", f"listen 127.0.0.1:{ports[3]};"),
        ("server_name data.trust.example", "server_name localhost"),
        ("/etc/ssl/data.trust.example.pem", str(pem)),
        ("/etc/ssl/private/data.trust.example.key", str(key)),
        ("/srv/synthportal/public/store/", f"{var}/public/store/"),
    ):
        assert written in said
        said = said.replace(written, here)
    places = " ".join(f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "site.conf").write_text(said)
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/nginx.pid; daemon off; error_log {folder}/error.log; events {{}}\n"
        f"http {{ {places} include {folder}/site.conf; }}"
    )
    web = ["-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    catalogues = tuple(
        subprocess.Popen(
            [sys.executable, *web, "--port", str(port), "synthportal.wsgi_public:application"], cwd=ROOT, env=environment, **quiet
        )
        for port in ports[:2]
    )
    nginx = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stdout=subprocess.DEVNULL)
    found = Behind(ports[2], catalogues, pem, publisher, environment)
    deadline = time.monotonic() + 60
    while True:
        try:
            if found.get("/")[0] == 200:
                break
        except OSError:
            pass
        assert time.monotonic() < deadline, (folder / "error.log").read_text()
        time.sleep(0.3)
    yield found
    for process in (nginx, *catalogues):
        process.terminate()
        process.wait(20)


@pytest.mark.slow
@pytest.mark.promise("outgrown.6")
def test_nginx_sends_the_files_and_each_answer_is_what_the_catalogue_would_say(behind: Behind) -> None:
    status, headers, whole = behind.get(DATA)
    assert (status, whole.count(b"\n")) == (200, 3001)
    assert headers["Server"].startswith("nginx")
    assert "X-Accel-Redirect" not in headers
    assert headers["Cache-Control"].endswith("immutable")
    assert headers["Content-Disposition"].startswith("attachment")
    etag = headers["ETag"]
    assert len(etag) == 66, "the SHA-256 of the file, not nginx's own mark"
    status, headers, part = behind.get(DATA, Range="bytes=10-29")
    assert (status, part, headers["Content-Range"]) == (206, whole[10:30], f"bytes 10-29/{len(whole)}")
    assert behind.get(DATA, Range="bytes=-5")[2] == whole[-5:]
    assert behind.get(DATA, Range=f"bytes={len(whole)}-")[0] == 416
    assert behind.get(DATA, If_None_Match=etag)[0] == 304
    resumed = behind.get(DATA, Range="bytes=100-", If_Range=etag)
    assert (resumed[0], resumed[2]) == (206, whole[100:])
    for hostile in ("bytes=0-10,5-20", "bytes=" + ",".join(f"{n}-{n}" for n in range(1000))):
        status, headers, sent = behind.get(DATA, Range=hostile)
        assert (status, len(sent)) == (200, len(whole)), "several ranges get the whole, once"


@pytest.mark.slow
@pytest.mark.promise("outgrown.6")
def test_the_store_is_not_reached_past_the_catalogue(behind: Behind) -> None:
    sha256 = behind.get(DATA)[1]["ETag"].strip('"')
    for path in (f"/stored/sha256/{sha256[:2]}/{sha256}", "/stored/", "/stored/../db.sqlite3", "/stored/..%2fdb.sqlite3"):
        assert behind.get(path)[0] in (400, 404), path
    behind.publisher.publish(slug="stopped")
    behind.ingest()
    path = "/datasets/stopped/v1/files/data/visits.csv"
    assert behind.get(path)[0] == 200
    about = feed.latest_about(behind.publisher.lake, "stopped", 1)
    assert about is not None
    feed.announce(
        behind.publisher.lake, behind.publisher.signer, NoticeKind.SUSPENDED, about=about, at=datetime.now(UTC), reason="Looked into."
    )
    behind.ingest()
    assert behind.get(path)[0] == 403


@pytest.mark.slow
@pytest.mark.promise("outgrown.7")
def test_several_catalogue_processes_serve_one_site_and_one_that_dies_is_not_missed(behind: Behind) -> None:
    zip_bytes = {behind.get("/datasets/ed-visits/v1/capsule.zip")[2] for _ in range(4)}
    assert len(zip_bytes) == 1, "the same bytes, whichever process answers"
    behind.catalogues[0].kill()
    behind.catalogues[0].wait(20)
    assert [behind.get("/datasets/")[0] for _ in range(6)] == [200] * 6
    assert behind.get(DATA)[0] == 200
