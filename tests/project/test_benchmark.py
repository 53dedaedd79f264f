"""The benchmark runs, on a table small enough for every day; its figures are for a free machine and a large one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LINE = re.compile(r"^ +20,000  (summarise|DuckDB scan|generate|PyArrow write) +([\d.]+) +([\d.]+) +([\d,]+) +([\d,]+)$", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.promise("docs.22")
def test_the_benchmark_tells_speed_memory_reference_and_aim(tmp_path: Path) -> None:
    command = [sys.executable, "bench/summarise_generate.py", "--rows", "20000", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=240)
    found = {what: [float(n.replace(",", "")) for n in numbers] for what, *numbers in LINE.findall(done.stdout)}
    assert list(found) == ["summarise", "DuckDB scan", "generate", "PyArrow write"]
    for seconds, _, speed, peak in found.values():
        assert seconds - 0.0051 <= 20_000 / speed <= seconds + 0.0051  # seconds are printed to hundredths
        assert 20 < peak < 4_000
    assert re.search(r"summarise: [\d.]+ × the time of DuckDB scan; aim 500,000 rows/s (met|missed)", done.stdout)
    assert re.search(r"generate: [\d.]+ × the time of PyArrow write; aim 1,000,000 rows/s (met|missed)", done.stdout)
    assert list(tmp_path.iterdir()) == []


EVALUATION = re.compile(r"^ +1,000  (whole basket|comparable part|QualityReport) +([\d.]+) +([\d.]+) +([\d,]+)$", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.promise("metrics.28")
def test_the_benchmark_of_evaluation_tells_time_and_memory_beside_the_quality_report(tmp_path: Path) -> None:
    command = [sys.executable, "bench/evaluation.py", "--rows", "1000", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=240)
    found = {what: [float(n.replace(",", "")) for n in numbers] for what, *numbers in EVALUATION.findall(done.stdout)}
    assert list(found) == ["whole basket", "comparable part", "QualityReport"]
    for _, processor, peak in found.values():
        assert processor > 0
        assert 20 < peak < 4_000
    for what in ("whole basket", "comparable part"):
        told = re.search(rf"{what}: ([\d.]+) × its processor seconds, ([\d.]+) × its memory", done.stdout)
        assert told
        assert float(told[2]) == pytest.approx(found[what][2] / found["QualityReport"][2], abs=0.01)
    assert list(tmp_path.iterdir()) == []
