"""`synthportal review`: the automatic checks of a summary's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.promise("assertions.4")
def test_review_says_of_each_check_whether_it_holds_and_ends_with_3_when_one_fails(run: Run, stays: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    assert run("summarise", stays, "--policy", "internal", "--out", summary).code == 0
    ended = run("review", summary)
    assert ended.code == 0, ended.err
    assert "verdict: all 12 checks hold" in ended.out
    edited = json.loads(summary.read_text())
    edited["tables"][0]["persons"] = 401
    summary.write_text(json.dumps(edited))
    ended = run("review", summary)
    assert ended.code == 3
    assert "FAILS: rounding" in ended.out
    assert "verdict: may not leave" in ended.err
    summary.write_text("{}")
    assert run("review", summary).code == 2
