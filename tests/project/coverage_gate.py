"""The branch-coverage gate: the parts in which an untested branch could disclose somebody or let the wrong person decide.

`python -m tests.project.coverage_gate` after the tests ran under coverage.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MINIMUM = 95
GATED = (
    "releases/policy.py",
    "releases/guards.py",
    "releases/permissions/*",
    "releases/visibility.py",
    "releases/audit.py",
    "releases/services/*",
    "releases/capsule/*",
    "releases/catalogue/access/*",
    "releases/catalogue/giving/*",
    "releases/catalogue/taking_in/*",
    "releases/catalogue/visitors.py",
    "generators/disclosure.py",
    "generators/summary*.py",
    "generators/summarising/*",
    "generators/counts/*",
)


def main() -> int:
    """Report the gated parts; 0 when each of them is covered to the minimum, counting branches."""
    poor = []
    for pattern in GATED:
        command = [sys.executable, "-m", "coverage", "report", f"--include={pattern}", "--format=total", "--precision=1"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"coverage: {pattern}: {done.stdout}{done.stderr}".strip())
            return 1
        share = float(done.stdout)
        print(f"coverage: {pattern:28} {share:5.1f} %")
        if share < MINIMUM:
            poor.append(pattern)
    for pattern in poor:
        subprocess.run(
            [sys.executable, "-m", "coverage", "report", f"--include={pattern}", "--show-missing", "--skip-covered"], cwd=ROOT, check=False
        )
    if poor:
        print(f"coverage: less than {MINIMUM} % in {', '.join(poor)}")
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main())
