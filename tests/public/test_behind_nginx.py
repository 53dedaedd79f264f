"""The public site as docs/deploy describes it: two catalogue processes behind nginx, which sends the files itself."""

from __future__ import annotations

import os
import shutil
import signal
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
OF_PAGES = (
    *("content-security-policy", "permissions-policy", "referrer-policy", "x-frame-options", "cross-origin-opener-policy"),
    *("vary", "strict-transport-security"),
)
"""Headers that say something of pages, in lower case."""
DATA = "/datasets/ed-visits/v1/files/data/visits.csv"


@dataclass(frozen=True)
class Behind:
    """port: nginx's, with HTTPS; catalogues: the processes behind it, direct: the port of the first; certificate: what a visitor trusts."""

    port: int
    catalogues: tuple[subprocess.Popen[bytes], ...]
    folder: Path
    direct: int
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


def lower(headers: Message) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


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
        "SYNTHPORTAL_PUBLIC_FETCHED_LOG": str(folder / "fetched.log"),
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
        ("/var/log/nginx/synthportal-fetched.log", f"{folder}/fetched.log"),
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
    # Each with its workers in a group of its own, so that one can die whole, as systemd kills it.
    alone = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    catalogues = tuple(
        subprocess.Popen(
            [sys.executable, *web, "--port", str(port), "synthportal.wsgi_public:application"], cwd=ROOT, env=environment, **alone
        )
        for port in ports[:2]
    )
    nginx = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stdout=subprocess.DEVNULL)
    found = Behind(ports[2], catalogues, folder, ports[0], pem, publisher, environment)
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
    status, headers, whole = behind.get(DATA, If_Unmodified_Since="Sun, 22 Nov 2099 00:00:00 GMT")  # so that the catalogue is asked
    assert headers["Access-Control-Allow-Origin"] == "*"
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
@pytest.mark.promise("outgrown.10")
def test_open_files_are_sent_by_nginx_alone_under_the_same_headers_until_they_may_not_be(behind: Behind) -> None:
    behind.publisher.publish(slug="by-itself", rows=2000)
    behind.publisher.publish(slug="guarded", access_level="safeguarded", licence="EUL-1.0")
    tree, log = behind.folder / "var/public/store/open", behind.folder / "fetched.log"
    older = tree / "tree/datasets/by-itself/v1", tree / "until/1234567"
    for folder in older:
        folder.mkdir(parents=True)
    behind.ingest()
    assert not any(folder.exists() for folder in older), "what an earlier program had laid out otherwise"

    def by_itself(path: str) -> bool:
        """Whether nginx sends it without asking: then it writes it down."""
        before = log.stat().st_size
        assert behind.get(path)[0] == 200
        return log.stat().st_size > before

    assert not list(tree.glob("tree/guarded*")), "safeguarded files are never in the tree"
    sent = set()
    for kind in ("csv", "parquet"):
        path = f"/datasets/by-itself/v1/files/data/visits.{kind}"
        asked = urllib.request.Request(
            f"http://127.0.0.1:{behind.direct}{path}", method="HEAD", headers={"Host": "localhost", "X-Forwarded-Proto": "https"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
            by_the_catalogue = lower(answer.headers)
        status, headers, whole = behind.get(path)
        by_nginx = lower(headers)
        same = {name: value for name, value in by_the_catalogue.items() if name not in ("server", "date", "connection", *OF_PAGES)}
        assert {name: by_nginx.get(name) for name in same} == same, "as the catalogue says"
        sent.add(by_nginx["etag"].strip('"'))
        assert by_itself(path), "the catalogue was not asked"
        status, headers, part = behind.get(path, Range="bytes=10-29")
        assert (status, part, headers["Content-Range"], headers["ETag"]) == (
            206,
            whole[10:30],
            f"bytes 10-29/{len(whole)}",
            by_nginx["etag"],
        )
        assert behind.get(path, If_None_Match=by_nginx["etag"])[0] == 304
        assert behind.get(path, Range="bytes=100-", If_Range='"another"')[0] == 200
        assert behind.get(path, Range=f"bytes=0-{len(whole) - 1}")[2] == whole
        assert behind.get(path, User_Agent="a-robot; bot")[0] == 200
    assert [
        behind.get(f"/datasets/by-itself/v1/files/data/{name}")[0] for name in ("content.csv", "visits.csv/content.csv", "..%2fvisits.csv")
    ] == [404] * 3

    behind.ingest()
    page = behind.get("/datasets/by-itself/")[2].decode()
    assert "Downloaded 8 times" in page, "of each file three whole ones by nginx and one by the catalogue; not parts, nor robots"
    assert "127.0.0.1" not in log.read_text()

    about = feed.latest_about(behind.publisher.lake, "by-itself", 1)
    assert about is not None
    path = "/datasets/by-itself/v1/files/data/visits.csv"
    feed.announce(
        behind.publisher.lake, behind.publisher.signer, NoticeKind.SUSPENDED, about=about, at=datetime.now(UTC), reason="Looked into."
    )
    behind.ingest()
    assert behind.get(path)[0] == 403
    assert not list(tree.glob("tree/by-itself*"))
    feed.announce(
        behind.publisher.lake, behind.publisher.signer, NoticeKind.PUBLISHED, about=about, at=datetime.now(UTC), reason="Nothing."
    )
    behind.ingest()
    assert by_itself(path)
    for name in tree.glob("[0-9]*"):
        name.unlink()  # as when the publisher is not heard for too long
    assert not by_itself(path), "then the catalogue is asked, which knows"
    behind.ingest()
    assert by_itself(path)
    feed.announce(
        behind.publisher.lake, behind.publisher.signer, NoticeKind.WITHDRAWN, about=about, at=datetime.now(UTC), reason="A mistake."
    )
    behind.ingest()
    assert behind.get(path)[0] == 410
    assert len(sent) == 2
    assert not sent & {each.name for each in (tree / "contents").iterdir()}, "nothing of it is left"


@pytest.mark.slow
@pytest.mark.promise("outgrown.7")
def test_several_catalogue_processes_serve_one_site_and_one_that_dies_is_not_missed(behind: Behind) -> None:
    zip_bytes = {behind.get("/datasets/ed-visits/v1/capsule.zip")[2] for _ in range(4)}
    assert len(zip_bytes) == 1, "the same bytes, whichever process answers"
    os.killpg(behind.catalogues[0].pid, signal.SIGKILL)
    behind.catalogues[0].wait(20)
    assert [behind.get("/datasets/")[0] for _ in range(6)] == [200] * 6
    assert behind.get(DATA)[0] == 200
