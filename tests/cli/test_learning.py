"""Generators that learn from records, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from generators.learning.known import learned_generators
from tests.cli.conftest import Run

QUICK = {name: {"rounds": "1"} for name in ("autoregressive", "synthvae", "gan")}
"""Choices that make a fit short, where what matters is that it runs."""


def quick(name: str) -> list[str]:
    further = ["--epsilon", "2", "--delta", "1e-4", "--contributions", "1"] if name == "dp-marginals" else []
    return [*further, *(part for option, value in QUICK.get(name, {}).items() for part in ("--option", f"{option}={value}"))]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, stays: Path) -> Path:
    """A small model, fitted by the command line."""
    from synthportal.cli.commands import synthportal
    from synthportal.cli.outcome import exit_code_of

    out = tmp_path_factory.mktemp("fitted") / "model"
    arguments = ["fit", stays, "--generator", "cart", "--first", "sex", "--seed", 3, "--out", out]
    assert exit_code_of(lambda: synthportal.main([str(a) for a in arguments], standalone_mode=False)) == 0
    return out


@pytest.mark.promise("cli.20")
def test_the_list_tells_of_every_generator_what_one_chooses_by(run: Run) -> None:
    ended = run("generators")

    assert ended.code == 0
    for name in ("structural", "marginal", "aggregates", *learned_generators()):
        told = ended.out.split(f"{name}  ", 1)[1].split("\n\n")[0]
        for what in ("tier:", "fidelity:", "privacy:", "time:", "choose it for:"):
            assert what in told, (name, what)


@pytest.mark.promise("cli.20")
@pytest.mark.parametrize("name", learned_generators())
def test_one_generator_is_told_with_its_options(run: Run, name: str) -> None:
    ended = run("generators", name)

    assert ended.code == 0
    assert "--option NAME=VALUE" in ended.out


@pytest.mark.promise("cli.21")
@pytest.mark.parametrize("name", learned_generators())
def test_every_generator_learns_is_saved_and_makes_rows(run: Run, stays: Path, place: Path, name: str) -> None:
    fitted = run("fit", stays, "--generator", name, *quick(name), "--out", "model")
    assert fitted.code == 0, fitted.err
    assert (place / "model").stat().st_mode & 0o777 == 0o700
    assert "personal data" in fitted.err

    made = run("generate", "--model", "model", "--rows", 300, "--seed", 1, "--out", "a.parquet")
    assert made.code == 0, made.err
    assert run("generate", "--model", "model", "--rows", 300, "--seed", 1, "--out", "b.parquet").code == 0

    table = pq.read_table("a.parquet")
    assert table.num_rows == 300
    assert set(table["sex"].unique().to_pylist()) <= {"F", "M"}
    assert (place / "a.parquet").read_bytes() == (place / "b.parquet").read_bytes()


@pytest.mark.promise("cli.22")
def test_conditions_are_met_by_every_row(run: Run, model: Path, place: Path) -> None:
    ended = run("generate", "--model", model, "--rows", 200, "--given", "sex=F", "--given", "age=65..79", "--out", "women.parquet")

    assert ended.code == 0, ended.err
    table = pq.read_table("women.parquet")
    assert set(table["sex"].to_pylist()) == {"F"}
    assert 65 <= pc.min(table["age"]).as_py() <= pc.max(table["age"]).as_py() <= 79


@pytest.mark.promise("cli.22")
@pytest.mark.parametrize("condition", ["sex=Z", "age=400..500", "height=3", "sex"])
def test_conditions_that_no_row_can_meet_are_one_line(run: Run, model: Path, place: Path, condition: str) -> None:
    ended = run("generate", "--model", model, "--rows", 20, "--given", condition, "--out", "x.parquet")

    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert list(place.iterdir()) == []


@pytest.mark.promise("cli.23")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--generator", "cart", "--epsilon", "0"], "epsilon"),
        (["--generator", "dp-marginals"], "epsilon"),
        (["--generator", "cart", "--option", "leaf=none"], "leaf"),
        (["--generator", "cart", "--option", "latent=3"], "latent"),
        (["--generator", "cart", "--max-membership", "0.4"], "membership"),
        (["--generator", "cart", "--without", "height"], "height"),
        (["--generator", "marginal"], "does not learn"),
        (["--generator", "none"], "there is no"),
        (["--generator", "cart", "--apart", "age"], "--apart"),
    ],
)
def test_what_cannot_be_learned_so_is_one_line(run: Run, stays: Path, place: Path, arguments: list[str], told: str) -> None:
    ended = run("fit", stays, *arguments, "--out", "model")

    assert ended.code == 2
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
    assert list(place.iterdir()) == []


@pytest.mark.promise("cli.23")
@pytest.mark.parametrize("harm", ["newer", "edited", "cut", "absent"])
def test_a_model_that_was_changed_is_refused(run: Run, model: Path, place: Path, harm: str) -> None:
    copy = place / "model"
    copy.mkdir()
    for file in model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    if harm == "newer":
        told = json.loads((copy / "model.json").read_text())
        (copy / "model.json").write_text(json.dumps({**told, "format": told["format"] + 1}))
    elif harm == "edited":
        text = (copy / "model.json").read_text()
        (copy / "model.json").write_text(text.replace('"seed": 3', '"seed": 4'))
    elif harm == "cut":
        weights = copy / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-8])
    else:
        (copy / "model.json").unlink()

    ended = run("generate", "--model", "model", "--rows", 20, "--out", "x.parquet")

    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert not (place / "x.parquet").exists()


@pytest.mark.promise("cli.24")
@pytest.mark.slow
def test_trees_with_leaves_of_one_person_are_stopped_by_the_gates(run: Run, visits: Path, place: Path) -> None:
    (place / "pipeline.toml").write_text('generator = "cart"\n[learning.options]\nleaf = 1\n')
    ended = run("run", visits, "--config", "pipeline.toml", "--out", "results")

    assert ended.code == 3, ended.err
    metrics = json.loads((place / "results" / "metrics.json").read_text())
    failed = {o["gate"] for o in metrics["verdict"]["outcomes"] if o["level"] == "hard" and not o["passed"]}
    assert failed & {"collisions", "unexplained_copies", "nearer_to_train", "membership_distance", "caught_distance", "exposed"}, failed
    told = json.loads((place / "results" / "run.json").read_text())
    assert told["fit"]
    assert dict(told["mechanism"]["parameters"])["option leaf"] == "1"
