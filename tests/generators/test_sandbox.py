"""The confined generator, and hostile code under the same confinement."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators.disclosure import POLICIES
from generators.errors import Cancelled, InputError
from generators.generating.sandbox import GeneratorFault, generate_confined
from generators.registry import generate, mechanism_for
from generators.simulated import EMERGENCY_SCHEMA, emergency_department
from generators.summarising.summarise import summarise

SCHEMA = EMERGENCY_SCHEMA.deidentified()
ROOT = Path(__file__).resolve().parents[2]
KERNEL = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    path = tmp_path_factory.mktemp("train") / "visits.parquet"
    pq.write_table(emergency_department(4000), path)
    return summarise({"emergency_visits": path}, SCHEMA, POLICIES["internal"])


@pytest.fixture
def marginal(summary):
    return mechanism_for("marginal", SCHEMA, summary)


@pytest.mark.promise("generate.3")
def test_a_confined_generator_writes_the_same_bytes_as_an_unconfined_one(summary, marginal, tmp_path):
    stages = []
    run = generate_confined(marginal, SCHEMA, summary, 3000, 7, tmp_path / "in", progress=lambda *told: stages.append(told))
    plain = generate(marginal, SCHEMA, summary, 3000, 7, tmp_path / "out")
    assert [f.sha256 for f in run.files] == [f.sha256 for f in plain]
    assert run.files[0].path == tmp_path / "in" / "emergency_visits.parquet"
    assert stages[-1] == ("generating emergency_visits", 1.0, 3000, 3000)
    assert "Python audit hook" in run.confinement
    assert os.listdir(tmp_path / "in") == ["emergency_visits.parquet"]


@pytest.mark.promise("generate.4")
def test_cancelling_ends_the_child_and_leaves_nothing(summary, marginal, tmp_path):
    def cancel(stage, fraction, rows=None, total=None):
        if rows:
            raise Cancelled

    with pytest.raises(Cancelled):
        generate_confined(marginal, SCHEMA, summary, 2_000_000, 7, tmp_path, progress=cancel)
    assert os.listdir(tmp_path) == []
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not [c for c in children if b"generators.generating.confined" in Path(f"/proc/{c}/cmdline").read_bytes()]


@pytest.mark.promise("generate.4")
def test_what_the_child_refuses_is_refused_with_its_sentence(summary, tmp_path):
    with pytest.raises(InputError, match="must be at least 1"):
        generate_confined(mechanism_for("structural", SCHEMA), SCHEMA, None, 0, 7, tmp_path)
    assert os.listdir(tmp_path) == []


def test_too_little_memory_is_a_failure_not_a_hang(summary, marginal, tmp_path):
    with pytest.raises((InputError, GeneratorFault)):
        generate_confined(marginal, SCHEMA, summary, 250_000, 7, tmp_path, memory_limit=60_000_000)
    assert os.listdir(tmp_path) == []


@KERNEL
@pytest.mark.promise("generate.4")
def test_the_child_dies_with_its_parent(tmp_path):
    program = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from generators.registry import mechanism_for
from generators.generating.sandbox import generate_confined
from generators.simulated import EMERGENCY_SCHEMA
def tell(stage, fraction, rows=None, total=None):
    if rows: print('going', flush=True)
schema = EMERGENCY_SCHEMA.deidentified()
generate_confined(mechanism_for('structural', schema), schema, None, 50_000_000, 1, Path({str(tmp_path)!r}), progress=tell)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert parent.stdout.readline() == b"going\n"
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(children) == 1
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{children[0]}").exists() and "State:\tZ" not in Path(f"/proc/{children[0]}/status").read_text():
        assert time.monotonic() < deadline, "the confined child outlived its parent"
        time.sleep(0.05)


def hostile(attacks: dict[str, str], source: Path, out: Path, *, only_kernel: bool = False, confined: bool = True) -> dict[str, str]:
    """Run each attack confined to `out`, in one process: what became of each, and what "confinement" was in force.

    only_kernel leaves the audit hook without effect, as native code does. DuckDB is loaded before, since it will not start confined.
    """
    program = f"""
