"""What a process says when it fails by itself: real processes, each failing in another way, with a value in the error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VALUE = "943 476 5919"

FAULTS = {
    "uncaught": "raise ValueError(value)",
    "caused by another": "try:\n    int(value)\nexcept ValueError as error:\n    raise KeyError(value) from error",
    "in a thread": "import threading\nthread = threading.Thread(target=lambda: {}[value])\nthread.start(); thread.join()",
    "in a finaliser": "class Ending:\n    def __del__(self): raise LookupError(value)\nEnding()",
    "warned": "import warnings; warnings.warn(f'found unknown category {value}')",
}

SECURE = "import django; django.setup()\n"
COMMAND_LINE = (
    "import synthportal.cli as cli\n"
    "cli.synthportal = type('Nothing', (), {'main': staticmethod(lambda **options: 0)})\n"
    "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
)


def said(start: str, fault: str, var: Path) -> str:
    code = f"{start}value = ' '.join(['943', '476', '5919'])\n{fault}\n"
    environment = {
        "PATH": os.environ["PATH"],
        "SYNTHPORTAL_VAR": str(var),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "synthportal.settings.secure",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False)
    logged = "".join(path.read_text() for path in var.rglob("*.log"))
    return done.stdout + done.stderr + logged


@pytest.mark.promise("zones.25")
@pytest.mark.parametrize("start", [SECURE, COMMAND_LINE], ids=["secure site", "command line"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_process_that_fails_by_itself_says_what_and_where_and_no_value(start: str, fault: str, tmp_path: Path) -> None:
    words = said(start, FAULTS[fault], tmp_path)
    assert VALUE not in words
    assert ("Warning at" if fault == "warned" else "Error at") in words, words


@pytest.mark.promise("zones.25")
@pytest.mark.parametrize("start", [SECURE, COMMAND_LINE], ids=["secure site", "command line"])
def test_a_process_that_crashes_leaves_no_image_of_its_memory(start: str, tmp_path: Path) -> None:
    assert "(0, 0)" in said(start, "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))", tmp_path)
