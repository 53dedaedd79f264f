"""Free text: the words it uses, rare phrases of real people word for word, identifiers within it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.basket import evaluate
from evaluation.comparison import compare
from evaluation.fidelity import text as spoken
from evaluation.fidelity.text import words
from evaluation.privacy import text as told
from evaluation.privacy.text import RarePhrases, identified
from evaluation.report import public
from evaluation.results import MetricResult
from evaluation.work import Work
from generators.disclosure import POLICIES
from generators.schema import ColumnSchema, Kind, TableSchema

POLICY = POLICIES["internal"]
NOTE = ColumnSchema("note", Kind.FREE_TEXT, "string")
SCHEMA = TableSchema("visit", (ColumnSchema("who", Kind.IDENTIFIER, "string"), NOTE), person_key="who")
WHAT, WHERE, SINCE = ("pain", "rash", "swelling"), ("chest", "left arm", "right leg"), ("this morning", "last night", "two days ago")
SECRET = "bitten by a tame otter at the county fair"


def notes(seed: int, rows: int = 400) -> list[str | None]:
    draw = np.random.default_rng(seed)
    picked = [tuple(draw.integers(0, 3, 3)) for _ in range(rows)]
    return [None if k % 50 == 0 else f"{WHAT[a]} in the {WHERE[b]} since {SINCE[c]}" for k, (a, b, c) in enumerate(picked)]


def write(folder: Path, name: str, texts: list[str | None], people: int | None = None) -> Path:
    who = [f"{name}{i % (people or len(texts))}" for i in range(len(texts))]
    pq.write_table(pa.table({"who": who, "note": pa.array(texts, pa.string())}), folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def measured(folder: Path, made: list[str | None], *, train: list[str | None] | None = None) -> dict[str, MetricResult]:
    """Every measure of text, of the whole table."""
    files = (write(folder, "t", train or [*notes(1), SECRET]), write(folder, "h", notes(2, 300)), write(folder, "s", made))
    w = Work(compare(*files, SCHEMA, POLICY, 0))
    return {r.metric: r for r in (*spoken.likeness(w), *told.phrases(w), *told.identifiers(w)) if r.scope.kind == "table"}


def test_words_are_runs_of_letters_and_digits_with_the_text_they_are_in() -> None:
    found = words(pa.array(["Chest pain, 3/7.", None, "", "pain! é", "Chest pain, 3/7."]))
    said = [(found.spelled[int(code)].as_py(), int(row)) for code, row in zip(found.codes, found.row, strict=True)]
    first = [("chest", 0), ("pain", 0), ("3", 0), ("7", 0)]
    assert said == [*first, ("pain", 3), ("é", 3), *((word, 4) for word, _ in first)]
    assert found.with_words.tolist() == [True, False, False, True, True]
    other = found.coded_as(words(pa.array(["pain"])))
    assert set(other.codes.tolist()) == {-1, 0}


@pytest.mark.promise("likeness.9")
def test_texts_like_the_real_ones_use_their_words_as_often(tmp_path: Path) -> None:
    found = measured(tmp_path, notes(3))
    assert found["text_vocabulary"].value == found["text_vocabulary"].ceiling == 1
    assert found["text_words"].value < 0.05
    assert found["text_words"].ceiling < 0.05
    strange = measured(tmp_path, ["quidditas essendi realis est"] * 400)
    assert strange["text_vocabulary"].value == 0
    assert strange["text_words"].value > 0.99


@pytest.mark.promise("likeness.9")
def test_a_word_of_few_people_counts_as_unknown(tmp_path: Path) -> None:
    found = measured(tmp_path, [SECRET] * 10 + notes(3, 10))
    # nine words of one person, and ten texts of whose words all are known (one is missing)
    assert 0.4 < found["text_vocabulary"].value < 0.6
    assert found["text_vocabulary"].floor < 1


@pytest.mark.promise("likeness.10")
def test_a_rare_phrase_is_found_word_for_word_however_it_is_written(tmp_path: Path) -> None:
    found = measured(tmp_path, [*notes(3), "was BITTEN by a tame  otter, he says"])["rare_phrases"]
    # bitten by a; by a tame; a tame otter; and two of four words, one of five
    assert found.remark == "6 different phrases; 0 in the held-out texts"
    assert found.value == pytest.approx(1 / found.n)
    assert found.ceiling == 0
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.promise("likeness.10")
def test_phrases_that_enough_people_use_and_two_words_together_are_no_rare_phrases(tmp_path: Path) -> None:
    assert measured(tmp_path, notes(3))["rare_phrases"].value == 0
    assert measured(tmp_path, ["tame otter", "county fair", "pain since two days ago"] * 5)["rare_phrases"].value == 0
    assert measured(tmp_path, [None] * 20)["rare_phrases"].value == 0


@pytest.mark.promise("likeness.10")
def test_one_person_who_writes_the_same_thing_often_is_still_one_person() -> None:
    texts = ["seen by doctor quill again"] * 40 + ["no change since then at all"] * 40
    train = words(pa.array(texts))
    people = np.array([0] * 40 + list(range(1, 41)), np.int32)
    held, different = RarePhrases(train, people, 5).within(words(pa.array([texts[0], texts[-1], "doctor quill"])).coded_as(train))
    assert held.tolist() == [True, False, False]
    assert different == 3 + 2 + 1


@pytest.mark.promise("likeness.10")
@pytest.mark.parametrize("seed", range(6))
def test_rare_phrases_are_those_a_plain_count_finds(seed: int) -> None:
    draw = np.random.default_rng(seed)

    def drawn(rows: int) -> list[str]:
        return [" ".join(draw.choice(list("abcd"), draw.integers(0, 8))) for _ in range(rows)]

    def grams(text: str) -> set[tuple[str, ...]]:
        said = text.split()
        return {tuple(said[i : i + n]) for n in told.LENGTHS for i in range(len(said) - n + 1)}

    texts, made = drawn(120), drawn(60)
    people = draw.integers(0, 60, 120).astype(np.int32)
    behind: dict[tuple[str, ...], set[int]] = {}
    for text, who in zip(texts, people, strict=True):
        for gram in grams(text):
            behind.setdefault(gram, set()).add(int(who))
    rare = {gram for gram, whos in behind.items() if len(whos) < 5}
    expected = [bool(grams(text) & rare) for text in made]
    train = words(pa.array(texts))
    held, different = RarePhrases(train, people, 5).within(words(pa.array(made)).coded_as(train))
    assert held.tolist() == expected
    assert different == len(rare & set().union(*map(grams, made)))


@pytest.mark.promise("likeness.11")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("NHS no 943 476 5919 seen", "NHS number"),
        ("write to a.smith@example.nhs.uk please", "e-mail address"),
        ("ring 020 7946 0958 after six", "telephone number"),
        ("mobile +44 7700 900123", "telephone number"),
        ("lives at NW1 2BU with mother", "postcode"),
        ("dob 12/03/1956", "full date"),
        ("born 1956-03-12", "full date"),
        ("born 12th March 1956", "full date"),
    ],
)
def test_an_identifier_within_a_text_is_found(text: str, what: str) -> None:
    assert what in identified(text)
    assert told._marked(pa.array([f"x {text.lower()}", text]))[0].tolist() == [True, True]


@pytest.mark.promise("likeness.11")
@pytest.mark.parametrize(
    "text", ["943 476 5918", "vitamin B12 3mg twice", "bp 120/80, pulse 88", "pain 7/10 since 2019", "day 12 of 21", "T1 2nd", "room 12-03"]
)
def test_clinical_shorthand_is_no_identifier(text: str) -> None:
    assert identified(text) == ()


@pytest.mark.promise("likeness.11")
def test_identifiers_are_counted_by_text_and_told_by_kind_without_their_value(tmp_path: Path) -> None:
    made = [*notes(3), "call 020 7946 0958 or 020 7946 0018", "a@example.org, NW1 2BU", "a@example.org, NW1 2BU"]
    found = measured(tmp_path, made)["text_identifiers"]
    assert found.value == 3
    assert found.remark == "e-mail address: 2 texts, postcode: 2 texts, telephone number: 1 text"
    assert found.ceiling is None
    clean = measured(tmp_path, notes(3))["text_identifiers"]
    assert (clean.value, clean.remark) == (0, None)


@pytest.mark.promise("likeness.11")
def test_the_public_is_told_of_texts_in_bands_only(tmp_path: Path) -> None:
    files = (
        write(tmp_path, "t", [*notes(1), SECRET]),
        write(tmp_path, "h", notes(2, 300)),
        write(tmp_path, "s", [*notes(3), *[SECRET] * 40]),
    )
    only = {"rare_phrases", "text_identifiers", "text_vocabulary"}
    found = evaluate(*files, SCHEMA, policy=POLICY, only=only)
    shown = {r.metric: r for r in public(found).results}
    assert shown["rare_phrases"].remark == "more than among people the generator never saw"
    assert shown["text_identifiers"].remark == "none"
    assert all(shown[m].value is None and shown[m].n is None for m in ("rare_phrases", "text_identifiers"))
    assert shown["text_vocabulary"].value is not None


@pytest.mark.promise("likeness.12")
def test_nothing_is_told_of_texts_of_few_people_or_of_a_column_that_is_not_there(tmp_path: Path) -> None:
    train: list[str | None] = [None] * 400
    train[:8] = notes(1)[1:9]
    few = (write(tmp_path, "t", train, 400), write(tmp_path, "h", notes(2)), write(tmp_path, "s", notes(3)))
    strict = replace(POLICY, minimum=10, rounding=10)
    assert all("fewer than 10 persons" in r.failed for r in spoken.likeness(Work(compare(*few, SCHEMA, strict, 0))))
    pq.write_table(pa.table({"who": ["a", "b"]}), tmp_path / "s.parquet")
    w = Work(compare(*few, SCHEMA, POLICY, 0))
    for r in (*spoken.likeness(w), *told.phrases(w), *told.identifiers(w)):
        assert r.value is None
        assert "note" in r.failed
    assert Counter(r.scope.kind for r in told.phrases(w)) == {"table": 1, "column": 1}