import json, sys
sys.path.insert(0, {str(ROOT)!r})
import generators.generating.confinement as confinement
import duckdb
engine = duckdb.connect(config={{"threads": 1}})
SOURCE, OUT = {str(source)!r}, {str(out)!r}
if {only_kernel}:
    confinement._Guard.__call__ = lambda self, event, arguments: None
package = confinement.Path(confinement.__file__).parent
became = {{"confinement": str(confinement.confine(confinement.own_trees(package), OUT)) if {confined} else "none"}}
for name, attack in {attacks!r}.items():
    try:
        exec(attack)
        became[name] = "REACHED"
    except Exception as error:
        became[name] = "refused: " + type(error).__name__
print(json.dumps(became))
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, cwd=out, timeout=60, env={"TZ": "UTC"})
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secure")
    pq.write_table(pa.table({"a": [1, 2, 3]}), folder / "train.parquet")
    return folder / "train.parquet"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def became(source, out):
    return hostile(ATTACKS, source, out)


@pytest.fixture(scope="module")
def became_by_kernel(source, out):
    return hostile(ATTACKS, source, out, only_kernel=True)


ATTACKS = {
    "open": "open(SOURCE, 'rb').read()",
    "open beside": "open(OUT + '/../' + '/'.join(SOURCE.rsplit('/', 2)[1:]), 'rb').read()",
    "os.open": "import os; os.open(SOURCE, os.O_RDONLY)",
    "listing": "import os; os.listdir(SOURCE.rsplit('/', 1)[0])",
    "pyarrow": "import pyarrow.parquet as pq; pq.read_table(SOURCE)",
    "pyarrow memory map": "import pyarrow as pa; pa.memory_map(SOURCE)",
    "duckdb": "engine.sql(f\"select * from read_parquet('{SOURCE}')\").fetchall()",
    "C library": "import ctypes; assert ctypes.CDLL(None, use_errno=True).open(SOURCE.encode(), 0) >= 0",
    "writing elsewhere": "open(SOURCE + '.copy', 'wb').write(b'x')",
    "link": "import os; os.link(SOURCE, OUT + '/link'); open(OUT + '/link', 'rb').read()",
    "symbolic link": "import os; os.symlink(SOURCE, OUT + '/link'); open(OUT + '/link', 'rb').read()",
    "program": "import subprocess; subprocess.run(['/bin/cat', SOURCE], check=True, stdout=subprocess.DEVNULL)",
    "network": "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)",
    "unix socket": "import socket; socket.socket(socket.AF_UNIX)",
    "environment": "import os; assert os.environ['SYNTHPORTAL_VAR']",
}


NATIVE = ("pyarrow", "pyarrow memory map", "duckdb", "C library")


@KERNEL
@pytest.mark.promise("generate.3")
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_hostile_code_in_the_sandbox_is_refused(attack, became, source):
    if attack in NATIVE and "Landlock" not in became["confinement"]:
        pytest.skip("this kernel has no Landlock: native opens are not confined, and the run says so")
    assert became[attack].startswith("refused")
    assert os.listdir(source.parent) == ["train.parquet"]


@KERNEL
@pytest.mark.promise("generate.3")
@pytest.mark.parametrize("attack", [a for a in ATTACKS if a != "environment"], ids=str)
def test_the_kernel_alone_refuses_what_goes_past_the_audit_hook(attack, became_by_kernel):
    if "Landlock" not in became_by_kernel["confinement"] or "filter" not in became_by_kernel["confinement"]:
        pytest.skip("this kernel has no Landlock or no system-call filter, and the run says so")
    assert became_by_kernel[attack].startswith("refused")


@KERNEL
def test_the_same_attacks_unconfined_reach_the_source(source, tmp_path):
    """So that the tests above fail when an attack itself is broken."""
    free = hostile(
        {a: ATTACKS[a] for a in ATTACKS if a not in ("network", "environment", "symbolic link")}, source, tmp_path, confined=False
    )
    (source.parent / "train.parquet.copy").unlink()
    assert {became for attack, became in free.items() if attack != "confinement"} == {"REACHED"}


@KERNEL
def test_a_confined_process_may_still_write_its_own_folder(source, out):
    writing = "import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table({'a': [1]}), OUT + '/t.parquet')"
    assert hostile({"writing": writing}, source, out)["writing"] == "REACHED"
