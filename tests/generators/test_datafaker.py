"""Projects of datafaker are brought over, and nothing of few rows with them."""

import json
from dataclasses import replace
from datetime import date

import pyarrow.parquet as pq
import pytest
import yaml

from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.importing.datafaker import COUNTS, import_project
from generators.mechanism import Mechanism
from generators.registry import generate
from generators.rules.meaning import violations
from generators.schema import DatasetSchema, Kind
from generators.summary import MetadataSummary

POLICY = POLICIES["internal"]


def column(kind, *, primary=False, nullable=True, **more):
    return {"type": kind, "primary": primary, "nullable": nullable, **more}


ORM = {
    "dsn": "postgresql://somebody@somewhere/db",
    "schema": "public",
    "tables": {
        "concept": {"columns": {"concept_id": column("BIGINT", primary=True), "name": column("VARCHAR(255)")}, "unique": []},
        "person": {
            "columns": {
                "person_id": column("BIGINT", primary=True, nullable=False),
                "gender_concept_id": column("BIGINT", nullable=False, foreign_keys=["concept.concept_id"]),
                "year_of_birth": column("INTEGER", nullable=False),
                "ethnicity": column("VARCHAR(50)"),
                "full_name": column("TEXT"),
                "weight": column("NUMERIC(6, 1)"),
                "height": column("FLOAT"),
                "alive": column("BOOLEAN"),
                "scan": column("BYTEA"),
            },
            "unique": [],
        },
        "death": {
            "columns": {
                "person_id": column("BIGINT", primary=True, nullable=False, foreign_keys=["person.person_id"]),
                "death_date": column("DATE", nullable=False),
                "seen_at": column("TIME"),
            },
            "unique": [],
        },
        "visit": {
            "columns": {
                "visit_id": column("BIGINT", primary=True, nullable=False),
                "person_id": column("BIGINT", nullable=False, foreign_keys=["public.person.person_id"]),
                "number": column("SMALLINT", nullable=False),
                "note_id": column("BIGINT", foreign_keys=["note.note_id"]),
            },
            "unique": [{"name": "one", "columns": ["person_id", "number"]}],
        },
        "note": {"columns": {"note_id": column("BIGINT", primary=True), "text": column("TEXT")}},
    },
}


def choice(name, columns):
    return {"name": "dist_gen.weighted_choice", "columns_assigned": columns, "kwargs": {"a": f'SRC_STATS["{name}"]["results"]'}}


CONFIG = {
    "src-stats": [],
    "story_generators": [{"name": "stories.one", "num_stories_per_pass": 1}],
    "tables": {
        "concept": {"vocabulary_table": True},
        "note": {"ignore": True},
        "extra": {"num_rows_per_pass": 0},
        "person": {
            "primary_private": True,
            "row_generators": [
                choice("auto__person__gender_concept_id", ["gender_concept_id"]),
                choice("auto__person__year_of_birth", "year_of_birth"),
                {
                    "name": "generic.sql_group_by_provider.sample",
                    "columns_assigned": "ethnicity",
                    "kwargs": {
                        "group_by_result": 'SRC_STATS["count_ethnicity"]',
                        "weights_column": '"num"',
                        "value_columns": '"ethnicity"',
                    },
                },
                {"name": "generic.person.full_name", "columns_assigned": "full_name"},
                {
                    "name": "dist_gen.normal",
                    "columns_assigned": ["weight"],
                    "kwargs": {
                        "mean": 'SRC_STATS["auto__person"]["results"][0]["mean__weight"]',
                        "sd": 'SRC_STATS["auto__person"]["results"][0]["stddev__weight"]',
                    },
                },
                {
                    "name": "dist_gen.choice",
                    "columns_assigned": ["height"],
                    "kwargs": {"a": 'SRC_STATS["auto__person__height"]["results"]'},
                },
                choice("auto__person__alive", ["alive"]),
            ],
            "missingness_generators": [
                {"name": "column_presence.sampled", "kwargs": {"patterns": 'SRC_STATS["missing_auto__person__0"]["results"]'}}
            ],
        },
        "death": {"row_generators": [choice("deaths", "death_date"), choice("times", "seen_at")]},
        "visit": {"row_generators": [choice("numbers", "number")]},
    },
}


def results(*rows):
    return {"queries": {"date": "2026-01-01 10:00:00", "query": "SELECT 1"}, "comments": [], "results": list(rows)}


def counted(values):
    return results(*({"value": v, "count": n} for v, n in values.items()))


