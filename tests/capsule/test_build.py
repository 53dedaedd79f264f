"""The unsigned capsule: what is in it, the same bytes each time, whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from releases.capsule import layout, texts
from releases.capsule.build import CapsuleTable, build
from releases.capsule.layout import CapsuleRefused
from releases.capsule.manifest import CapsuleDescription, Made, Manifest, Override
from releases.capsule.verify import check_unsigned
from releases.data_models import recognised
from tests.capsule.world import SCHEMA, description, unsigned

DISCLAIMER = "These data are artificially generated, any resemblance to real patients is coincidental."


def contents(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.promise("publish.1")
def test_a_capsule_holds_data_dictionary_summary_report_texts_and_a_manifest_of_every_file(tmp_path: Path) -> None:
    found = contents(unsigned(tmp_path / "capsule"))
    assert set(found) == {
        "data/visits.parquet",
        "data/visits.csv",
        "schema.json",
        "dictionary.json",
        "dictionary.csv",
        "summary.json",
        "report.json",
        "report.html",
        "README.md",
        "LICENCE.txt",
        "DISCLAIMER.txt",
        "manifest.json",
    }
    manifest = json.loads(found["manifest.json"])
    listed = {each["path"]: (each["size"], each["sha256"]) for each in manifest["files"]}
    assert listed == {path: (len(c), hashlib.sha256(c).hexdigest()) for path, c in found.items() if path != "manifest.json"}
    assert (manifest["tier"], manifest["made"]["seed"], manifest["disclaimer"]) == ("publicly-sourced", 7, DISCLAIMER)


@pytest.mark.promise("publish.2")
def test_the_standing_disclaimer_is_in_the_manifest_the_readme_the_licence_and_a_file_of_its_own(tmp_path: Path) -> None:
    found = contents(unsigned(tmp_path / "capsule"))
    for path in ("manifest.json", "README.md", "LICENCE.txt", "DISCLAIMER.txt"):
        assert DISCLAIMER in found[path].decode(), path


@pytest.mark.promise("publish.3")
def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = contents(unsigned(tmp_path / "a/capsule")), contents(unsigned(tmp_path / "b/other"))
    assert first == second


def test_the_digest_returned_is_the_manifests(tmp_path: Path) -> None:
    unsigned(tmp_path / "capsule")
    digest = build(
        tmp_path / "again", description(), tables=[table(tmp_path)], schema=SCHEMA, report_json="{}", report_html="", summary="{}"
    )
    assert digest == hashlib.sha256((tmp_path / "again/manifest.json").read_bytes()).hexdigest()


def table(tmp_path: Path, name: str = "visits", rows: int = 3) -> CapsuleTable:
    work = tmp_path / "capsule-work"
    return CapsuleTable(name, work / "visits.parquet", work / "visits.csv", rows)


def test_the_readme_loads_the_data_with_the_line_it_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unsigned(tmp_path / "capsule")
    line = next(line for line in (folder / "README.md").read_text().splitlines() if "read_parquet" in line and "<-" not in line)
    monkeypatch.chdir(folder)
    assert len(eval(line.removeprefix("table = "), {"pd": pd})) == 3  # noqa: S307 - the very line we tell people to run


def test_a_dictionary_cell_that_a_spreadsheet_would_run_is_made_harmless(tmp_path: Path) -> None:
    columns = [{"name": "=cmd()", "kind": "categorical", "storage": "string", "codes": ["+1", "b"], "description": "@x"}]
    folder = unsigned(tmp_path / "capsule", schema={"tables": [{"name": "-t", "columns": columns}]})
    (_, row) = csv.reader(io.StringIO((folder / "dictionary.csv").read_text()))
    assert [row[0], row[1], row[8], row[9]] == ["'-t", "'=cmd()", "'+1; b", "'@x"]


@pytest.mark.promise("show.10")
def test_units_are_in_the_dictionary_as_code_and_in_words_and_one_without_any_is_what_it_always_was(tmp_path: Path) -> None:
    plain = texts.dictionary(SCHEMA)
    assert all("unit" not in entry for entry in plain)
    measured = json.loads(json.dumps(SCHEMA))
    measured["tables"][0]["columns"][2]["unit"] = "mm[Hg]"
    entries = texts.dictionary(measured, {"mm[Hg]": "mmHg", "kg": "kg"})
    assert entries == [*plain[:2], {**plain[2], "unit": "mm[Hg]", "unit_words": "mmHg"}]
    heading, *rows = csv.reader(io.StringIO(texts.dictionary_csv(entries).decode()))
    assert [row[-2:] for row in (heading, *rows)] == [["unit", "unit_words"], ["", ""], ["", ""], ["mm[Hg]", "mmHg"]]
    assert "unit" not in texts.dictionary_csv(plain).decode()


def test_table_names_from_anywhere_become_plain_file_names_that_differ_on_any_file_system() -> None:
    stems = layout.data_names(["../../etc", "Größe 1", "a/b", "A_B", "日本", "", "x" * 300])
    assert list(stems.values()) == ["etc", "Groe_1", "a_b", "A_B_2", "table", "table_2", "x" * 80]
    for stem in stems.values():
        assert layout.safe_path(f"data/{stem}.parquet")


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "../x"},
        {"slug": "Upper"},
        {"slug": ""},
        {"version": 0},
        {"tier": "secret"},
        {"access_level": "anyone"},
        {"title": "two\nlines"},
        {"title": "  "},
        {"subject": "nul\x00"},
        {"description": "nul\x00"},
        {"made": Made("g", "1", "not a digest", 1, 3, None)},
        {"made": Made("g", "1", "ab" * 32, -1, 3, None)},
        {"made": Made("g", "1", "ab" * 32, 1, 4, "public")},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_published_is_refused_and_nothing_is_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    unsigned(tmp_path / "capsule")
    fields = {name: getattr(description(), name) for name in CapsuleDescription.__dataclass_fields__}
    said = CapsuleDescription(**{**fields, **changes})
    with pytest.raises(CapsuleRefused):
        build(tmp_path / "new", said, tables=[table(tmp_path)], schema=SCHEMA, report_json="{}", report_html="", summary="{}")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["capsule", "capsule-work"]


def test_a_summary_goes_with_publicly_sourced_releases_and_no_other(tmp_path: Path) -> None:
    unsigned(tmp_path / "capsule")
    for tier, summary in (("structural", "{}"), ("publicly-sourced", None)):
        with pytest.raises(CapsuleRefused, match="summary"):
            build(
                tmp_path / "new",
                description(tier=tier),
                tables=[table(tmp_path)],
                schema=SCHEMA,
                report_json="{}",
                report_html="",
                summary=summary,
            )


def test_a_release_needs_tables_of_different_names_a_new_folder_and_a_schema(tmp_path: Path) -> None:
    folder = unsigned(tmp_path / "capsule")
    more: dict[str, Any] = {"report_json": b"{}", "report_html": "", "summary": "{}"}
    for target, tables, schema, reason in (
        (tmp_path / "new", [], SCHEMA, "at least one table"),
        (tmp_path / "new", [table(tmp_path), table(tmp_path)], SCHEMA, "same name"),
        (tmp_path / "new", [table(tmp_path)], {"columns": []}, "not a dataset schema"),
        (folder, [table(tmp_path)], SCHEMA, "exists already"),
    ):
        with pytest.raises(CapsuleRefused, match=reason):
            build(target, description(), tables=tables, schema=schema, **more)


def test_a_symbolic_link_is_not_taken_for_a_data_file(tmp_path: Path) -> None:
    unsigned(tmp_path / "capsule")
    (tmp_path / "link").symlink_to("/etc/hostname")
    linked = CapsuleTable("visits", tmp_path / "link", tmp_path / "capsule-work/visits.csv", 3)
    with pytest.raises(OSError, match="symbolic links"):
        build(tmp_path / "new", description(), tables=[linked], schema=SCHEMA, report_json="{}", report_html="", summary="{}")
    assert not (tmp_path / "new").exists()


def test_a_known_licence_is_named_with_its_address_and_another_stands_as_it_is(tmp_path: Path) -> None:
    known = texts.licence_text(description()).decode()
    assert "Creative Commons Attribution 4.0" in known
    assert "https://creativecommons.org/licenses/by/4.0/" in known
    assert "Ask the trust" in texts.licence_text(description(licence="Ask the trust")).decode()


def damaged(change: Any) -> bytes:
    raw = json.loads(Manifest.from_bytes(MANIFEST).to_bytes())
    change(raw)
    return layout.readable_json(raw)


MANIFEST = (
    Manifest(description(), ())
    .to_bytes()
    .replace(
        b'"files": []',
        b'"files": [\n  {\n   "path": "a.txt",\n   "size": 1,\n   "sha256": "'
        + b"0" * 64
        + b'",\n   "media_type": "text/plain",\n   "role": "text",\n   "table": null,\n   "rows": null\n  }\n ]',
    )
)


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "path": "a.txt",
        "size": 1,
        "sha256": "0" * 64,
        "media_type": "text/plain",
        "role": "text",
        "table": None,
        "rows": None,
        **changes,
    }


HOSTILE = {
    "another format": lambda m: m.update(format="x"),
    "no disclaimer": lambda m: m.update(disclaimer=""),
    "a field more": lambda m: m.update(extra=1),
    "no files": lambda m: m.update(files=[]),
    "files of another kind": lambda m: m.update(files=["a.txt"]),
    "files not a list": lambda m: m.update(files={}),
    "a file outside": lambda m: m.update(files=[entry(path="../a.txt")]),
    "an absolute path": lambda m: m.update(files=[entry(path="/etc/passwd")]),
    "a backslash": lambda m: m.update(files=[entry(path="..\\a.txt")]),
    "a NUL name": lambda m: m.update(files=[entry(path="a\x00.txt")]),
    "a hidden file": lambda m: m.update(files=[entry(path=".profile")]),
    "a deep path": lambda m: m.update(files=[entry(path="a/b/c")]),
    "a path that ends in a dot": lambda m: m.update(files=[entry(path="a.")]),
    "a path that is no text": lambda m: m.update(files=[entry(path=7)]),
    "a path too long": lambda m: m.update(files=[entry(path="a" * 300)]),
    "itself": lambda m: m.update(files=[entry(path="manifest.json")]),
    "a file twice": lambda m: m.update(files=[entry(path="A.txt"), entry(path="a.txt")]),
    "files out of order": lambda m: m.update(files=[entry(path="b.txt"), entry(path="a.txt")]),
    "too many files": lambda m: m.update(files=[entry(path=f"a{n:06}") for n in range(layout.MAX_FILES + 1)]),
    "a file too large": lambda m: m.update(files=[entry(size=layout.MAX_TOTAL + 1)]),
    "a negative size": lambda m: m.update(files=[entry(size=-1)]),
    "a size that is true": lambda m: m.update(files=[entry(size=True)]),
    "no digest": lambda m: m.update(files=[entry(sha256="0")]),
    "an unknown role": lambda m: m.update(files=[entry(role="virus")]),
    "a media type with a line break": lambda m: m.update(files=[entry(media_type="text/plain\r\nX: y")]),
    "rows that are text": lambda m: m.update(files=[entry(rows="3")]),
    "a made that is no object": lambda m: m.update(made=[]),
    "a policy that is a number": lambda m: m["made"].update(disclosure_policy=5),
    "a history of texts": lambda m: m.update(history=["x"]),
    "variables without reasons": lambda m: m.update(variables={"a": 1}),
    "a version that is text": lambda m: m.update(version="1"),
    "half a character": lambda m: m.update(title="?"),
}


@pytest.mark.promise("publish.9")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_refused(name: str) -> None:
    content = damaged(HOSTILE[name])
    if name == "half a character":
        content = content.replace(b'"title": "?"', b'"title": "\\ud800"')
    with pytest.raises(CapsuleRefused):
        Manifest.from_bytes(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"{", b"[" * 100_000, b'{"format": "synthportal-capsule/1", "format": "synthportal-capsule/1"}', b"9" * 5000],
    ids=["empty", "not text", "a list", "cut off", "nested", "a key twice", "a huge number"],
)
def test_a_manifest_that_is_not_json_is_refused(content: bytes) -> None:
    with pytest.raises(CapsuleRefused):
        Manifest.from_bytes(content)


def test_a_huge_manifest_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(CapsuleRefused, match="larger than"):
        Manifest.from_bytes(b" " * (layout.MAX_MANIFEST + 1))


def test_a_good_manifest_reads_back_as_it_was_and_finds_its_files() -> None:
    manifest = Manifest.from_bytes(MANIFEST)
    assert manifest.to_bytes() == MANIFEST
    assert manifest.description == description()
    assert manifest.file("a.txt").size == 1
    with pytest.raises(KeyError):
        manifest.file("b.txt")


def test_an_unsigned_capsule_is_checked_file_by_file(tmp_path: Path) -> None:
    folder = unsigned(tmp_path / "capsule")
    manifest, content = check_unsigned(folder)
    assert manifest.to_bytes() == content
    (folder / "data/visits.csv").write_text("changed")
    with pytest.raises(CapsuleRefused, match=r"visits\.csv"):
        check_unsigned(folder)
    with pytest.raises(CapsuleRefused, match="cannot be read"):
        check_unsigned(tmp_path / "nowhere")


OVERRIDE = Override("columns", "Some columns are far from the real ones", "chance", "chance explains it", "The table is small.")


@pytest.mark.promise("gates.23")
def test_an_answer_to_a_gate_is_in_manifest_and_readme_and_a_release_without_any_is_what_it_always_was(tmp_path: Path) -> None:
    answered, plain = unsigned(tmp_path / "answered", overrides=(OVERRIDE,)), unsigned(tmp_path / "plain")
    sentence = "Released although some columns are far from the real ones, because chance explains it: The table is small."
    manifest = Manifest.from_bytes((answered / "manifest.json").read_bytes())
    assert manifest.description.overrides == (OVERRIDE,)
    assert OVERRIDE.sentence == sentence
    assert sentence in (answered / "README.md").read_text()
    assert "overrides" not in json.loads((plain / "manifest.json").read_text())
    assert Manifest.from_bytes((plain / "manifest.json").read_bytes()).description.overrides == ()


@pytest.mark.promise("gates.23")
@pytest.mark.parametrize("part", [f.name for f in fields(Override)])
@pytest.mark.parametrize("text", ["", "two\nlines", "x" * 1001])
def test_an_answer_that_is_not_a_line_of_text_is_refused(tmp_path: Path, part: str, text: str) -> None:
    with pytest.raises(CapsuleRefused, match="must be a line"):
        unsigned(tmp_path / "capsule", overrides=(replace(OVERRIDE, **{part: text}),))


@pytest.mark.promise("gates.23")
@pytest.mark.parametrize("wrong", [{}, "text", [1], [{"gate": "columns"}], [{**asdict(OVERRIDE), "code": 7}], []])
def test_a_manifest_whose_answers_are_of_another_shape_is_refused(tmp_path: Path, wrong: Any) -> None:
    raw = json.loads((unsigned(tmp_path / "capsule", overrides=(OVERRIDE,)) / "manifest.json").read_text())
    raw["overrides"] = wrong
    with pytest.raises(CapsuleRefused):
        Manifest.from_bytes(layout.readable_json(raw))


@pytest.mark.promise("standard.1")
def test_organisation_and_data_model_are_in_the_manifest_and_one_without_them_has_the_bytes_it_always_had(tmp_path: Path) -> None:
    named = unsigned(tmp_path / "named", organisation="St Elsewhere NHS Trust", data_model="OMOP CDM 5.4")
    manifest = Manifest.from_bytes((named / "manifest.json").read_bytes())
    assert (manifest.description.organisation, manifest.description.data_model) == ("St Elsewhere NHS Trust", "OMOP CDM 5.4")
    plain = (unsigned(tmp_path / "plain") / "manifest.json").read_bytes()
    assert not {"organisation", "data_model"} & json.loads(plain).keys()
    assert Manifest.from_bytes(plain).description.organisation == ""
    raw = json.loads(plain)
    for wrong in ({"organisation": 7}, {"data_model": "two\nlines"}, {"organisation": ""}, {"data_model": "x" * 1001}):
        with pytest.raises(CapsuleRefused):
            Manifest.from_bytes(layout.readable_json({**raw, **wrong}))


@pytest.mark.promise("standard.1")
@pytest.mark.parametrize(
    ("tables", "model"),
    [
        (
            {"person": ["person_id", "gender_concept_id"], "visit_occurrence": ["visit_concept_id", "admitted_from_concept_id"]},
            "OMOP CDM 5.4",
        ),
        ({"PERSON": ["GENDER_CONCEPT_ID"], "VISIT_OCCURRENCE": ["DISCHARGE_TO_CONCEPT_ID"]}, "OMOP CDM 5.3"),
        ({"person": ["gender_concept_id"], "measurement": ["measurement_concept_id"]}, "OMOP CDM"),
        ({"person": ["age", "sex"]}, ""),
        ({"person": ["age_concept_id"], "visits": ["a"], "wards": ["b"]}, ""),
    ],
)
def test_the_common_data_model_is_told_from_names(tables: dict[str, list[str]], model: str) -> None:
    columns = {name: tuple(ColumnSchema(each, Kind.INTEGER, "int64") for each in named) for name, named in tables.items()}
    assert recognised(DatasetSchema(tuple(TableSchema(name, each) for name, each in columns.items()))) == model
