"""Whether a fit fits into memory, asked before it starts."""

from __future__ import annotations

from pathlib import Path

from generators.errors import InputError
from generators.learning.model import Cost
from generators.learning.options import Budget

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"))
SYSTEM = Path("/proc/meminfo")


def available_memory() -> int | None:
    """Bytes this process may still use: what the system has, or what its group of processes is allowed; None where neither is told."""
    found = []
    try:
        lines = SYSTEM.read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    try:
        allowed, used = (int(path.read_text()) for path in LIMITS)
        found.append(max(0, allowed - used))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def refuse_too_large(cost: Cost, budget: Budget) -> None:
    """InputError when a fit is expected to need more memory than the budget allows, or than there is."""
    if budget.memory is not None and cost.memory > budget.memory:
        raise InputError(
            f"the fit needs about {_spoken(cost.memory)} of memory, {_spoken(budget.memory)} are allowed; "
            "allow more, choose fewer columns, or a generator that needs less"
        )
    there = available_memory()
    if there is not None and cost.memory > there:
        raise InputError(
            f"the fit needs about {_spoken(cost.memory)} of memory, {_spoken(there)} are there; "
            "use a larger machine, choose fewer columns, or a generator that needs less"
        )


def _spoken(size: int) -> str:
    if size >= 10 * 2**30:
        return f"{size / 2**30:.0f} GB"
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"
