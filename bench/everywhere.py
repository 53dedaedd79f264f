"""Every generator on every reference dataset by the command line: does it run, and what do the gates say?

    python bench/everywhere.py SHARED [--names nass_crash er_like flights nhefs omop] [--generators …] [--leaf 1]

For each: `synthportal run` with the generator's defaults (dp-marginals with epsilon 1), then one line: seconds, exit code, hard gates
failed. --leaf 1 adds `cart` with leaves of one person, which the gates must stop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NAMES = ("nass_crash", "nhefs", "er_like", "omop", "flights")
SYNTHPORTAL = [sys.executable, "-c", "from synthportal.cli import main; main()"]


def run(data: Path, generator: str, further: list[str]) -> str:
    """One line about one run."""
    with tempfile.TemporaryDirectory() as folder:
        out, began = Path(folder) / "results", time.monotonic()
        command = [*SYNTHPORTAL, "run", str(data), "--out", str(out), "--generator", generator, *further]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        seconds = time.monotonic() - began
        if done.returncode not in (0, 3):
            return f"{seconds:6.0f} s  exit {done.returncode}  {done.stderr.strip().splitlines()[-1]}"
        verdict = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["verdict"]
        failed = [o["gate"] for o in verdict["outcomes"] if o["level"] == "hard" and not o["passed"]]
        return f"{seconds:6.0f} s  exit {done.returncode}  {', '.join(failed) or 'all hard gates met'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--names", nargs="*", default=list(NAMES))
    parser.add_argument("--generators", nargs="*")
    parser.add_argument("--leaf", help="also cart with such leaves")
    arguments = parser.parse_args()
    from generators.registry import GENERATORS

    for name in arguments.names:
        data = arguments.shared / "data" / (name if name == "omop" else f"{name}.parquet")
        for generator in arguments.generators or GENERATORS:
            further = ["--epsilon", "1"] if generator == "dp-marginals" else []
            print(f"{name:12} {generator:16} {run(data, generator, further)}", flush=True)
        if arguments.leaf:
            print(f"{name:12} {'cart leaf ' + arguments.leaf:16} {run(data, 'cart', ['--option', f'leaf={arguments.leaf}'])}", flush=True)


if __name__ == "__main__":
    main()
