"""Every generator on every reference dataset by the command line: does it run, what does it cost, and what do the gates say?

    python bench/everywhere.py SHARED [--names nass_crash nhefs er_like omop flights] [--generators …] [--leaf 1] [--limit 1800]
                                      [--rows 60000] [--keep FOLDER]

For each: `synthportal run` with the generator's defaults (dp-marginals with epsilon 1), then a row of a Markdown table: processor
seconds of the fit and of the whole run, the exit code of the command, and the hard gates that stopped it. --leaf 1 adds `cart` with
leaves of one person, which the gates must stop. --limit: processor seconds after which a run is given up. --rows: of a larger lone table
only so many rows, drawn from all of it, are used. --keep: what each run wrote, to look at why it was stopped.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NAMES = ("nass_crash", "nhefs", "er_like", "omop", "flights")
TIMED = [sys.executable, "-c", "from bench.everywhere import timed; timed()"]
SECONDS = "processor seconds of the fit: "


def seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def timed() -> None:
    """The command line, which besides says what the fit cost."""
    from synthportal.cli import main, making

    fit = making.fit

    @functools.wraps(fit)
    def told(*args: Any, **kwargs: Any) -> Any:
        both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        before = sum(map(seconds, both))
        fitted = fit(*args, **kwargs)
        print(f"{SECONDS}{sum(map(seconds, both)) - before:.1f}", file=sys.stderr)
        return fitted

    making.fit = told
    main()


def part(data: Path, rows: int | None, folder: Path) -> Path:
    """A file of at most so many rows of a lone table, in their order; or the data as they are."""
    if rows is None or data.is_dir() or pq.read_metadata(data).num_rows <= rows:
        return data
    table = pq.read_table(data)
    chosen = np.sort(np.random.default_rng(7).choice(table.num_rows, rows, replace=False))
    pq.write_table(table.take(chosen), folder / data.name)
    return folder / data.name


def run(data: Path, generator: str, further: list[str], limit: int, keep: Path | None = None) -> str:
    """The cells of one run: seconds of the fit, of all of it, exit code, gates. keep: a new folder for what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        out, before = Path(folder) / "results", seconds(resource.RUSAGE_CHILDREN)
        command = [*TIMED, "run", str(data), "--out", str(out), "--generator", generator, *further]
        done = subprocess.run(
            ["prlimit", f"--cpu={limit:d}", *command], capture_output=True, text=True, check=False, cwd=ROOT
        )  # processor time: a busy machine is no reason to give up
        if done.returncode == -signal.SIGXCPU:
            return f"– | – | – | given up after {limit} processor seconds | – |"
        used = seconds(resource.RUSAGE_CHILDREN) - before
        if keep is not None and out.is_dir():
            shutil.copytree(out, keep)
        said = done.stderr.strip().splitlines() or [""]
        fitted = [line.removeprefix(SECONDS) for line in said if line.startswith(SECONDS)] or ["–"]
        if done.returncode not in (0, 3) or not (out / "metrics.json").is_file():
            return f"{fitted[0]} | {used:.0f} | {done.returncode} | {said[-1]} | –"
        verdict = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["verdict"]
        failed = {level: [o["gate"] for o in verdict["outcomes"] if o["level"] == level and not o["passed"]] for level in ("hard", "soft")}
        stopped = f"**stopped**: {', '.join(failed['hard'])}" if failed["hard"] else "met"
        return f"{fitted[0]} | {used:.0f} | {done.returncode} | {stopped} | {', '.join(failed['soft']) or '–'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--names", nargs="*", default=list(NAMES))
    parser.add_argument("--generators", nargs="*")
    parser.add_argument("--leaf", help="also cart with such leaves")
    parser.add_argument("--limit", type=int, default=1800)
    parser.add_argument("--rows", type=int, help="of a larger lone table use only so many")
    parser.add_argument("--keep", type=Path, help="a folder for what the runs write")
    arguments = parser.parse_args()
    from generators.registry import GENERATORS

    print(
        "| dataset | generator | fit s | whole run s | exit | hard gates | soft gates not met |\n|---|---|---|---|---|---|---|", flush=True
    )
    for name in arguments.names:
        whole = arguments.shared / "data" / (name if name == "omop" else f"{name}.parquet")
        asked = [(g, g, ["--epsilon", "1"] if g == "dp-marginals" else []) for g in arguments.generators or GENERATORS]
        if arguments.leaf:
            asked.append((f"cart, leaf {arguments.leaf}", "cart", ["--option", f"leaf={arguments.leaf}"]))
        with tempfile.TemporaryDirectory() as folder:
            data = part(whole, arguments.rows, Path(folder))
            for told, generator, further in asked:
                keep = arguments.keep / f"{name} {told}" if arguments.keep else None
                print(f"| {name} | {told} | {run(data, generator, further, arguments.limit, keep)} |", flush=True)


if __name__ == "__main__":
    main()
