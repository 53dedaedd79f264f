"""The whole path and every way it fails, walked with a table of canaries; whatever was said on the way is kept to be searched."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver, reverse

from generators.schema import DatasetSchema, Kind, Role
from releases import files, permissions, visibility
from releases.capsule.signing import PRIVATE_KEY, create_key, pin
from releases.models import (
    Account,
    Drill,
    PolicyRecord,
    ReleaseRequest,
    Run,
    Snapshot,
    SourceDataset,
    StandingApproval,
    SummaryRecord,
    SyntheticVersion,
    TrainedModel,
)
from releases.services import drills, reaudits, requests, runs, sources, summaries
from tests.secure import world as build
from tests.secure.canary.canaries import IDENTIFIERS, ORDINARY, VALUES, CanaryTable
from tests.secure.world import People

FILE_NAME = "fyvuxaqomizeko.csv"
"""What the steward's computer calls the file: a name, perhaps. It stays inside the zone."""

STEWARDS_KINDS = {
    "reference": Kind.CATEGORICAL,
    "clock": Kind.CATEGORICAL,
    "complaint": Kind.FREE_TEXT,
    "accession": Kind.INTEGER,
}
"""What the steward makes of columns that were taken for identifiers: then they go down the whole path."""

READERS = ("steward", "ig", "auditor", "administrator")

SENT_ONLY = frozenset({"sign-out", "choose-version", "retry-run", "verify-audit", "account-roles", "reaudit", "end-drill", "read-notice"})
"""Addresses that nothing can be read at."""


