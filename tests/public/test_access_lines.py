"""The lines for safeguarded data, run with a live token against this site, and without."""

from __future__ import annotations

import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from releases.catalogue.taking_in.ingest import Poll
from tests.capsule.world import Publisher
from tests.public.access_world import SAFEGUARDED, SLUG, granted, officer, person, signed_in, token_for, trained
from tests.public.running import ROOT

DUCKDB = (
    "import sys, duckdb, duckdb_extensions; connection = duckdb.connect(); duckdb_extensions.import_extension('httpfs', con=connection); "
    "print(len(connection.sql(sys.argv[1]).fetchall()))"
)
SPARK = (
    "from pyspark.sql import SparkSession; "
    "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false')"
    ".config('spark.driver.bindAddress', '127.0.0.1').config('spark.driver.host', '127.0.0.1').getOrCreate(); "
    "{line}; print(table.count()); spark.stop()"
)


@pytest.mark.slow
@pytest.mark.promise("load.6")
def test_the_lines_for_safeguarded_data_load_them_with_a_token_and_not_without(
    transactional_db: None,
    live_server: LiveServer,
    publisher: Publisher,
    take_in: Callable[[], Poll],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(**SAFEGUARDED)
    assert take_in().refusal is None
    somebody, decider = person(), officer()
    trained(somebody, decider)
    granted(somebody, decider)
    token = token_for(somebody)
    page = signed_in(somebody).get(f"/datasets/{SLUG}/v1/load/", headers={"host": live_server.url.removeprefix("http://")}).content.decode()
    assert token not in page
    lines = {name: html.unescape(text) for name, text in re.findall(r'<code id="([\w-]+)">(.*?)</code>', page, re.DOTALL)}
    ways = {
        "pandas-1": lambda line: [sys.executable, "-c", f"{line}; print(len(table))"],
        "polars-1": lambda line: [sys.executable, "-c", f"{line}; print(len(table))"],
        "Spark-1": lambda line: [sys.executable, "-c", SPARK.format(line=line)],
        "croissant": lambda line: ["sh", "-c", line],
        "DuckDB-1": lambda line: [sys.executable, "-c", DUCKDB, line],
        "R-1": lambda line: ["Rscript", "-e", f"{line}; cat(nrow(table))"],
        "curl-1": lambda line: ["sh", "-c", line],
        "everything": lambda line: ["sh", "-c", line],
    }
    assert {*ways, "verify", "conform"} == set(lines)
    validators = ROOT / "build/validators/bin"
    absent = {
        "R-1": shutil.which("Rscript") is None,
        "Spark-1": shutil.which("java") is None or importlib.util.find_spec("pyspark") is None,
        "croissant": not validators.exists(),
    }
    monkeypatch.setenv("PATH", f"{validators}:{os.environ['PATH']}")  # the python3 that has mlcroissant
    for name, way in ways.items():
        if absent.get(name):
            continue  # tried where the open lines are, which says that it is absent
        for shown, loads in ((token, True), ("nonsense", False)):
            if name == "Spark-1" and not loads:
                continue  # the line for pandas, in it, is tried
            command = way(lines[name].replace("YOUR-TOKEN", shown))
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
            assert (done.returncode == 0) is loads, (name, done.stderr)
            if loads:
                assert done.stdout.split()[0] == "3" or "OK" in done.stdout, name
