"""Every generator that learns from records, on every reference table, beside what the best public tools scored.

    python bench/generators.py SHARED [--names nass_crash] [--generators autoregressive cart] [--seeds 3] [--sdmetrics] [--rows 1000000]

SHARED is the folder of the reference data: `data/NAME.parquet` with `NAME.json` beside it, and `bench/score.py`, an independent scorer
whose split (80 : 20 by row, seed 7) and figures are used. For each generator and table: fit on train, as many rows as train, scored;
medians over the seeds. Each fit is a process of its own on one thread: `fit` is processor seconds of learning from canonical files,
without the one or two that loading torch takes, `peak` the most memory that process had until then, `rows/s` how fast `--rows` rows come
into Arrow tables, of processor seconds too. The lines of the best public tools, as written in `bench/peers.md`, follow each table.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NAMES = ("nass_crash", "er_like", "nhefs", "flights")
PRIVATE = {"dp-marginals": (1.0, 1e-7)}
"""Generators that are differentially private, and the budget they get here."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

FIGURES = (
    ("disc", "disc_auc_gbm", 3),
    ("assoc", "assoc_rmse", 4),
    ("tvd2", "tvd2_mean", 4),
    ("TSTR", "tstr_gbm_auc", 3),
    ("TRTR", "trtr_gbm_auc", 3),
    ("corr", "corr_rmse", 4),
    ("DCR share", "dcr_share_train", 3),
    ("equal to train", "exact_match_train", 0),
    ("rare leaked", "rare_values_leaked", 0),
)


def one(arguments: argparse.Namespace) -> None:
    """In a process of its own: fit, sample, write; print one JSON line of what it took."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from generators.disclosure import POLICIES
    from generators.fitting.estimator import fit
    from generators.learning.known import learned_generators
    from generators.learning.options import Budget
    from generators.reading.tables import read_dataset
    from generators.working_copy.deidentify import deidentify_dataset

    with tempfile.TemporaryDirectory() as work:
        dataset = read_dataset(arguments.train, Path(work) / "read")
        copy = deidentify_dataset(dataset, b"benchmark benchmark benchmark", Path(work) / "copy")
        (table,) = copy.schema.tables
        private = PRIVATE.get(arguments.generator)
        budget = Budget(*private, 3) if private else Budget()
        options = dict(text.split("=", 1) for text in arguments.option)
        if library := learned_generators()[arguments.generator].library:
            importlib.import_module(library)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        model = fit(
            arguments.generator,
            {table.name: copy.tables[0].path},
            copy.schema,
            seed=arguments.seed,
            budget=budget,
            options=options,
            policy=POLICIES["internal"],
        )
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        made = pa.concat_tables([part[table.name] for part in model.sample(copy.tables[0].rows, arguments.seed)])
        pq.write_table(made, arguments.out)
        many, began = 0, time.process_time()
        for part in model.sample(arguments.rows, arguments.seed + 1) if arguments.rows else ():
            many += part[table.name].num_rows
        sampling = time.process_time() - began
    told = {"fit": seconds, "peak": peak / 1024, "before": before / 1024, "rows/s": many / sampling if many else None}
    found = model.record.tables[table.name].membership
    told["membership"] = None if found is None else found["area"]
    print(json.dumps(told))


def measured(generator: str, name: str, seed: int, split: Path, shared: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything about one generator on one table with one seed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "synthetic.parquet"
        command = [sys.executable, __file__, "--one", "--train", split / "train.parquet", "--out", out, "--generator", generator]
        command += ["--seed", seed, "--rows", arguments.rows if seed == 0 else 0]
        command += [part for option in arguments.option for part in ("--option", option)]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, env={**os.environ, **ONE_THREAD})
        if done.returncode:
            return {"failed": (done.stderr.strip().splitlines() or ["?"])[-1]}
        told = json.loads(done.stdout.strip().splitlines()[-1])
        score = [sys.executable, shared / "bench" / "score.py", "score", "--train", split / "train.parquet", "--holdout"]
        score += [split / "holdout.parquet", "--synthetic", out, "--meta", shared / "data" / f"{name}.json"]
        score += [] if arguments.sdmetrics else ["--no-sdmetrics"]
        scored = subprocess.run([str(c) for c in score], capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD})
        found = json.loads(scored.stdout.strip().splitlines()[-1])
    return {**found, **told}


def line(results: list[dict[str, Any]]) -> dict[str, str]:
    """The medians over the seeds, written."""

    def middle(key: str, places: int) -> str:
        values = [r[key] for r in results if isinstance(r.get(key), int | float)]
        return f"{statistics.median(values):,.{places}f}" if values else "–"

    rules = [min(r["rules"].values()) for r in results if r.get("rules")]
    return {
        **{title: middle(key, places) for title, key, places in FIGURES},
        "rules": f"{min(rules):.4f}" if rules else "–",
        "SDMetrics": middle("sdm_quality", 3),
        "membership": middle("membership", 3),
        "fit s": middle("fit", 1),
        "rows/s": middle("rows/s", 0),
        "peak MB": middle("peak", 0),
    }


def peers(file: Path, name: str) -> list[str]:
    """The lines of the public tools for one table."""
    found, inside = [], False
    for text in file.read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in text.strip("|").split("|")]
        if text.startswith("|") and cells[0]:
            inside = cells[0] == name
        if inside and text.startswith("|") and len(cells) > 8:
            found.append(text.strip())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, nargs="?")
    parser.add_argument("--names", nargs="*", default=list(NAMES))
    parser.add_argument("--generators", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sdmetrics", action="store_true")
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--generator", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments)
        return
    if arguments.shared is None:
        parser.error("name the folder of the reference data")
    from generators.learning.known import learned_generators

    chosen = arguments.generators or list(learned_generators())
    for name in arguments.names:
        with tempfile.TemporaryDirectory() as folder:
            data = arguments.shared / "data" / f"{name}.parquet"
            split = [sys.executable, arguments.shared / "bench" / "score.py", "split", "--real", data, "--out", folder, "--seed", "7"]
            subprocess.run([str(c) for c in split], check=True, capture_output=True)
            print(f"\n### {name}\n", flush=True)
            for number, generator in enumerate(chosen):
                results = [measured(generator, name, seed, Path(folder), arguments.shared, arguments) for seed in range(arguments.seeds)]
                good = [r for r in results if "failed" not in r]
                told = line(good) if good else {}
                if not number:
                    head = list(line([]))
                    print("| generator | " + " | ".join(head) + " |\n|" + "---|" * (len(head) + 1), flush=True)
                text = " | ".join(told.values()) if told else f"failed: {results[0]['failed']}"
                print(f"| {generator} | {text} |", flush=True)
        print(
            "\nPublic tools: SDMetrics quality | assoc | tvd2 | disc | TSTR boosted / logistic | DCR share | equal to train | rare leaked\n"
        )
        print("\n".join(peers(arguments.shared / "bench" / "peers.md", name)), flush=True)


if __name__ == "__main__":
    main()
