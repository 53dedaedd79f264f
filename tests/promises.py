"""A pytest plugin: which promise each marked test shows, and whether the test passed.

With SYNTHPORTAL_PROMISES_RUN=name the outcome is written to `.promises/<name>.json`, which `python -m tests.project.promises` reads.
Without it (somebody runs a part of the tests) nothing is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


class PromiseRecorder:
    """Collects, per marked test, its promises and the worst outcome of its set-up, call and tear-down."""

    def __init__(self) -> None:
        self.promises: dict[str, list[str]] = {}
        self.outcomes: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            ids = sorted({str(name) for mark in item.iter_markers("promise") for name in mark.args})
            if ids:
                self.promises[item.nodeid] = ids
                self.outcomes[item.nodeid] = "not run"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self.promises:
            return
        if report.failed:
            self.outcomes[report.nodeid] = "failed"
        elif report.skipped and self.outcomes[report.nodeid] != "failed":
            self.outcomes[report.nodeid] = "skipped"
        elif report.when == "call" and report.passed:
            self.outcomes[report.nodeid] = "passed"

    def pytest_sessionfinish(self) -> None:
        name = os.environ.get("SYNTHPORTAL_PROMISES_RUN")
        if not name:
            return
        folder = ROOT / ".promises"
        folder.mkdir(exist_ok=True)
        record = {test: {"promises": ids, "outcome": self.outcomes[test]} for test, ids in sorted(self.promises.items())}
        (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


class StrictSkips:
    """Turns every skip into a failure: where everything a test needs must be present, an absent part is a fault."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.skipped and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"skipped where nothing may be: {_reason(report.longrepr)}"
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if report.skipped:
            report.outcome = "failed"
            report.longrepr = f"skipped where nothing may be: {_reason(report.longrepr)}"  # type: ignore[assignment]
        return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
