"""Some rows only, balanced, or more of a small group: asked for on the page, kept by the rows, told wherever the version is looked at."""

from __future__ import annotations

import json
from collections import Counter
from html import unescape
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.urls import reverse

from generators.errors import InputError
from generators.fitting.conditions import Conditions
from releases import conditions, evidence, files, jobs, stored
from releases.capsule.verify import check_unsigned
from releases.learning import Learning
from releases.models import LedgerEntry, Run, SyntheticVersion
from releases.services import requests, summaries
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.drawn_forms import drawn
from tests.secure.test_fitting import draft, fresh, learn, signed_in


@pytest.mark.promise("control.10", "control.13")
def test_conditions_asked_for_on_the_page_are_met_by_every_row_and_told_with_the_version(world: World, tmp_path: Path) -> None:
    request, client = draft(world), signed_in(world)
    where = reverse("generate", args=[request.pk])
    assert "given" not in drawn(client.get(where, {"method": "structural"}).content), "what learns nothing cannot be asked"
    sent = drawn(client.get(where, {"method": "copula"}).content) | {"rows": "300", "max_membership": ""}
    asked = {"given": "sex = F\nage = 40..60", "balance": "triage_category = 2:50 | 3:50", "first": "sex\nage"}
    assert client.post(where, sent | asked).status_code == 302
    run = request.runs.get()
    assert run.parameters["generation"]["conditions"] == {
        "given": {"sex": "F", "age": "40..60"},
        "balance": {"triage_category": "2:50 | 3:50"},
    }
    for kind in (Run.Kind.FIT, Run.Kind.GENERATE):
        run = request.runs.get(kind=kind)
        page = client.get(reverse("run", args=[run.pk])).content.decode()
        assert "Only rows with age = 40..60 were made; only rows with sex = F were made" in page
        jobs.perform(str(run.pk), run.token, beating=False)
        assert fresh(run).state == Run.State.SUCCEEDED, fresh(run).reason
    version = SyntheticVersion.objects.get(request=request)
    rows = pq.read_table(files.folder("runs") / version.files[0]["path"]).to_pylist()
    assert len(rows) == 300
    assert all(row["sex"] == "F" and 40 <= row["age"] <= 60 for row in rows)
    counts = Counter(str(row["triage_category"]) for row in rows)
    assert set(counts) == {"2", "3"}
    assert abs(counts["2"] - 150) < 20, "half of the people, who have more than one row now and then"
    assert {"given sex": "F", "given age": "40..60", "balance triage_category": "2:50 | 3:50", "first columns": "sex, age"}.items() <= dict(
        version.mechanism["parameters"]
    ).items()
    for name in ("version", "compare"):
        at = version.pk if name == "version" else request.pk
        assert "only rows with sex = F were made" in client.get(reverse(name, args=[at])).content.decode(), name
    assert "only rows with sex = F were made" in client.get(reverse("request", args=[request.pk])).content.decode()
    entry = world.source.ledger.filter(what=LedgerEntry.What.ATTEMPT).latest("number")
    assert "only rows with sex = F were made" in entry.detail["conditions"]
    run = request.runs.get(kind=Run.Kind.EVALUATE)
    jobs.perform(str(run.pk), run.token, beating=False)
    assert fresh(run).state == Run.State.SUCCEEDED, fresh(run).reason
    request.version = SyntheticVersion.objects.get(request=request)
    evidence.build_capsule(request, tmp_path / "capsule", slug="women-of-forty", version=1)
    check_unsigned(tmp_path / "capsule")
    report = json.loads((tmp_path / "capsule" / "report.json").read_text())
    assert any("only rows with sex = F were made" in note for note in report["notes"])
    (data,) = (tmp_path / "capsule" / "data").glob("*.parquet")
    assert pq.read_table(data).num_rows == 300


REFUSED = (
    ("given", "sex: F", "Write a column, an equals sign and what is wanted in each line"),
    ("given", "sex = F\nsex = M", '"sex" comes twice'),
    ("given", "ward = A", 'There is no column "ward"'),
    ("given", "age = old", "this is no value of the column's kind"),
    ("given", "age = 80..65", "the range begins after its end"),
    ("given", "sex = A..F", "a range needs a column of numbers, dates or times"),
    ("given", "patient_id = 1", "it is a key"),
    ("balance", "sex = F", "write each value and a number more than 0"),
    ("balance", "age = 40:0", "write each value and a number more than 0"),
    ("oversample", "sex = F:2000", "can be at most 1000 times as frequent"),
    ("first", "ward", 'There is no column "ward"'),
)


@pytest.mark.promise("control.11")
def test_a_condition_that_cannot_be_is_refused_at_its_field_in_a_sentence(world: World) -> None:
    request, client = draft(world), signed_in(world)
    where = reverse("generate", args=[request.pk])
    sent = drawn(client.get(where, {"method": "copula"}).content) | {"rows": "300", "max_membership": ""}
    for field, written, sentence in REFUSED:
        refused = client.post(where, sent | {field: written})
        assert (refused.status_code, sentence in unescape(refused.content.decode())) == (422, True), written
        assert refused.context["form"].errors[field]
    both = client.post(where, sent | {"given": "sex = F", "balance": "sex = F:1 | M:1"})
    assert "a column is either conditioned or balanced" in unescape(both.content.decode())
    assert not request.runs.exists()


@pytest.mark.promise("control.11")
def test_a_category_that_no_released_summary_tells_is_refused_before_anything_is_learned(world: World) -> None:
    snapshot = world.source.current_snapshot
    assert snapshot is not None
    schema = stored.working_schema(snapshot)
    asked = Conditions(given={"sex": "f"})
    conditions.check(asked, schema, snapshot)  # the public summary withholds values that a model may know
    summaries.request_summary(world.people.steward, world.source, policy="internal")
    build.work()
    for wrong in (asked, Conditions(balance={"sex": "F:1|f:1"}), Conditions(oversample={"sex": "f:2"})):
        with pytest.raises(InputError, match='"sex": "f" is none of its released values, which are: F, M'):
            conditions.check(wrong, schema, snapshot)
    conditions.check(Conditions(given={"sex": "F|"}), schema, snapshot)


@pytest.mark.promise("control.11")
def test_what_only_the_model_can_tell_is_told_by_the_run_and_costs_no_second_fit(world: World) -> None:
    request = draft(world)
    with pytest.raises(InputError, match="one that learns from records can"):
        requests.request_generation(
            world.people.steward, request, generator="structural", rows=10, seed=1, conditions=Conditions(given={"sex": "F"})
        )
    run = learn(world, request, conditions=Conditions(given={"age": "500..600"}))
    for kind in (Run.Kind.FIT, Run.Kind.GENERATE):
        run = request.runs.get(kind=kind)
        jobs.perform(str(run.pk), run.token, beating=False)
    assert fresh(run).state == Run.State.FAILED
    assert "the condition age=500..600" in fresh(run).reason
    assert learn(world, request, conditions=Conditions(oversample={"sex": "F:3"})).kind == Run.Kind.GENERATE


@pytest.mark.promise("control.10")
def test_what_was_chosen_before_conditions_could_be_is_still_the_same_choice() -> None:
    assert "first" not in Learning().as_dict()
    assert Learning.from_dict(Learning(first=("sex",)).as_dict()).first == ("sex",)
    assert conditions.from_dict(conditions.as_dict(Conditions(given={"sex": "F"}))) == Conditions(given={"sex": "F"})
    assert conditions.told(Conditions()) == ""