STATS = {
    "auto__person__gender_concept_id": counted({8507: 5012, 8532: 4981, 8551: 3}),
    "auto__person__year_of_birth": counted({1950 + n: 200 + n for n in range(40)} | {1899: 1}),
    "count_ethnicity": [{"num": 6000, "ethnicity": "White"}, {"num": 3900, "ethnicity": "Asian"}, {"num": 2, "ethnicity": "Martian"}],
    "auto__person": results({"mean__weight": 71.25, "stddev__weight": 14.5}),
    "auto__person__height": results({"value": 171.234}, {"value": 163.9}),
    "auto__person__alive": counted({True: 9000, False: 1000}),
    "missing_auto__person__0": results(
        {"row_count": 9000, "ethnicity__is_null": False, "weight__is_null": False},
        {"row_count": 996, "ethnicity__is_null": False, "weight__is_null": True},
        {"row_count": 4, "ethnicity__is_null": True, "weight__is_null": True},
    ),
    "deaths": counted({date(2020, month, day): 1 for month in (1, 2, 3) for day in range(1, 12)} | {date(2021, 6, 17): 1}),
    "times": counted({"09:15": 20, "10:30": 13}),
    "numbers": counted({n: 30 for n in range(1, 9)}),
    "never_used": counted({"a": 9}),
}


def project(folder, *, orm=ORM, config=CONFIG, stats=STATS, policy=POLICY):
    paths = []
    for name, content in (("orm.yaml", orm), ("config.yaml", config), ("src-stats.yaml", stats)):
        path = folder / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        paths.append(path)
    return import_project(*paths, policy)


@pytest.mark.promise("move.1")
def test_tables_columns_keys_and_uniqueness_become_a_schema(tmp_path):
    schema = project(tmp_path).schema
    assert [t.name for t in schema.tables] == ["concept", "person", "death", "visit"]
    assert schema.table("concept").public
    assert {t.name: t.person_key for t in schema.tables} == {
        "concept": None,
        "person": "person_id",
        "death": "person_id",
        "visit": "person_id",
    }
    person = schema.table("person")
    kinds = {c.name: (c.kind, c.storage) for c in person.columns}
    assert kinds["person_id"] == (Kind.IDENTIFIER, "int64")
    assert kinds["gender_concept_id"] == (Kind.CATEGORICAL, "int64")
    assert kinds["ethnicity"] == (Kind.CATEGORICAL, "string")
    assert kinds["full_name"] == (Kind.FREE_TEXT, "string")
    assert kinds["alive"] == (Kind.BOOLEAN, "bool")
    assert person.column("weight").decimals == 1
    assert [k.parent for k in schema.table("visit").foreign_keys] == ["person"]
    assert schema.table("visit").rules[0].text == "unique (person_id, number)"
    assert DatasetSchema.from_json(schema.to_json()) == schema


@pytest.mark.promise("move.1")
def test_results_become_released_figures(tmp_path):
    imported = project(tmp_path)
    person = imported.summary.table("person")
    assert {c.value: c.rows for c in person.column("gender_concept_id").distribution.values} == {"8507": 5010, "8532": 4980}
    assert {c.value: c.rows for c in person.column("ethnicity").distribution.values} == {"White": 6000, "Asian": 3900}
    assert person.column("ethnicity").nulls is None  # 4 rows
    assert person.column("weight").nulls.rows == 1000
    steps = person.column("weight").distribution.steps
    assert len(steps) == 20
    assert steps[9].high == 71.2
    assert steps[0].low < 45 < 95 < steps[-1].high
    assert [(p.columns, p.rows) for p in person.missing] == [(("weight",), 995)]
    deaths = imported.summary.table("death").column("death_date").distribution
    assert {c.value: c.rows for c in deaths.values} == {"2020-01": 10, "2020-02": 10, "2020-03": 10}
    assert deaths.unit == "month"
    assert [c.value for c in imported.summary.table("death").column("seen_at").distribution.values] == ["09", "10"]


@pytest.mark.promise("move.1")
def test_data_can_be_generated_from_what_was_imported(tmp_path):
    imported = project(tmp_path)
    kept = imported.schema.deidentified()
    summary = MetadataSummary.from_json(imported.summary.to_json(), imported.summary.digest)
    mechanism = Mechanism.from_dict(json.loads(imported.mechanism.to_json()))
    assert mechanism.digest == imported.mechanism.digest
    files = {f.table: f.path for f in generate(mechanism, kept, summary, 300, 7, tmp_path / "made")}
    person = pq.read_table(files["person"])
    assert person.num_rows == 300
    assert set(person["ethnicity"].to_pylist()) <= {"White", "Asian", "Other", None}
    assert {d.strftime("%Y-%m") for d in pq.read_table(files["death"])["death_date"].to_pylist()} <= {"2020-01", "2020-02", "2020-03"}
    visits = pq.read_table(files["visit"])
    assert set(visits["person_id"].to_pylist()) <= set(person["person_id"].to_pylist())
    assert not violations("unique (person_id, number)", visits, kept.table("visit")).any()


