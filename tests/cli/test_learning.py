"""Generators that learn from records, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
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


@pytest.mark.promise("cli.22")
def test_shares_are_as_asked_and_a_small_group_can_be_made_larger(run: Run, place: Path) -> None:
    rng = np.random.default_rng(4)
    rows = zip(rng.choice(["F", "M"], 600), rng.choice(["W1", "W2", "W3", "W4", "W5"], 600), rng.integers(20, 80, 600), strict=True)
    (place / "people.csv").write_text("sex,ward,age\n" + "".join(f"{sex},{ward},{age}\n" for sex, ward, age in rows))
    assert run("fit", "people.csv", "--generator", "copula", "--out", "model").code == 0
    asked = ["--balance", "sex=F:20|M:80"], ["--oversample", "ward=W1:4"], []
    for number, further in enumerate(asked):
        ended = run("generate", "--model", "model", "--rows", 2000, *further, "--out", f"{number}.parquet")
        assert ended.code == 0, ended.err

    women = pc.mean(pc.equal(pq.read_table("0.parquet")["sex"], "F")).as_py()
    assert 0.16 < women < 0.24
    plain, more = (pc.mean(pc.equal(pq.read_table(f"{number}.parquet")["ward"], "W1")).as_py() for number in (2, 1))
    assert abs(more - 4 * plain / (1 + 3 * plain)) < 0.06  # four times as frequent beside the others


@pytest.mark.promise("cli.25")
def test_missing_cells_are_filled_and_nothing_else_is_changed(run: Run, stays: Path, model: Path, place: Path) -> None:
    head, *lines = stays.read_text().splitlines()
    gaps = [",".join(v if i != 2 or n % 7 else "" for i, v in enumerate(line.split(","))) for n, line in enumerate(lines)]
    (place / "stays.csv").write_text("\n".join([head, *gaps]) + "\n")

    ended = run("impute", "stays.csv", "--model", model, "--seed", 1, "--out", "filled.csv")

    assert ended.code == 0, ended.err
    made = (place / "filled.csv").read_text().splitlines()[1:]
    assert len(made) == len(lines)
    for n, (before, after) in enumerate(zip(gaps, made, strict=True)):
        known, found = before.split(","), [cell.strip('"') for cell in after.split(",")]
        assert found[2].startswith("W")
        assert [c for i, c in enumerate(found) if i != 2] == [c for i, c in enumerate(known) if i != 2], n
        assert n % 7 == 0 or found[2] == known[2]


@pytest.mark.promise("cli.23")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--generator", "cart", "--epsilon", "0"], "epsilon"),
        (["--generator", "dp-marginals"], "epsilon"),
        (["--generator", "autoregressive", "--epsilon", "1"], "choose dp-marginals, or synthvae"),
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
