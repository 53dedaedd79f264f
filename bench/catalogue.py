"""The public catalogue with ten thousand releases: how fast it takes them in, and how fast two processes serve them.

    python bench/catalogue.py [--releases 10000] [--seconds 5] [--keep FOLDER]

Makes small signed capsules, a table of 8 to 24 columns each, in a lake of its own; takes them in with `manage.py ingest` as deployed, the
disk waited for; starts the site as `synthportal serve` starts it, with two processes; and drives it with wrk (Debian: wrk, nginx) from
this machine, 127.0.0.1 only. A row of a Markdown table each: requests a second, 95th percentile, the server's processor time for one
answer, and two ratios, by requests and by processor time: to a view that answers "ok" on the same server with the same middleware, or of
files to nginx sending the same file. On a busy machine the second ratio is the one to look at. wrk uses the same cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from releases.capsule import feed, files  # noqa: E402
from releases.capsule import publish as publishing  # noqa: E402
from releases.capsule.build import CapsuleTable, build  # noqa: E402
from releases.capsule.signing import Signer, create_key, pin  # noqa: E402
from synthportal.one_machine import OneMachine  # noqa: E402
from tests.capsule.world import REPORT, SUMMARY, attestation, description  # noqa: E402

SUBJECTS = "emergency care,diabetes,surgery,pathology,imaging,maternity,cardiology,oncology,primary care,critical care,mental health,stroke"
WORDS = (
    "visit admission discharge ward bed blood pressure heart rate glucose HbA1c creatinine sodium potassium haemoglobin oxygen triage "
    "arrival time diagnosis procedure operation anaesthetic drug dose weight height age sex ethnicity postcode referral clinic appointment "
    "scan result culture specimen infection sepsis asthma fracture stroke tumour stage survival pregnancy birth allergy smoker frailty"
).split()
ROWS_OF_LARGE = 400_000
RANGE = 64 * 1024
OFTEN = 40
FIRST = "dataset page, each for the first time"
WARM = 8
"""Seconds in which both processes come to keep what is read often."""


@dataclass(frozen=True)
class Measured:
    """What wrk told: requests a second, 95th percentile in ms, answers that were not 2xx; and the server's processor ms for each."""

    requests: float
    p95: float
    refused: int
    processor: float