@pytest.mark.promise("move.2")
def test_values_of_few_rows_are_listed_by_number_and_never_shown(tmp_path):
    imported = project(tmp_path)
    written = imported.report() + imported.summary.to_json() + imported.schema.to_json() + imported.mechanism.to_json()
    for value in ("8551", "1899", "Martian", "2021", "06-17", "171.2", "163.9", "somewhere"):
        assert value not in written
    assert "- person.gender_concept_id: 1 value(s) of fewer than 5 rows\n" in imported.report()
    assert "- person.ethnicity: 1 value(s) of fewer than 5 rows\n" in imported.report()
    assert "- death.death_date: 1 value(s) of fewer than 5 rows\n" in imported.report()
    assert "- person: 1 pattern(s) of missing values in fewer than 5 rows\n" in imported.report()


@pytest.mark.promise("move.2")
def test_all_that_is_left_out_is_listed(tmp_path):
    report = project(tmp_path).report()
    for line in (
        "note: left out by the project (ignore)",
        "extra: orm.yaml does not describe it",
        "concept: a vocabulary",
        "person.full_name: values made by generic.person.full_name",
        "person.height: 2 value(s) without counts",
        "person.scan: its type has no counterpart here",
        "visit.note_id: refers to a table that is left out",
        'result "never_used"',
        "story generators: programs",
    ):
        assert line in report
    assert "rows, not persons" in report


@pytest.mark.promise("move.2")
def test_a_stricter_policy_keeps_less_and_the_summary_says_that_nobody_counted_persons(tmp_path):
    imported = project(tmp_path, policy=POLICIES["public"])
    assert imported.summary.counts == COUNTS
    assert imported.summary.table("death").column("death_date").absent == "withheld"
    assert imported.summary.table("death").rows is None
    assert all(c.persons is None for c in imported.summary.table("person").column("alive").distribution.values)
    assert all(c.rows % 100 == 0 for c in imported.summary.table("person").column("alive").distribution.values)


@pytest.mark.promise("move.2")
def test_a_mean_of_unknown_rows_is_not_kept(tmp_path):
    alone = {name: held for name, held in STATS.items() if name == "auto__person"}
    imported = project(tmp_path, stats=alone)
    assert imported.summary.table("person").column("weight").absent == "withheld"
    assert "person.weight: mean and standard deviation: of how many rows is not known" in imported.report()


@pytest.mark.promise("move.3")
@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"orm": "tables: [unfinished"}, "orm.yaml is not plain YAML"),
        ({"orm": "tables: !!python/object/apply:os.system ['echo owned']"}, "orm.yaml is not plain YAML"),
        ({"orm": "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8))}, "repeats itself by references"),
        ({"orm": "a: &a [*a]"}, "repeats itself by references"),
        ({"orm": "[" * 500 + "]" * 500}, "orm.yaml is nested more than 40 levels deep"),
        ({"orm": "- 1"}, "orm.yaml is not what datafaker writes"),
        ({"orm": "tables: 3"}, 'orm.yaml: "tables" should be names with values'),
        ({"orm": "tables: {}"}, "orm.yaml describes no table"),
        ({"orm": "tables: {t: {columns: {a: {type: 3}}}}"}, 'column "a" of table "t" has no type'),
        ({"orm": "tables: {'../t': {columns: {a: {type: DATE}}}}"}, "a name is not one that a table or column can have"),
        ({"orm": "tables: {t: {columns: {a: {type: DATE, foreign_keys: 3}}}}"}, 'foreign keys of column "a" of table "t"'),
        ({"orm": "tables: {t: {columns: {a: {type: DATE}}, unique: [{columns: [b]}]}}"}, '"unique" of table "t" names columns'),
        ({"orm": "tables: {t: {columns: {a: {type: DATE, foreign_keys: [t.b]}}}}"}, 'table "t" has no column "b"'),
        ({"orm": "a: 2020-13-45"}, "orm.yaml holds a value that cannot be read"),
        ({"config": "tables: {person: {row_generators: 7}}"}, '"row_generators" should be a list'),
        ({"config": "tables: {person: {row_generators: [{name: x, columns_assigned: nothing}]}}"}, 'names column "nothing"'),
        ({"config": "tables: {person: {row_generators: [{name: x}]}}"}, 'lacks "columns_assigned"'),
        ({"stats": "auto__person__alive: {results: 3}"}, 'src-stats.yaml: "auto__person__alive" should hold a list'),
        ({"stats": "3"}, "src-stats.yaml is not what datafaker writes"),
    ],
)  # fmt: skip
def test_broken_and_hostile_files_are_refused_with_their_place(tmp_path, part, message):
    with pytest.raises(InputError) as refused:
        project(tmp_path, **part)
    assert message in str(refused.value)


@pytest.mark.promise("move.3")
def test_a_file_that_is_no_text_is_refused(tmp_path):
    project(tmp_path)
    (tmp_path / "orm.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"orm\.yaml is not a UTF-8 text file"):
        import_project(tmp_path / "orm.yaml", tmp_path / "config.yaml", None, replace(POLICY))
