"""Differentially private generators: how good, how fast, and whether what they claim holds.

    python bench/private_generators.py emergency [--epsilon 0.606] [--delta 1.71e-7] [--seeds 3]
    python bench/private_generators.py table SHARED [--name nass_crash] [--epsilon 1] [--delta 1e-7] [--seeds 3]
    python bench/private_generators.py audit [--fits 200]

emergency: the simulated emergency department, 27,963 visits × 22 columns, at ε and δ under which 0.093 was claimed elsewhere: root mean
square error of the plain (Pearson) correlations of all pairs of numbers, dates and times, beside a naive shuffle of each column by itself,
with a visit as the unit (as there) and with a person (so many visits of each count), with the rules of its schema kept in every row and
without. Bins and lists of categories are in the budget.
table: a reference table by the independent scorer `SHARED/bench/score.py`. audit: many fits of small models with and without an inserted
record: the lower bound of ε at 95 % confidence, for the real thing and for versions that are broken on purpose. One thread; processor time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from generators.encoding.coded import CodedRows, Part  # noqa: E402
from generators.fitting.estimator import fit  # noqa: E402
from generators.learning.canaries import audit  # noqa: E402
from generators.learning.ledger import PrivacyLedger  # noqa: E402
from generators.learning.mechanisms import OpenDp  # noqa: E402
from generators.learning.options import Budget  # noqa: E402
from generators.learning.watch import Watch  # noqa: E402
from generators.models.dp_marginals.learner import DpMarginals  # noqa: E402
from generators.reading.tables import read_dataset  # noqa: E402
from generators.rules.meaning import violations  # noqa: E402
from generators.schema import DatasetSchema, TableSchema  # noqa: E402
from generators.simulated import EMERGENCY_SCHEMA, emergency_department  # noqa: E402

SELECTIONS = ("mst", "aim")
CLAIMED = 1.0


def numbers(table: pa.Table) -> pd.DataFrame:
    """Numbers, dates and times of day of a table as floats; identifiers and words left out."""
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            columns[name] = column.to_pandas().astype(float)
        elif pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            values = pd.to_datetime(column.to_pandas())
            columns[name] = values.astype("int64").where(values.notna()).astype(float)
        elif name.endswith("_time"):
            parts = column.to_pandas().astype("string").str.split(":", expand=True).astype(float)
            columns[name] = parts[0] * 60 + parts[1]
    return pd.DataFrame(columns)


def correlation_error(real: pa.Table, made: pa.Table) -> float:
    """√ mean over pairs of (real − made)² of the plain correlations; a correlation that is not defined counts as none."""
    one, other = numbers(real), numbers(made)
    pairs = np.triu_indices(one.shape[1], 1)
    difference = one.corr().fillna(0).to_numpy() - other[one.columns].corr().fillna(0).to_numpy()
    return float(np.sqrt(np.mean(difference[pairs] ** 2)))


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    """Each column by itself in another order."""
    rng = np.random.default_rng(seed)
    return pa.table({n: table.column(n).take(pa.array(rng.permutation(table.num_rows))) for n in table.column_names})


def share_kept(table: TableSchema, made: pa.Table) -> float:
    """The share of rows that keep every rule of the table."""
    broken = np.zeros(made.num_rows, dtype=np.bool_)
    for rule in table.rules:
        broken |= violations(rule, made, table)
    return float(1 - broken.mean())


def drawn(
    path: Path, schema: DatasetSchema, name: str, rows: int, epsilon: float, delta: float, selection: str, seed: int, contributions: int = 1
) -> tuple[pa.Table, float, float]:
    """As many rows as the table has from a private fit of it, processor seconds of the fit, ε spent."""
    began = time.process_time()
    budget = Budget(epsilon=epsilon, delta=delta, contributions=contributions)
    fitted = fit("dp-marginals", {name: path}, schema, seed=seed, budget=budget, options={"selection": selection})
    seconds = time.process_time() - began
    tables = [part[name] for part in fitted.sample(rows, seed)]
    assert fitted.record.ledger is not None
    return pa.concat_tables(tables).slice(0, rows), seconds, float(fitted.record.ledger["spent_epsilon"])


def emergency(arguments: argparse.Namespace) -> None:
    """The simulated emergency department, a line for each unit and way of choosing pairs."""
    real = emergency_department()
    schema = EMERGENCY_SCHEMA.deidentified()
    (table,) = schema.tables
    real = real.select(table.names)
    print(f"{real.num_rows:,} visits × {real.num_columns} columns, ε = {arguments.epsilon:g}, δ = {arguments.delta:g}")
    naive = statistics.median(correlation_error(real, shuffled(real, seed)) for seed in range(arguments.seeds))
    print(f"{'naive shuffle of each column':40s} correlation RMSE {naive:.4f}")
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / f"{table.name}.parquet"
        pq.write_table(real, path)
        bare = replace(table, rules=())
        kinds = [
            ("visit, no rules", replace(bare, person_key=None), 1),
            ("visit, rules kept", replace(table, person_key=None), 1),
            ("person (1 visit), rules kept", table, 1),
            ("person (3 visits), rules kept", table, 3),
        ]
        for unit, of, most in kinds:
            for selection in arguments.selections:
                whole = replace(schema, tables=(of,))
                found = [
                    drawn(path, whole, table.name, real.num_rows, arguments.epsilon, arguments.delta, selection, seed, most)
                    for seed in range(arguments.seeds)
                ]
                error = statistics.median(correlation_error(real, made) for made, _, _ in found)
                seconds = statistics.median(s for _, s, _ in found)
                spent = max(e for _, _, e in found)
                kept = min(share_kept(table, made) for made, _, _ in found)
                label = f"dp-marginals {selection}, unit {unit}"
                print(
                    f"{label:50s} correlation RMSE {error:.4f}   fit {seconds:.1f} s   ε spent {spent:.4f}   "
                    f"rows that keep all rules {kept:.4f}",
                    flush=True,
                )


def reference(arguments: argparse.Namespace) -> None:
    """A reference table by the independent scorer."""
    shared = Path(arguments.shared)
    meta = shared / "data" / f"{arguments.name}.json"
    scorer = [sys.executable, str(shared / "bench" / "score.py")]
    with tempfile.TemporaryDirectory() as work:
        split = Path(work) / "split"
        command = [*scorer, "split", "--real", str(shared / "data" / f"{arguments.name}.parquet"), "--out", str(split), "--meta", str(meta)]
        subprocess.run(command, check=True, capture_output=True)
        dataset = read_dataset(split / "train.parquet", Path(work) / "read")
        schema = dataset.schema.deidentified()
        rows = pq.read_metadata(split / "train.parquet").num_rows
        for selection in SELECTIONS:
            lines = []
            for seed in range(arguments.seeds):
                made, seconds, spent = drawn(
                    dataset.tables[0].path, schema, schema.tables[0].name, rows, arguments.epsilon, arguments.delta, selection, seed
                )
                out = Path(work) / "made.parquet"
                made.to_pandas().to_parquet(out)
                given = ["--train", str(split / "train.parquet"), "--holdout", str(split / "holdout.parquet"), "--synthetic", str(out)]
                told = subprocess.run(
                    [*scorer, "score", *given, "--meta", str(meta), "--no-sdmetrics"], check=True, capture_output=True, text=True
                )
                score = json.loads(told.stdout)
                lines.append((score["disc_auc_gbm"], score["tstr_gbm_auc"], score["assoc_rmse"], seconds, spent))
            disc, tstr, assoc, seconds, spent = (statistics.median(column) for column in zip(*lines, strict=True))
            print(
                f"{arguments.name} dp-marginals {selection} ε = {arguments.epsilon:g}, δ = {arguments.delta:g}: discriminator {disc:.3f}, "
                f"TSTR {tstr:.3f}, association {assoc:.4f}, fit {seconds:.1f} s, ε spent {spent:.4f}"
            )


SMALL = (Part("a", "value", 4), Part("b", "value", 3))
ALONE = 3
"""The code of part a that the inserted record alone has."""


def small(canary: bool) -> CodedRows:
    """119 persons of two columns, and perhaps the inserted record."""
    codes = np.random.default_rng(0).integers(0, 3, (119, 2)).astype(np.int32)
    codes = np.concatenate([codes, np.array([[ALONE, 1]], dtype=np.int32)]) if canary else codes
    return CodedRows(codes, SMALL, np.arange(len(codes)))


class Understated(OpenDp):
    """A fortieth of the noise that it charges for."""

    def counts(self, true: npt.NDArray[np.int64], scale: float) -> npt.NDArray[np.int64]:
        """See `OpenDp.counts`."""
        return super().counts(true, scale / 40)


def tables_score(mechanisms: OpenDp, canary: bool) -> float:
    """How likely the model of noisy tables makes the inserted record."""
    ledger = PrivacyLedger(CLAIMED, 1e-5, 1, mechanisms=mechanisms)
    model = DpMarginals.fit(ledger.guarded(small(canary), 120), seed=0, options={"selection": "mst"}, watch=Watch(), ledger=ledger)
    return -float(model.surprise(np.array([[ALONE, 1]], dtype=np.int32))[0])


def audits(arguments: argparse.Namespace) -> None:
    """Lower bounds of ε for the real thing and for what is broken on purpose."""
    import torch

    from generators.models.private_training import PrivateSettings, PrivateTraining
    from generators.models.synthvae.network import Autoencoder

    torch.set_num_threads(1)

    class DecoderOnly(PrivateTraining):
        """Noise for the decoder alone."""

        def noisy(self, parameter: str) -> bool:
            return parameter.startswith(("unfold", "outer", "write"))

    def losses(network: torch.nn.Module, codes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        told, apart = network(codes, torch.randn(len(codes), 2, generator=generator))
        return torch.as_tensor(told + 0.5 * apart)

    def network_score(kind: type[PrivateTraining], canary: bool, seed: int) -> float:
        """How far the encoder's numbers for the record's own code moved."""
        ledger, network = PrivacyLedger(CLAIMED, 1e-5, 1), Autoencoder(SMALL, 0, width=6, latent=2, tables={}, seed=0)
        before = network.read.weight[ALONE].detach().clone()
        settings = PrivateSettings(rounds=3, batch=60, rate=0.02)
        kind(network, losses, settings).run(ledger.guarded(small(canary), 120), ledger, seed=seed, watch=Watch())
        return float((network.read.weight[ALONE].detach() - before).norm())

    def line(label: str, inserted: list[float], left_out: list[float]) -> None:
        found = audit(inserted, left_out, 1e-5)
        print(
            f"{label:52s} claimed ε = {CLAIMED:g}, audited ε ≥ {found.lower:.2f} "
            f"(caught {found.caught}, accused {found.accused} of {found.fits})"
        )

    many = range(arguments.fits)
    for label, mechanisms in (("dp-marginals", OpenDp()), ("dp-marginals, a fortieth of the noise it charges", Understated())):
        line(label, *([tables_score(mechanisms, canary) for _ in many] for canary in (True, False)))
    for label, kind in (("synthvae trained privately", PrivateTraining), ("synthvae, noise on the decoder alone", DecoderOnly)):
        line(label, *([network_score(kind, canary, n) for n in many] for canary in (True, False)))


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("emergency")
    first.add_argument("--epsilon", type=float, default=0.606)
    first.add_argument("--delta", type=float, default=1.71e-7)
    first.add_argument("--seeds", type=int, default=3)
    first.add_argument("--selections", nargs="*", default=list(SELECTIONS))
    first.set_defaults(run=emergency)
    second = commands.add_parser("table")
    second.add_argument("shared")
    second.add_argument("--name", default="nass_crash")
    second.add_argument("--epsilon", type=float, default=1.0)
    second.add_argument("--delta", type=float, default=1e-7)
    second.add_argument("--seeds", type=int, default=3)
    second.set_defaults(run=reference)
    third = commands.add_parser("audit")
    third.add_argument("--fits", type=int, default=200)
    third.set_defaults(run=audits)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