def seconds(who: int) -> float:
    """Processor seconds of this process or of those it waited for."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def make_lake(lake: Path, work: Path, signer: Signer, count: int) -> None:
    """Publish `count` capsules and one with a large file. Only here the disk is not waited for, nor the feed searched for every one."""
    quick = {name: (lambda *_: None) for name in ("sync_folder", "sync_tree")}
    for name, nothing in quick.items():
        setattr(files, name, nothing)
    os.fsync = lambda _: None  # type: ignore[assignment]
    feed.latest_about = lambda *_: None  # type: ignore[assignment]
    head: list[tuple[int, str]] = [(0, feed.GENESIS)]
    real_append = feed.append

    def append(*args: Any, **named: Any) -> feed.Notice:
        notice = real_append(*args, **named)
        head[0] = (notice.sequence, notice.digest)
        return notice

    beat = feed.heartbeat
    feed.append, feed.head, feed.heartbeat = append, lambda _: head[0], lambda *_: None  # type: ignore[assignment, return-value]
    chance = random.Random(1)  # noqa: S311 - made-up names
    for number in range(count):
        publishing.publish(capsule(work / f"{number}", chance, number, 20), lake, signer, attestation())
        shutil.rmtree(work / f"{number}")
    publishing.publish(capsule(work / "large", chance, count, ROWS_OF_LARGE), lake, signer, attestation())
    beat(lake, signer)


def capsule(folder: Path, chance: random.Random, number: int, rows: int) -> Path:
    """One small capsule: its title, columns and codes drawn from words of the field."""
    names = sorted({"_".join(chance.sample(WORDS, 2)) for _ in range(chance.randint(8, 24))})
    schema = {
        "tables": [
            {
                "name": "visits",
                "columns": [
                    {
                        "name": name,
                        "kind": "categorical",
                        "storage": "string",
                        "description": f"The {chance.choice(WORDS)} of the {chance.choice(WORDS)}",
                        "codes": [f"{chance.choice('ABCDEIJKN')}{chance.randint(0, 99):02}.{chance.randint(0, 9)}" for _ in range(4)],
                    }
                    for name in names
                ],
            }
        ]
    }
    folder.mkdir(parents=True)
    table = pa.table({name: [f"{chance.getrandbits(40):x}" for _ in range(rows)] for name in names[: 4 if rows > 1_000 else None]})
    pq.write_table(table, folder / "visits.parquet", compression="none")
    (folder / "visits.csv").write_text(f"{','.join(names)}\n")
    said = description(
        slug=f"release-{number:05}",
        title=f"{' '.join(chance.sample(WORDS, 3)).capitalize()} {number}",
        description=f"About {' '.join(chance.choice(WORDS) for _ in range(25))}.",
        subject=chance.choice(SUBJECTS.split(",")).capitalize(),
        organisation=f"Trust {chance.randint(1, 15)}",
        data_model=chance.choice(["", "", "OMOP CDM 5.4"]),
        purpose=chance.choice(["training", "code development", "discovery"]),
        rows=rows,
    )
    parts = [CapsuleTable("visits", folder / "visits.parquet", folder / "visits.csv", rows)]
    build(
        folder / "capsule",
        said,
        tables=parts,
        schema=schema,
        report_json=json.dumps(REPORT),
        report_html="<!doctype html><title>Report</title>",
        summary=json.dumps(SUMMARY),
    )
    return folder / "capsule"


def command(environment: Mapping[str, str], *arguments: str) -> None:
    """One of Django's commands on the public site; stops here when it fails."""
    done = subprocess.run([sys.executable, "-m", "django", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed")


def processor(pid: int) -> float:
    """Processor seconds of a process and those below it, so far."""
    ticks = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(processor, map(int, below)))


@contextmanager
def running(arguments: Sequence[str], environment: Mapping[str, str], port: int, path: str) -> Iterator[int]:
    """A server for as long as the block lasts, once it answers: its process."""
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                if process.poll() is not None:
                    raise SystemExit(f"{arguments[0]} ended at once")
                try:
                    connection = HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("GET", path, headers={"Host": "localhost"})
                    connection.getresponse().read()
                    break
                except OSError:
                    time.sleep(0.2)
            yield process.pid
        finally:
            process.terminate()


def granian(port: int, application: str) -> list[str]:
    """As `synthportal serve` starts it, with two processes."""
    serve = OneMachine(Path("/"), public_port=port)._web("public", port)
    serve[serve.index("--workers") + 1] = "2"
    return [*serve[:-1], application]


def driven(folder: Path, server: int, port: int, paths: Sequence[str], length: int, headers: Mapping[str, str] | None = None) -> Measured:
    """wrk over `paths` in turn, four connections on one thread, after it has warmed up."""
    lines = "\n".join(json.dumps(path) + "," for path in paths)
    said = "\n".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in {"Host": "localhost", **(headers or {})}.items())
    script = folder / "paths.lua"
    script.write_text(
        f"local paths = {{{lines}}}\nlocal at = 0\n{said}\n"
        "function request() at = at % #paths + 1; return wrk.format(nil, paths[at]) end\n"
        "function done(summary, latency, requests)\n"
        "  print(string.format('P95 %.3f', latency:percentile(95) / 1000))\n"
        "  local errors = summary.errors\n"
        "  print(string.format('REFUSED %d', errors.status + errors.connect + errors.read + errors.timeout))\n"
        "end\n"
    )
    wrk = ["wrk", "-t1", "-c4", "-s", str(script), f"http://127.0.0.1:{port}"]
    subprocess.run([*wrk[:3], f"-d{WARM if len(paths) <= OFTEN else 1}s", *wrk[3:]], check=True, capture_output=True)
    before = processor(server)
    told = subprocess.run([*wrk[:3], f"-d{length}s", *wrk[3:]], check=True, capture_output=True, text=True).stdout
    used = processor(server) - before
    patterns = (r"Requests/sec:\s+([\d.]+)", r"P95 ([\d.]+)", r"REFUSED (\d+)", r"(\d+) requests in")
    rate, p95, refused, answers = (float(match[1]) if (match := re.search(pattern, told)) else 0.0 for pattern in patterns)
    return Measured(rate, p95, int(refused), 1000 * used / max(answers, 1))


def searches(chance: random.Random, count: int) -> list[str]:
    """Different searches: one to three words, whole or begun, as people type them."""
    found = []
    for _ in range(count):
        words = [word[: chance.randint(3, 12)] for word in chance.sample(WORDS, chance.randint(1, 3))]
        found.append(f"/datasets/?q={quote_plus(' '.join(words))}")
    return found


