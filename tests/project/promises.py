"""The check that promises and tests agree: `python -m tests.project.promises` after the tests ran (see tests/promises.py).

It fails on a promise without a passing test, a promise one of whose tests failed or was not run (one skipped for something absent is made
up for by another that passed; `.ci/run` lets nothing be skipped), a mark without a promise, a number given twice,
a line that is no promise, and a line of the specification that no promise fulfils.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_AREA = re.compile(r"^## ([a-z]+): \S")
_PROMISE = re.compile(r"^- \*\*([a-z]+)\.(\d+)\*\* (\S.*\S) \(([^()]+)\)$")
_LINE = re.compile(r"\b[A-Z]\.\d+(?:\.\d+)?\b")
_LISTED = re.compile(r"^Lines of the specification: (.*)\.$", re.MULTILINE)


@dataclass(frozen=True)
class Promise:
    """One promise: its number (`area.number`), its sentence, the lines of the specification in its brackets."""

    number: str
    sentence: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """docs/promises.md as read: the promises, the specification's lines, and what is wrong with the page itself."""

    promises: tuple[Promise, ...]
    lines: tuple[str, ...]
    faults: tuple[str, ...]


def read(text: str) -> Page:
    """The page of promises in `text`."""
    faults: list[str] = []
    promises: list[Promise] = []
    area = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := _AREA.match(line):
            area = heading[1]
        elif line.startswith(("- ", "* ")):
            found = _PROMISE.match(line)
            if not found:
                faults.append(f"line {number} is not of the form: - **area.1** Sentence. (A.1.1)")
                continue
            if found[1] != area:
                faults.append(f'line {number}: {found[1]}.{found[2]} stands under the area "{area}"')
            promises.append(Promise(f"{found[1]}.{found[2]}", found[3], tuple(_LINE.findall(found[4]))))
    listed = _LISTED.search(text)
    lines = tuple(_LINE.findall(listed[1])) if listed else ()
    if not lines:
        faults.append('the page has no line "Lines of the specification: A.1.1, ….", so nothing says what must be promised')
    return Page(tuple(promises), lines, tuple(faults))


def disagreements(page: Page, tests: Mapping[str, tuple[Sequence[str], str]]) -> list[str]:
    """Every way in which `page` and the `tests` (name → promises, outcome) disagree, as sentences; empty when they agree."""
    faults = list(page.faults)
    numbers = [promise.number for promise in page.promises]
    faults += [f"{number} is promised twice" for number in _twice(numbers)]
    shown: dict[str, list[tuple[str, str]]] = {}
    for test, (promised, outcome) in tests.items():
        for number in promised:
            shown.setdefault(number, []).append((test, outcome))
    for number in sorted(set(shown) - set(numbers)):
        faults.append(f"{shown[number][0][0]} shows {number}, which nobody promised")
    for promise in page.promises:
        outcomes = shown.get(promise.number, [])
        if not outcomes:
            faults.append(f"{promise.number} is shown by no test: {promise.sentence}")
        excused = ("passed", "skipped") if any(outcome == "passed" for _, outcome in outcomes) else ("passed",)
        faults += [f"{promise.number} is not kept: {test} {outcome}" for test, outcome in outcomes if outcome not in excused]
    promised_lines = {line for promise in page.promises for line in promise.lines}
    faults += [f"line {line} of the specification is fulfilled by no promise" for line in page.lines if line not in promised_lines]
    for promise in page.promises:
        faults += [
            f"{promise.number} names {line}, which is no line of the specification" for line in promise.lines if line not in page.lines
        ]
    return faults


def recorded(folder: Path) -> dict[str, tuple[Sequence[str], str]]:
    """What the runs recorded in `folder` say: test → (promises, outcome)."""
    tests: dict[str, tuple[Sequence[str], str]] = {}
    for file in sorted(folder.glob("*.json")):
        for test, entry in json.loads(file.read_text()).items():
            tests[test] = (tuple(entry["promises"]), str(entry["outcome"]))
    return tests


def _twice(numbers: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for number in numbers:
        (twice if number in seen else seen).add(number)
    return sorted(twice)


def main(page_file: Path, folder: Path) -> int:
    """Print the disagreements or the count; the exit code."""
    page = read(page_file.read_text())
    tests = recorded(folder)
    faults = disagreements(page, tests)
    if faults:
        print(*(f"promises: {fault}" for fault in faults), sep="\n")
        return 1
    print(f"{len(page.promises)} promises, {len(page.lines)} lines of the specification, {len(tests)} marked tests: all kept")
    return 0


if __name__ == "__main__":
    sys.exit(main(ROOT / "docs" / "promises.md", ROOT / ".promises"))
