"""Every generator on every reference dataset through the portal's own services and jobs: does it run, and what do the gates say?

    python bench/portal.py SHARED [--names nass_crash nhefs er_like omop flights] [--generators …] [--leaf 1] [--shadows 8]

A site of its own in a temporary folder. Each dataset is registered, read where it lies, its proposed schema confirmed, de-identified,
split and summarised; then each generator is asked for as many rows as it learned from, with the defaults of the page (dp-marginals with
epsilon 1), and every job is done in this process; use cases of methods that learn are proposed and agreed first. A row of a Markdown
table each: processor seconds of all jobs, how the last one ended, and the hard gates that stopped the version. --leaf 1 adds `cart` with
leaves of one person. --shadows: models an evaluation fits again.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "synthportal.settings.test_secure"

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from generators.learning.options import Budget  # noqa: E402
from generators.registry import GENERATORS  # noqa: E402
from generators.schema import DatasetSchema, Role  # noqa: E402
from releases import selection, stored  # noqa: E402
from releases.learning import Learning  # noqa: E402
from releases.models import ReleaseRequest, Run, SourceDataset, SummaryRecord, SyntheticVersion  # noqa: E402
from releases.services import ledger, requests, sources  # noqa: E402
from tests.secure import world as build  # noqa: E402

if TYPE_CHECKING:
    from tests.secure.world import People

NAMES = ("nass_crash", "nhefs", "er_like", "omop", "flights")


def seconds() -> float:
    """Processor seconds of this process and of those it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def prepared(people: People, data: Path) -> tuple[SourceDataset, SummaryRecord]:
    """A dataset in the portal with its working copy, split and summary. It is made up: nothing in it is a direct identifier."""
    steward = people.steward
    source = sources.register_source(
        steward, title=data.stem, description="A reference dataset.", controller="Bench", subject="health care"
    )
    snapshot = sources.point_at_file(steward, source, path=str(data))
    build.work()
    snapshot.refresh_from_db()
    if snapshot.proposed_schema is None:
        raise SystemExit(f"{data.name}: {snapshot.runs.get().reason}")
    proposed = DatasetSchema.from_dict(snapshot.proposed_schema)
    plain = tuple(
        replace(t, columns=tuple(replace(c, role=Role.OTHER) if c.role is Role.DIRECT_IDENTIFIER else c for c in t.columns))
        for t in proposed.tables
    )
    sources.confirm_schema(
        steward, snapshot, schema=replace(proposed, tables=plain), published_names=[t.name for t in plain] if len(plain) > 1 else ()
    )
    build.work()
    proposal = ledger.propose_budget(steward, source, epsilon=100.0, delta=1e-3, summaries=None)
    ledger.set_budget(people.ig, source, proposal=proposal.number)
    return source, build.summary(steward, source, "internal")


def version(people: People, source: SourceDataset, summary: SummaryRecord, generator: str, options: dict[str, str]) -> str:
    """The cells of one generator."""
    snapshot = source.current_snapshot
    assert snapshot is not None
    schema = stored.working_schema(snapshot)
    names = {selection.variable(schema, table.name, n): "The bench." for table, names in selection.variables(schema) for n in names}
    request = requests.create_request(people.steward, source, title=f"{source.title} {generator} {' '.join(options.values())}".strip())
    if GENERATORS[generator].needs == "data":
        request = build.agreed(people, build.describe(people.steward, request, **build.LEARNED, variables=names))
    else:
        request = requests.describe_request(people.steward, request, variables=names)
    size = {"scale": 1.0} if len(schema.tables) > 1 and generator != "structural" else {"rows": snapshot.split.train_rows}
    budget = Budget(epsilon=1.0, delta=1e-7, contributions=3) if generator == "dp-marginals" else Budget()
    before = seconds()
    requests.request_generation(
        people.steward, request, generator=generator, seed=1, summary=summary, learning=Learning(options=options, budget=budget), **size
    )
    build.work()
    return f"{seconds() - before:.0f} | {outcome(request)}"


def outcome(request: ReleaseRequest) -> str:
    """How the last job ended, and what the gates say."""
    last = request.runs.order_by("queued_at").last()
    assert last is not None
    made = SyntheticVersion.objects.filter(request=request).first()
    if last.state != Run.State.SUCCEEDED or made is None:
        return f"{last.kind} {last.state} | {last.reason} | – |"
    failed = {
        level: [o["gate"] for o in made.evaluation.verdict["outcomes"] if o["level"] == level and not o["passed"]]
        for level in ("hard", "soft")
    }
    stopped = f"**stopped**: {', '.join(failed['hard'])}" if failed["hard"] else "met"
    return f"{last.kind} {last.state} | {stopped} | {', '.join(failed['soft']) or '–'} |"


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--names", nargs="*", default=list(NAMES))
    parser.add_argument("--generators", nargs="*", default=list(GENERATORS))
    parser.add_argument("--leaf", help="also cart with such leaves")
    parser.add_argument("--shadows", type=int, default=8)
    arguments = parser.parse_args()
    data = (arguments.shared / "data").resolve()
    settings.SYNTHPORTAL_SECURE_FOLDERS, settings.SHADOW_MODELS = [data], arguments.shadows
    logging.disable(logging.WARNING)  # no queue runs here, which every job would say
    call_command("migrate", verbosity=0)
    people = build.people()
    print("| dataset | generator | all jobs s | last job | hard gates | soft gates not met |\n|---|---|---|---|---|---|", flush=True)
    for name in arguments.names:
        source, summary = prepared(people, data / (name if name == "omop" else f"{name}.parquet"))
        asked: list[tuple[str, dict[str, str]]] = [(generator, {}) for generator in arguments.generators]
        if arguments.leaf:
            asked.append(("cart", {"leaf": arguments.leaf}))
        for generator, options in asked:
            told = ", ".join([generator, *(f"{k} {v}" for k, v in options.items())])
            print(f"| {name} | {told} | {version(people, source, summary, generator, options)}", flush=True)


if __name__ == "__main__":
    main()