@dataclass
class Road:
    """One journey. `said`: (where, what) of all that programs printed; `pages`: of all that the secure site answered.

    folder: the test's own; environment: of the programs it starts.
    """

    people: People
    table: CanaryTable
    folder: Path
    environment: dict[str, str]
    said: list[tuple[str, bytes]] = field(default_factory=list)
    pages: list[tuple[str, bytes]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _worker: subprocess.Popen[bytes] | None = None

    # Processes

    def start_worker(self) -> None:
        with (self.folder / "worker.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "tests.secure.canary.faulty_worker", str(self.folder)],
                env=self.environment,
                cwd=settings.BASE_DIR,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop_worker(self) -> None:
        if self._worker is not None:
            try:
                os.killpg(self._worker.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._worker.wait(20)

    def program(self, name: str, *command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end and keep what it printed."""
        done = subprocess.run(
            [sys.executable, *command],
            env=self.environment | environment,
            cwd=settings.BASE_DIR,
            capture_output=True,
            timeout=120,
            check=False,
        )
        self.said += [(f"{name}, output", done.stdout), (f"{name}, errors", done.stderr)]
        return done

    def fault(self, kind: str, name: str) -> None:
        """Have the next job of this kind go wrong so."""
        (self.folder / "fault").write_text(f"{kind} {name}")

    def ended(self, run: Run, state: str) -> Run:
        """The run when it has ended, which must be in this way."""
        until(lambda: Run.objects.get(pk=run.pk).finished, f"the {run.kind} run ends")
        run = Run.objects.get(pk=run.pk)
        assert run.state == state, f"{run.kind} is {run.state}, not {state}: {run.reason}"
        return run

    # Pages

    def client(self, persona: str) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(getattr(self.people, persona), backend="django.contrib.auth.backends.ModelBackend")
        return client

    def answered(self, name: str, response: Any) -> Any:
        """Keep an answer: its body, headers and cookies."""
        body = b"".join(response) if response.streaming else response.content
        self.pages.append((name, body))
        self.pages.append((f"{name} (headers)", repr((response.headers, response.cookies)).encode()))
        return response

    def read_everything(self, stage: str, personas: tuple[str, ...] = READERS) -> int:
        """Open every address of the site, about every object there is, as each of these people; how many pages that were."""
        kept = {
            "sources": SourceDataset.objects.filter(title__startswith="Canaries"),
            "snapshots": Snapshot.objects.filter(source__title__startswith="Canaries"),
            "summaries": SummaryRecord.objects.filter(source__title__startswith="Canaries"),
            "requests": ReleaseRequest.objects.filter(source__title__startswith="Canaries"),
            "versions": SyntheticVersion.objects.filter(request__source__title__startswith="Canaries"),
            "models": TrainedModel.objects.filter(source__title__startswith="Canaries"),
            "runs": Run.objects.filter(source__title__startswith="Canaries"),
            "accounts": Account.objects.all()[:2],
            "releases": ReleaseRequest.objects.filter(source__title__startswith="Canaries"),
            "drills": Drill.objects.filter(request__source__title__startswith="Canaries"),
            "policies": PolicyRecord.objects.all(),
            "standing-approvals": StandingApproval.objects.filter(source__title__startswith="Canaries"),
        }
        keys: dict[str, list[Any]] = {place: list(rows.values_list("pk", flat=True)) for place, rows in kept.items()}
        keys |= {"link": ["no-such-link"], "your-account": []}
        shown = 0
        for persona in personas:
            client = self.client(persona)
            for name, entries in get_resolver().reverse_dict.lists():
                if not isinstance(name, str) or name in SENT_ONLY:
                    continue
                ((path, parameters),) = entries[0][0]
                for key in keys[path.partition("/")[0]] if parameters else [None]:
                    address = reverse(name, args=[key] if parameters else [])
                    response = self.answered(f"{stage}: {address} as {persona}", client.get(address))
                    assert response.status_code < 500, address
                    shown += response.status_code == 200
        return shown

    def post(self, persona: str, name: str, key: object | None = None, **form: Any) -> Any:
        address = reverse(name, args=[key] if key else [])
        response = self.client(persona).post(address, form)
        return self.answered(f"POST {address} as {persona} ({next(self._numbers)})", response)

    # Steps

    def source(self, title: str) -> SourceDataset:
        return sources.register_source(
            self.people.steward, title=title, description="Canaries.", controller="Hospital of the Tests", subject="emergency care"
        )

    def sent(self, source: SourceDataset, content: bytes, name: str = FILE_NAME, *, whole: bool = True) -> Snapshot | None:
        """Send a file by the page's form."""
        form = {"file": SimpleUploadedFile(name, content), **({"end": "of form"} if whole else {})}
        response = self.post("steward", "source-data", source.pk, **form)
        if not whole:
            assert response.status_code == 400
            return None
        assert response.status_code == 302, response.content[-3000:]
        return source.latest_snapshot

    def refused_file(self, source: SourceDataset, content: bytes, words: str) -> None:
        """A file that cannot be read as a table: the run fails, in these words among others."""
        snapshot = self.sent(source, content)
        assert snapshot is not None
        run = self.ended(snapshot.runs.get(), "failed")
        assert words in run.reason, run.reason

    def confirmed(self, snapshot: Snapshot, **kinds: Kind) -> Run:
        """Confirm the schema with what a steward knows."""
        snapshot.refresh_from_db()
        (table,) = DatasetSchema.from_dict(snapshot.proposed_schema).tables
        columns = []
        for column in table.columns:
            role = Role.DIRECT_IDENTIFIER if column.name in IDENTIFIERS[1:] else Role.OTHER
            change: dict[str, Any] = {"role": role}
            if column.name in STEWARDS_KINDS:
                change |= {"kind": STEWARDS_KINDS[column.name], "unique": False}
            if column.name in kinds:
                change |= {"kind": kinds[column.name], "storage": "date32", "format": "%d/%m/%Y"}
            columns.append(replace(column, **change))
        schema = DatasetSchema((replace(table, columns=tuple(columns), person_key="patient_key"),))
        return sources.confirm_schema(self.people.steward, snapshot, schema=schema)

    def profiled(self, source: SourceDataset, content: bytes, name: str = FILE_NAME) -> Snapshot:
        snapshot = self.sent(source, content, name)
        assert snapshot is not None
        self.ended(snapshot.runs.get(), "succeeded")
        return snapshot

    def summarised(self, source: SourceDataset, policy: str, state: str = "succeeded") -> Run:
        return self.ended(summaries.request_summary(self.people.steward, source, policy=policy), state)

    def request(self, source: SourceDataset, tier: str) -> ReleaseRequest:
        steward = self.people.steward
        drafted = requests.create_request(steward, source, title=f"Canaries for teaching, {tier}")
        wanted = (*ORDINARY, *VALUES)
        kind = build.LEARNED if tier == "privately-sourced" else {"tier": tier}
        return build.describe(steward, drafted, **kind, variables=dict.fromkeys(wanted, "The exercises use it."))

    def generated(
        self, request: ReleaseRequest, generator: str, seed: int, state: str = "succeeded", summary: SummaryRecord | None = None
    ) -> Run:
        run = requests.request_generation(self.people.steward, request, generator=generator, rows=600, seed=seed, summary=summary)
        return self.ended(run, state)

    def evaluated(self, generated: Run, state: str = "succeeded") -> SyntheticVersion:
        version = SyntheticVersion.objects.get(run=generated)
        self.ended(version.runs.get(kind=Run.Kind.EVALUATE), state)
        return version

    def published(self) -> subprocess.CompletedProcess[bytes]:
        """The publisher's turn."""
        key = Path(settings.SYNTHPORTAL_SECURE_FILES).parent / "publisher"
        if not (key / PRIVATE_KEY).exists():
            create_key(key)
        return self.program("publisher", "manage.py", "publisher", SYNTHPORTAL_SIGNING_KEY=str(key / PRIVATE_KEY))

    def taken_in(self) -> str:
        """The public site's turn; the paths it answered."""
        public, answers = self.folder / "public", self.folder / "public-answers"
        answers.mkdir()
        pin(build.signer().public_pem(), public / "keys")
        kept = {name: self.environment[name] for name in ("PATH", "TMPDIR")}
        told = kept | {
            "DJANGO_SETTINGS_MODULE": "synthportal.settings.public",
            "SYNTHPORTAL_PUBLIC_VAR": str(public),
            "SYNTHPORTAL_LAKE": str(settings.SYNTHPORTAL_LAKE),
        }
        command = [sys.executable, "-m", "tests.secure.canary.public_crawl", str(answers)]
        done = subprocess.run(command, env=told, cwd=settings.BASE_DIR, capture_output=True, timeout=180, check=False)
        self.said += [("public site, output", done.stdout), ("public site, errors", done.stderr)]
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done.stdout.decode()

    def command_line(self) -> None:
        """Every command on good data and on bad; their results are in `folder/cli`."""
        place = self.folder / "cli"
        place.mkdir()
        inputs = self.folder / "cli-input"
        inputs.mkdir()
        (inputs / "visits.csv").write_bytes(self.table.csv())
        rows = self.table.rows()
        (inputs / "ragged.csv").write_bytes(self.table.csv([*rows[:700], rows[700][:-2], *rows[701:]]))
        (inputs / "cut.parquet").write_bytes(self.table.parquet()[:-60])
        (inputs / "wrong.parquet").write_bytes(self.wrong_types().parquet())
        said = self.command
        said("schema", "visits.csv", "--out", place / "schema.json")
        said("split", "visits.csv", "--person", "patient_key", "--out", inputs / "parts")
        train, holdout, summary = inputs / "parts" / "train.parquet", inputs / "parts" / "holdout.parquet", place / "summary.json"
        said("summarise", train, "--out", summary)
        said("generate", "--summary", summary, "--generator", "marginal", "--rows", 300, "--seed", 5, "--out", place / "synthetic.csv")
        said("run", "visits.csv", "--rows", 300, "--out", place / "run", ending=(0, 3))
        said("schema", "ragged.csv", ending=(2,))
        said("run", "cut.parquet", "--out", place / "nothing", ending=(2,))
        said(
            "evaluate",
            "--train",
            train,
            "--holdout",
            holdout,
            "--synthetic",
            "wrong.parquet",
            "--out",
            place / "wrong",
            ending=(0, 1, 2, 3),
        )
        said("summarise", "wrong.parquet", "--schema", place / "schema.json", "--out", place / "wrong.json", ending=(0, 1, 2))
        capsule = next(Path(settings.SYNTHPORTAL_LAKE).rglob("manifest.json")).parent
        said("conform", "visits.csv", capsule, ending=(0, 3))
        said("conform", "wrong.parquet", capsule, ending=(0, 3))

    def command(self, *arguments: object, ending: tuple[int, ...] = (0,)) -> None:
        command = [sys.executable, "-c", "from synthportal.cli import main; main()", *map(str, arguments)]
        environment = {n: v for n, v in self.environment.items() if n in ("PATH", "TMPDIR")} | {"PYTHONPATH": str(settings.BASE_DIR)}
        done = subprocess.run(command, env=environment, cwd=self.folder / "cli-input", capture_output=True, timeout=120, check=False)
        assert done.returncode in ending, done.stderr.decode()[-1000:]
        self.said += [(f"synthportal {arguments[0]}, output", done.stdout), (f"synthportal {arguments[0]}, errors", done.stderr)]

    def wrong_types(self) -> CanaryTable:
        """The same names, other kinds of values: all of them canaries."""
        words = self.table.columns["reference"]
        return self.table.changed(titre=words, accession=list(words), seen_on=list(words), seen_at=list(words))

    # The path

    def walk_failures(self, source: SourceDataset) -> None:
        """Files nobody can use, and steps that break off; in the end the source is ready, as if nothing had happened."""
        table, rows, steward = self.table, self.table.rows(), self.people.steward
        self.refused_file(source, table.csv([*rows[:700], rows[700][:-2], *rows[701:]]), "line 702")
        self.refused_file(source, table.csv(rows[:600])[:-40] + b"\x00\xff\xfe\x81\n" + table.csv(rows[600:]), "")
        # Without a header the first record is taken for one: two equal cells make it unusable.
        headless = table.csv([[*rows[0][:-1], rows[0][1]], *rows[1:]]).split(b"\n", 1)[1]
        self.refused_file(source, headless, "columns 2 and 15 have the same name")
        self.refused_file(source, table.parquet()[:-60], "")
        self.sent(source, table.csv(), whole=False)
        content = table.csv()
        with pytest.raises(ValueError, match="cut off"):
            sources.receive_upload(steward, source, name=FILE_NAME, chunks=[content[:9000]], size=len(content))
        self.read_everything("files refused", ("steward",))

        keys = [None if i == 3 else key for i, key in enumerate(table.columns["patient_key"])]
        snapshot = self.profiled(source, table.changed(patient_key=keys).csv())
        self.post("steward", "schema", snapshot.pk, **{"t0-person": "=shoe size", "t0-c0-kind": "shoe size", "t0-rules": "<= <="})
        reason = self.ended(self.confirmed(snapshot), "failed").reason
        assert "missing in 1 row" in reason, reason
        run = self.ended(self.confirmed(snapshot, reference=Kind.DATE), "failed")
        assert "reference" in run.reason, run.reason
        snapshot = self.profiled(source, table.csv())
        self.fault("prepare", "full-disk")
        run = self.ended(self.confirmed(snapshot), "failed")
        assert "disk" in run.reason or "room" in run.reason, run.reason
        self.fault("prepare", "unexpected")
        assert "reference" in self.ended(runs.retry_run(steward, run), "failed").reason
        self.fault("prepare", "paused")
        run = runs.retry_run(steward, Run.objects.get(pk=run.pk))
        until((self.folder / "paused").exists, "the run pauses")
        self.answered("a running run", self.client("steward").get(reverse("run", args=[run.pk])))
        assert self.post("steward", "cancel-run", run.pk).status_code == 302
        self.ended(run, "cancelled")
        self.read_everything("steps broken off", ("steward",))
        self.fault("prepare", "unexpected-and-unrecorded")
        run = self.ended(runs.retry_run(steward, Run.objects.get(pk=run.pk)), "succeeded")
        assert run.attempt > 3, "it was lost once and started again"

    def walk_small(self) -> None:
        """A table of thirty people, which no policy lets be summarised."""
        source = self.source("Canaries, too few")
        rows = self.table.rows(0, 30)
        self.ended(self.confirmed(self.profiled(source, self.table.csv(rows), "few.csv")), "succeeded")
        assert self.summarised(source, "internal", "failed").reason

    def walk_killed(self, source: SourceDataset) -> None:
        """The same values as Parquet, a new snapshot; the worker's process is killed in the middle of preparing it."""
        snapshot = self.profiled(source, self.table.parquet(), "canaries.parquet")
        self.fault("prepare", "killed")
        assert self.ended(self.confirmed(snapshot), "succeeded").attempt == 2

    def walk_release(self, source: SourceDataset) -> None:
        """Summaries, versions, evaluations, and two releases, with a generator that starves and files that break on the way."""
        steward, people = self.people.steward, self.people
        self.summarised(source, "internal")
        summary = SummaryRecord.objects.get(run=self.summarised(source, "public"))
        ready = []
        for tier, generator, of in (("structural", "structural", None), ("publicly-sourced", "marginal", summary)):
            request = self.request(source, tier)
            if of is not None:
                self.fault("generate", "starved")
                self.generated(request, generator, 1, "failed", of)
                self.fault("evaluate", "broken-file")
                assert not self.evaluated(self.generated(request, generator, 2, "succeeded", of)).evaluation.passed
            version = self.evaluated(self.generated(request, generator, 3, "succeeded", of))
            assert version.evaluation.passed, version.evaluation.verdict
            ready.append(build.answered(steward, requests.choose_version(steward, request, version=version)))
        for request in ready:
            self.post("steward", "submit", request.pk, confirm="yes")
            request.refresh_from_db()
            assert request.state == "submitted", permissions.explain(steward, "submit", request)
        self.read_everything("waiting for review", ("ig",))
        for request in ready:
            build.decide(people.ig, request)
        damaged = files.folder("capsules") / str(ReleaseRequest.objects.get(pk=ready[0].pk).capsule) / "README.md"
        whole = damaged.read_bytes()
        damaged.write_bytes(whole[:-1] + b"?")
        self.published()
        self.answered("refused by the publisher", self.client("steward").get(reverse("request", args=[ready[0].pk])))
        assert ReleaseRequest.objects.get(pk=ready[0].pk).publication.problem
        damaged.write_bytes(whole)
        self.published()
        assert {r.state for r in ReleaseRequest.objects.filter(pk__in=[r.pk for r in ready])} == {"published"}

    def walk_learned(self, source: SourceDataset) -> None:
        """A version learned from the records, whose model stays in the zone, and a fit whose process is killed in the middle."""
        request = build.agreed(self.people, self.request(source, "privately-sourced"))
        self.fault("fit", "killed")
        learned = self.generated(request, "copula", 4)
        assert learned.attempt == 2
        version = self.evaluated(self.ended(learned.made_model.runs.get(), "succeeded"))
        assert version.trained == learned.made_model
        self.read_everything("learned from records", ("steward", "auditor"))

    def walk_after(self, source: SourceDataset) -> None:
        """A re-audit of a release, and a drill: real rows put into a version on purpose, judged, decided on, destroyed."""
        released = source.requests.filter(state="published", tier="structural").get()
        self.ended(reaudits.request_reaudit(self.people.sdat, released), "succeeded")
        drill = drills.start_drill(
            self.people.administrator,
            origin=released.version,
            kind=Drill.Kind.ROWS,
            amount=20,
            title="Canaries, once more",
            despite_gates=True,
        )
        asked = ReleaseRequest.objects.filter(pk=drill.request_id)
        until(lambda: asked.get().state == "submitted", "the drill is submitted")
        self.read_everything("a drill under way", ("ig", "administrator"))
        build.decide(self.people.ig, asked.get(), "reject")
        drills.destroy_revealed()  # or the worker was quicker
        assert Drill.objects.get(pk=drill.pk).destroyed_at is not None

    def walk_broken_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A page that fails with a value in its message and in its variables."""
        value = self.table.columns["full_name"][5]

        def fails(actor: object) -> None:
            local = [value, self.table.columns["email"][5]]
            raise RuntimeError(f"cannot show {local}")

        with monkeypatch.context() as patched:
            patched.setattr(visibility, "visible_sources", fails)
            for persona in ("steward", "auditor"):
                response = self.answered("a page that fails", self.client(persona).get(reverse("sources")))
                assert response.status_code == 500


def until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for something that other processes do."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.1)
