"""How tables relate, under disclosure control, held against a plain recount of the rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import DisclosureRefused
from generators.reading.dataset import Dataset, TableFile
from generators.schema import ForeignKey
from generators.summarising.summarise import summarise
from generators.summary import MetadataSummary, RelationshipSummary
from generators.working_copy.deidentify import deidentify_dataset
from tests.generators.input_files import KEY
from tests.generators.relational_world import FEW, Tables, hospital, read

NEARLY_PLAIN = DisclosurePolicy("nearly plain", 1, minimum=2, rounding=2, minimum_table=4)


class World(NamedTuple):
    copy: Dataset
    summary: MetadataSummary


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("hospital")
    return deidentify_dataset(read(folder, hospital()), KEY, folder / "copy")


@pytest.fixture(scope="module")
def world(copy: Dataset) -> World:
    return World(copy, summarise(copy.paths, copy.schema, NEARLY_PLAIN))


def of(summary: MetadataSummary, child: str, *columns: str) -> RelationshipSummary:
    (found,) = (r for r in summary.relationships if (r.child, r.columns) == (child, columns))
    return found


def recounted(copy: Dataset, child: str, key: ForeignKey) -> tuple[dict[int, set[object]], dict[int, int], int, int]:
    """(persons of the parent rows with so many children, such parent rows, child rows without a parent, persons of these): row by row."""
    parents = pq.read_table(copy.paths[key.parent]).to_pylist()
    children = pq.read_table(copy.paths[child]).to_pylist()
    by_parent = Counter(tuple(row[c] for c in key.columns) for row in children)
    people, rows = copy.schema.table(key.parent).counts_by, Counter[int]()
    persons: dict[int, set[object]] = {}
    for number, row in enumerate(parents):
        count = by_parent[tuple(row[c] for c in key.parent_columns)]
        rows[count] += 1
        persons.setdefault(count, set()).add(row[people] if people else number)
    lacking = [row for row in children if None in (row[c] for c in key.columns)]
    of_child = copy.schema.table(child).counts_by
    return persons, dict(rows), len(lacking), len({row[of_child] for row in lacking})


@pytest.mark.promise("relations.9")
def test_there_is_one_for_each_reference_to_a_table_that_is_not_public(world: World) -> None:
    public = {t.name for t in world.copy.schema.tables if t.public}
    wanted = {(t.name, k.columns, k.parent) for t in world.copy.schema.tables for k in t.foreign_keys if k.parent not in public}
    assert len(wanted) == 11
    assert {(r.child, r.columns, r.parent) for r in world.summary.relationships} == wanted


@pytest.mark.promise("relations.9")
@pytest.mark.parametrize("policy", [NEARLY_PLAIN, FEW, POLICIES["internal"]], ids=lambda p: p.name)
def test_children_of_each_parent_row_are_what_a_recount_finds_none_included(copy: Dataset, policy: DisclosurePolicy) -> None:
    summary = summarise(copy.paths, copy.schema, policy)
    exact = 0
    for table in copy.schema.tables:
        for key in table.foreign_keys:
            if copy.schema.table(key.parent).public or summary.table(key.parent).withheld:
                continue
            persons, rows, _, _ = recounted(copy, table.name, key)
            related = of(summary, table.name, *key.columns)
            for value in related.children.values:
                count = int(value.value)
                assert len(persons[count]) >= policy.minimum
                assert value.persons == policy.rounded(len(persons[count]))
                assert value.rows in (None, policy.rounded(rows[count]))
                exact += 1
            for step in related.children.steps:
                assert (step.persons or step.rows or 0) >= policy.minimum
            total = sum(rows.values())
            assert related.parents in (None, policy.rounded(total))
    assert exact > 20


@pytest.mark.promise("relations.9")
def test_parents_without_children_are_counted(world: World) -> None:
    persons, rows, _, _ = recounted(world.copy, "deaths", ForeignKey(("patient_id",), "patients", ("patient_id",)))
    assert set(persons) == {0, 1}
    values = {v.value: v.persons for v in of(world.summary, "deaths", "patient_id").children.values}
    assert values == {0: NEARLY_PLAIN.rounded(rows[0]), 1: NEARLY_PLAIN.rounded(rows[1])}
    # a row that follows no other, in a table that refers to itself
    assert 0 in {v.value for v in of(world.summary, "visits", "previous_visit_id").children.values}


@pytest.mark.promise("relations.9")
def test_rows_that_refer_to_nothing_are_counted_by_their_persons(world: World) -> None:
    key = ForeignKey(("ward_id",), "wards", ("ward_id",))
    _, _, lacking, persons = recounted(world.copy, "visits", key)
    nulls = of(world.summary, "visits", "ward_id").nulls
    assert nulls is not None
    assert (nulls.persons, nulls.rows) == (NEARLY_PLAIN.rounded(persons), NEARLY_PLAIN.rounded(lacking))
    assert of(world.summary, "visits", "patient_id").nulls is None


@pytest.mark.promise("relations.9")
def test_where_no_table_has_everybody_the_rows_of_each_person_are_told(tmp_path: Path) -> None:
    people = [f"Q{i:04d}" for i in range(300)]
    tables: Tables = {
        "labs": (["person_id", "value"], [[people[i % 200], i % 9] for i in range(600)]),
        "scans": (["person_id", "kind"], [[people[100 + i % 200], "AB"[i % 2]] for i in range(300)]),
    }
    copy = deidentify_dataset(read(tmp_path, tables), KEY, tmp_path / "copy")
    summary = summarise(copy.paths, copy.schema, POLICIES["internal"])
    assert [(r.child, r.parent, r.columns, r.parents) for r in summary.relationships] == [
        ("labs", "", ("person_id",), 300),
        ("scans", "", ("person_id",), 300),
    ]
    assert [(v.value, v.persons) for v in summary.relationships[0].children.values] == [(0, 100), (3, 200)]
    assert [(v.value, v.persons) for v in summary.relationships[1].children.values] == [(0, 100), (1, 100), (2, 100)]


@pytest.mark.promise("relations.10")
def test_a_table_of_too_few_persons_is_withheld_with_all_that_would_tell_its_size(copy: Dataset) -> None:
    policy = POLICIES["internal"]
    summary = summarise(copy.paths, copy.schema, policy)
    wards = summary.table("wards")
    assert wards.withheld
    assert (wards.persons, wards.rows, wards.rows_per_person) == (0, None, None)
    assert {c.absent for c in wards.columns} == {"withheld"}
    assert not any("wards" in (r.child, r.parent) for r in summary.relationships)
    assert not summary.table("visits").withheld
    again = MetadataSummary.from_json(summary.to_json(), summary.digest)
    assert again == summary
    # what leaves is the same however few they are
    fewer = replace(copy, tables=tuple(_halved(t, copy) if t.name == "wards" else t for t in copy.tables))
    assert summarise(fewer.paths, copy.schema, policy).table("wards") == wards


def _halved(table: TableFile, copy: Dataset) -> TableFile:
    path = copy.paths["wards"].with_name("fewer_wards.parquet")
    pq.write_table(pq.read_table(table.path).slice(0, 4), path)
    return replace(table, path=path, rows=4)


@pytest.mark.promise("relations.10")
@pytest.mark.promise("disclosure.9")
def test_a_summary_is_refused_only_when_every_table_is_too_small(copy: Dataset) -> None:
    strict = DisclosurePolicy("strict", 1, minimum=100, rounding=100, minimum_table=5000)
    with pytest.raises(DisclosureRefused, match=r"every table has fewer than 5,000 persons"):
        summarise(copy.paths, copy.schema, strict)


@pytest.mark.promise("relations.9")
def test_the_order_of_rows_changes_nothing(copy: Dataset, world: World, tmp_path: Path) -> None:
    turned = {}
    for name, path in copy.paths.items():
        table = pq.read_table(path)
        turned[name] = tmp_path / f"{name}.parquet"
        pq.write_table(table.take(list(range(len(table) - 1, -1, -1))), turned[name])
    assert summarise(turned, copy.schema, NEARLY_PLAIN).digest == world.summary.digest
