"""Every line that a reader may copy, copied from the page of a running site and run by the tool it is for."""

from __future__ import annotations

import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from releases.capsule.publish import publish
from tests.capsule.world import Publisher, attestation
from tests.public.any_release import publish_tables
from tests.public.counting import Counted, counting
from tests.public.running import ROOT, Site, served

pytestmark = pytest.mark.slow

TABLE, ROWS, COLUMNS = "emergency_visits", 900, 22
WIDE = 16


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a release of emergency visits, which has examples, and one that is large enough for reading parts of it."""
    publisher = Publisher.new(tmp_path_factory.mktemp("loading"))
    folder = publisher.folder
    said(sys.executable, "-m", "tests.public.visits_release", str(folder), cwd=ROOT)
    publish(folder / "capsule", publisher.lake, publisher.signer, attestation())
    numbers = np.random.default_rng(1)
    large = pa.table({f"c{n}": numbers.random(60_000) for n in range(WIDE)})
    publish_tables(publisher, {"large": large}, slug="large")
    with served(publisher) as site:
        yield site


def line(site: Site, identity: str, page: str = "/datasets/visits/v1/load/") -> str:
    """What the button of that line copies."""
    (found,) = re.findall(rf'<code id="{identity}">(.*?)</code>', site.get(page)[2].decode(), flags=re.DOTALL)
    return html.unescape(found)


def said(*command: str, cwd: Path | None = None, more: dict[str, str] | None = None) -> str:
    """What a program prints."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **(more or {})}, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.promise("load.1")
def test_the_lines_for_pandas_and_polars_load_the_table(site: Site) -> None:
    for tool in ("pandas", "polars"):
        assert line(site, f"{tool}-1") == line(site, f"{tool}-1", "/datasets/visits/")
        printed = said(sys.executable, "-c", f"{line(site, f'{tool}-1')}; print(*table.shape)")
        assert printed == f"{ROWS} {COLUMNS}\n"


@pytest.fixture
def counted(site: Site) -> Iterator[Counted]:
    """The same site at an address that counts what it sends."""
    with counting(site.address) as counted:
        yield counted


@pytest.mark.promise("load.1")
@pytest.mark.promise("load.2")
def test_duckdb_reads_from_the_address_no_more_than_the_columns_it_is_asked_for(site: Site, counted: Counted) -> None:
    through = Site(counted.address, site.publisher, site.environment)
    page = "/datasets/large/v1/load/"
    query = line(through, "DuckDB-1", page)
    size = int(site.get("/datasets/large/v1/files/data/large.parquet", "HEAD")[1]["Content-Length"])
    program = (
        "import sys, duckdb, duckdb_extensions; connection = duckdb.connect(); "
        "duckdb_extensions.import_extension('httpfs', con=connection); print(connection.sql(sys.argv[1]).fetchall())"
    )
    assert said(sys.executable, "-c", program, query).count("(") == 10
    before = counted.sent
    mean = said(sys.executable, "-c", program, query.replace("SELECT *", "SELECT avg(c3), count(*)"))
    assert re.fullmatch(r"\[\(0\.\d+, 60000\)\]\n", mean)
    assert 0 < counted.sent - before < size / 4


@pytest.mark.promise("load.1")
def test_the_line_for_r_loads_the_table_with_nothing_installed(site: Site) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is absent: apt-get install r-base-core")
    assert said("Rscript", "-e", f"{line(site, 'R-1')}; cat(dim(table))") == f"{ROWS} {COLUMNS}"


@pytest.mark.promise("load.1")
def test_the_line_for_spark_loads_the_table(site: Site) -> None:
    if shutil.which("java") is None or importlib.util.find_spec("pyspark") is None:
        pytest.skip("Spark or Java is absent: pip install pyspark, apt-get install openjdk-17-jre-headless")
    program = (
        "from pyspark.sql import SparkSession; "
        "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false')"
        ".config('spark.driver.bindAddress', '127.0.0.1').config('spark.driver.host', '127.0.0.1').getOrCreate(); "
        f"{line(site, 'Spark-1')}; print(table.count(), len(table.columns)); spark.stop()"
    )
    printed = said(sys.executable, "-c", program, more={"PYSPARK_PYTHON": sys.executable, "PYTHONWARNINGS": "ignore"})
    assert printed == f"{ROWS} {COLUMNS}\n"


@pytest.mark.promise("load.1")
def test_the_line_for_croissant_loads_the_records(site: Site) -> None:
    python = ROOT / "build" / "validators" / "bin" / "python"
    if not python.exists():
        pytest.skip("mlcroissant is absent: .ci/install-validators")
    program = f"{line(site, 'croissant')}; print(sum(1 for record in records))"
    assert said(str(python), "-c", program) == f"{ROWS}\n"


@pytest.mark.promise("load.3")
def test_the_lines_for_curl_fetch_one_file_or_all_and_say_whether_they_are_whole(site: Site, tmp_path: Path) -> None:
    one = line(site, "curl-1")
    assert said("sh", "-c", one, cwd=tmp_path) == f"{TABLE}.parquet: OK\n"
    assert pq.read_table(tmp_path / f"{TABLE}.parquet").num_rows == ROWS
    spoilt = re.sub(r"echo '[0-9a-f]", lambda found: found[0][:-1] + ("0" if found[0][-1] != "0" else "1"), one)
    assert subprocess.run(["sh", "-c", spoilt], cwd=tmp_path, capture_output=True, check=False).returncode != 0
    everything = tmp_path / "all"
    everything.mkdir()
    checked = said("sh", "-c", line(site, "everything"), cwd=everything).splitlines()
    assert f"data/{TABLE}.csv: OK" in checked
    assert "examples/train_torch.py: OK" in checked
    assert all(each.endswith(": OK") for each in checked)


@pytest.fixture(scope="module")
def unpacked(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that somebody has who downloaded the zip and unpacked it where it lies."""
    folder = tmp_path_factory.mktemp("downloaded")
    (folder / "visits-v1.zip").write_bytes(site.get("/datasets/visits/v1/capsule.zip")[2])
    with zipfile.ZipFile(folder / "visits-v1.zip") as archive:
        archive.extractall(folder)
    return folder / archive.namelist()[0].split("/")[0]


@pytest.mark.promise("load.4")
def test_the_examples_on_the_page_are_those_of_the_zip_and_run_there(site: Site, unpacked: Path) -> None:
    for number, name in enumerate(("train_scikit_learn.py", "train_torch.py"), 1):
        assert line(site, f"example-{number}") == (unpacked / "examples" / name).read_text()
    assert "balanced accuracy" in said(sys.executable, "examples/train_scikit_learn.py", cwd=unpacked)


@pytest.mark.promise("load.5")
def test_the_lines_for_conform_and_verify_run_beside_the_downloaded_zip(site: Site, unpacked: Path) -> None:
    folder = unpacked.parent
    shutil.copy(site.publisher.folder / "real.csv", folder)
    (folder / "publisher.pub").write_bytes((site.publisher.folder / "publisher/signing.pub").read_bytes())
    program = [sys.executable, "-c", "from synthportal.cli import main; main()"]
    lines = {name: line(site, name).split() for name in ("conform", "verify")}
    assert [each[:2] for each in lines.values()] == [["synthportal", "conform"], ["synthportal", "verify"]]
    fitting = [each.replace("REAL-TABLE.csv", "real.csv") for each in lines["conform"][1:]]
    assert "verdict: conforms" in said(*program, *fitting, cwd=folder, more={"PYTHONPATH": str(ROOT)})
    assert said(*program, *lines["verify"][1:], cwd=folder, more={"PYTHONPATH": str(ROOT)})