def facets(chance: random.Random, count: int) -> list[str]:
    """Different narrowed lists."""
    found = []
    for _ in range(count):
        subjects = "&".join(f"subject={quote_plus(each.capitalize())}" for each in chance.sample(SUBJECTS.split(","), chance.randint(1, 3)))
        found.append(f"/datasets/?{subjects}&organisation=Trust+{chance.randint(1, 15)}&page={chance.randint(1, 3)}")
    return found


def line(name: str, measured: Measured, reference: Measured | None) -> None:
    """One row of the table."""
    by_requests = f"{measured.requests / reference.requests:.2f}" if reference else ""
    by_processor = f"{reference.processor / measured.processor:.2f}" if reference and measured.processor else ""
    refused = f" ({measured.refused} refused)" if measured.refused else ""
    shown = (
        f"{measured.requests:,.0f}{refused}",
        f"{measured.p95:.1f}",
        f"{measured.processor:.2f}" if measured.processor else "–",
        by_requests,
        by_processor,
    )
    print(f"| {name} | {' | '.join(shown)} |", flush=True)


def measure(folder: Path, machine: OneMachine, environment: dict[str, str], count: int, length: int) -> None:
    """Start the servers and print the table."""
    bare, nginx = machine.public_port + 1, machine.public_port + 2
    (folder / "bare_settings.py").write_text("from synthportal.settings.public import *\nROOT_URLCONF = 'bare_urls'\n")
    (folder / "bare_urls.py").write_text(
        "from django.http import HttpResponse\nfrom django.urls import path\nurlpatterns = [path('', lambda request: HttpResponse('ok'))]\n"
    )
    (folder / "bare.py").write_text("from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n")
    place = f"/datasets/release-{count:05}/v1/files/data/visits.parquet"
    stored = max((machine.var / "public" / "store" / "sha256").rglob("*"), key=lambda each: each.stat().st_size if each.is_file() else 0)
    (folder / "nginx.conf").write_text(
        f"user root;\nworker_processes 2;\npid {folder}/nginx.pid;\nerror_log stderr crit;\nevents {{}}\n"
        "http { access_log off; sendfile on;\n"
        f"server {{ listen 127.0.0.1:{nginx}; location = /file {{ alias {stored}; }} }} }}\n"
    )
    chance = random.Random(2)  # noqa: S311
    pages = [f"/datasets/release-{number:05}/" for number in range(count)]
    port, part = machine.public_port, {"Range": f"bytes=100000-{100000 + RANGE - 1}"}
    other = {**environment, "DJANGO_SETTINGS_MODULE": "bare_settings", "PYTHONPATH": f"{ROOT}:{folder}"}
    print("| what | requests/s | p95 ms | processor ms | ratio, requests | ratio, processor |\n|---|---|---|---|---|---|")
    with ExitStack() as servers:
        server = servers.enter_context(running(granian(bare, "bare:application"), other, bare, "/"))
        reference = driven(folder, server, bare, ["/"], length)
        line("bare view", reference, None)
    with ExitStack() as servers:
        server = servers.enter_context(running(granian(port, "synthportal.wsgi_public:application"), environment, port, "/"))
        asked = {
            "home": ["/"],
            FIRST: pages,
            f"dataset page, {OFTEN} that are read often": pages[:OFTEN],
            "search, each for the first time": searches(chance, 20_000),
            f"search, {OFTEN} that are asked often": searches(chance, OFTEN),
            "filters, each for the first time": facets(chance, 20_000),
            "interface: search": [address.replace("/datasets/", "/api/v1/releases") for address in searches(chance, 1_000)],
            "interface: one release": [f"/api/v1{page.replace('datasets', 'releases')[:-1]}" for page in pages[:1_000]],
        }
        for name, paths in asked.items():
            line(name, driven(folder, server, port, paths, length), reference)
            if name == FIRST:
                # Made ready for the address of the site alone: by another it is made while it is asked for.
                line("dataset page, not made ready", driven(folder, server, port, pages, length, {"Host": "127.0.0.1"}), reference)
        served = {name: driven(folder, server, port, [place], length, said) for name, said in (("part", part), ("whole", {}))}
    with ExitStack() as servers:
        server = servers.enter_context(
            running(["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"], dict(os.environ), nginx, "/file")
        )
        direct = {name: driven(folder, server, nginx, ["/file"], length, said) for name, said in (("part", part), ("whole", {}))}
    front, behind = machine.public_port + 3, machine.public_port + 4
    (folder / "front.conf").write_text(
        f"user root;\nworker_processes 2;\npid {folder}/front.pid;\nerror_log stderr crit;\nevents {{}}\n"
        f"http {{ access_log off;\n{as_shipped(front, behind, machine.var)} }}\n"
    )
    with ExitStack() as servers:
        sends = {**environment, "SYNTHPORTAL_PUBLIC_ACCEL": "/stored/"}
        servers.enter_context(running(granian(behind, "synthportal.wsgi_public:application"), sends, behind, "/"))
        proxy = servers.enter_context(
            running(["nginx", "-c", str(folder / "front.conf"), "-g", "daemon off;"], dict(os.environ), front, "/")
        )
        shipped = {name: driven(folder, proxy, front, [place], length, said) for name, said in (("part", part), ("whole", {}))}
    for name, words in (("part", "64 KiB of a file"), ("whole", f"a file of {stored.stat().st_size / 1e6:.0f} MB")):
        line(f"{words}, nginx alone", direct[name], None)
        line(f"{words}, by nginx as docs/deploy has it", shipped[name], direct[name])
        line(f"{words}, by our process", served[name], direct[name])


