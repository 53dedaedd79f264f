"""Tuning of the flagship: one table coded once, then fits with several settings, judged by persons held out inside train alone.

    python bench/flagship.py train.parquet [--option size=small …] [--set rate=0.002 drop=0.1 …] [--rows 500000] [--heads]

Tells for each fit the loss of rows held out (of the counted tables alone, and with the network), processor seconds, rows a second drawn and
decoded, and with `--heads` what each column's draw hangs on. Settings that `--set` changes are those of
`generators.models.autoregressive.settings`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from generators.disclosure import POLICIES  # noqa: E402
from generators.encoding.coded import CodedRows  # noqa: E402
from generators.encoding.table import TableEncoding  # noqa: E402
from generators.fitting.coding import encoded  # noqa: E402
from generators.fitting.records import read  # noqa: E402
from generators.generating.layout import layout  # noqa: E402
from generators.learning.choosing import hold_out  # noqa: E402
from generators.learning.options import chosen  # noqa: E402
from generators.learning.watch import Watch  # noqa: E402
from generators.models.autoregressive import learner  # noqa: E402
from generators.models.autoregressive.model import AutoregressiveModel  # noqa: E402
from generators.reading.tables import read_dataset  # noqa: E402
from generators.working_copy.deidentify import deidentify_dataset  # noqa: E402


def coded(train: Path) -> tuple[TableEncoding, CodedRows]:
    """The table as the estimator codes it."""
    with tempfile.TemporaryDirectory() as work:
        dataset = read_dataset(train, Path(work) / "read")
        copy = deidentify_dataset(dataset, b"benchmark benchmark benchmark", Path(work) / "copy")
        (place,) = layout(copy.schema).places.values()
        here = read(place, copy.tables[0].path)
        encoding, codes = encoded(here, copy.schema, POLICIES["internal"])
    return encoding, CodedRows(np.ascontiguousarray(codes), encoding.parts, np.asarray(here.persons))


def told_of_heads(model: AutoregressiveModel) -> None:
    """What each draw hangs on, and how much of what the network says was kept."""
    parts = model.layout.parts
    for head, table, share in zip(model.layout.heads, model.weights.tables, model.record["shares"], strict=True):
        parents = ", ".join(f"{parts[p.part].column} {parts[p.part].what}{' (group)' if p.group else ''}" for p in table.parents)
        print(f"    {parts[head.part].column} {parts[head.part].what}, {head.what} of {head.size}:")
        print(f"        network {share:.2f}; table of {parents or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("--option", nargs="*", default=[])
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--heads", action="store_true")
    arguments = parser.parse_args()
    changed: dict[str, Any] = {n: int(v) if v.isdigit() else float(v) for n, v in (text.split("=", 1) for text in arguments.set)}
    usual = learner._settings
    learner._settings = lambda rows, options: replace(usual(rows, options), **changed)
    encoding, rows = coded(arguments.train)
    options = chosen(learner.Autoregressive.OPTIONS, dict(text.split("=", 1) for text in arguments.option))
    for seed in range(arguments.seeds):
        learned, outside = hold_out(rows, seed)
        watch, began = Watch(), time.process_time()
        model = learner.Autoregressive.fit(learned, seed=seed, options=options, watch=watch, held_out=outside)
        seconds = time.process_time() - began
        print(f"{arguments.train.stem}, seed {seed}: {seconds:.1f} s")
        print(f"    loss: of the tables {model.record['loss_of_tables']:.3f}, with the network {model.record['loss']:.3f}")
        print("    rounds: " + ", ".join(f"{epoch.held_out:.3f}" for epoch in watch.epochs))
        began = time.process_time()
        codes = model.sample(np.zeros((arguments.rows, 0), dtype=np.int32), np.random.default_rng(seed))
        drawing, began = time.process_time() - began, time.process_time()
        encoding.decode(codes, np.random.default_rng(seed))
        decoding = time.process_time() - began
        print(f"    rows a second: drawn {arguments.rows / drawing:,.0f}, decoded {arguments.rows / decoding:,.0f}")
        if arguments.heads:
            told_of_heads(model)


if __name__ == "__main__":
    main()