def as_shipped(port: int, behind: int, var: Path) -> str:
    """docs/deploy/nginx-public.conf for this machine: without HTTPS, as nginx alone has none either here."""
    said = (ROOT / "docs/deploy/nginx-public.conf").read_text()
    for written, here in (
        ("server 127.0.0.1:8011;", f"server 127.0.0.1:{behind};"),
        ("    server 127.0.0.1:8012;\n", ""),
        ("listen 443 ssl http2", f"listen 127.0.0.1:{port}"),
        ("listen 80;", f"listen 127.0.0.1:{port + 2};"),
        ("server_name data.trust.example", "server_name localhost"),
        ("/srv/synthportal/public/store/", f"{var}/public/store/"),
        ("/var/log/nginx/synthportal-fetched.log", f"{var}/fetched.log"),
    ):
        if written not in said:
            raise SystemExit(f"docs/deploy/nginx-public.conf no longer says: {written}")
        said = said.replace(written, here)
    return re.sub(r"^ *ssl_.*\n", "", said, flags=re.MULTILINE)


def main() -> None:
    """Read the command line, make, take in, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--port", type=int, default=8701)
    parser.add_argument("--keep", type=Path, help="a folder that is made, or taken as an earlier run left it")
    arguments = parser.parse_args()
    if absent := [name for name in ("wrk", "nginx") if shutil.which(name) is None]:
        raise SystemExit(f"missing: {' '.join(absent)}; install with: sudo apt-get install {' '.join(absent)}")
    with tempfile.TemporaryDirectory(prefix="bench-catalogue-") as temporary:
        folder = arguments.keep or Path(temporary)
        machine = OneMachine(folder / "var", public_port=arguments.port)
        environment = machine.environment("public", "bench") | {
            "SYNTHPORTAL_PUBLIC_RATE": "100000000",
            "SYNTHPORTAL_PUBLIC_URL": "http://localhost",
            "SYNTHPORTAL_PUBLIC_FETCHED_LOG": str(folder / "var" / "fetched.log"),
            # Nobody publishes while this runs, so nobody says that there is nothing new.
            "SYNTHPORTAL_PUBLIC_STALE_AFTER": "100000000",
            "SYNTHPORTAL_PUBLIC_REFUSE_AFTER": "100000000",
        }
        if not (folder / "var").exists():
            create_key(folder / "key")
            pin((folder / "key" / "signing.pub").read_bytes(), folder / "var" / "public" / "keys")
            child = os.fork()  # making capsules does not wait for the disk: in a process of its own
            if child == 0:
                make_lake(folder / "var" / "lake", folder / "work", Signer.load(folder / "key" / "signing.key"), arguments.releases)
                os._exit(0)
            if os.waitpid(child, 0)[1]:
                raise SystemExit("the capsules could not be made")
            os.sync()
            command(environment, "migrate", "--verbosity", "0")
            command(environment, "collectstatic", "--noinput", "--verbosity", "0")
            for name, what in (("ingest", "Taken in"), ("make_pages_ready", "Pages made ready")):
                began, used = time.monotonic(), seconds(resource.RUSAGE_CHILDREN)
                command(environment, name)
                took, used = time.monotonic() - began, seconds(resource.RUSAGE_CHILDREN) - used
                rate = f"{arguments.releases / took:.0f} a second"
                print(f"{what}: {arguments.releases + 1:,} in {took:.0f} s ({used:.0f} s of processor): {rate}\n", flush=True)
        else:
            command(environment, "ingest")
        measure(folder, machine, environment, arguments.releases, arguments.seconds)


if __name__ == "__main__":
    main()
