"""Runs a generator in a process of its own that cannot open the source: the summary and schema are handed over, not a path.

The child has an empty environment, its own output folder and no other file (`generators.generating.confinement`), and dies with its parent.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generators.child_process import lines
from generators.errors import InputError
from generators.generating.partition import Learned
from generators.generating.production import GeneratedFile, copy_public, described, vocabulary_of
from generators.generating.workers import GeneratorFault, packed
from generators.mechanism import Mechanism
from generators.progress import Progress, silent
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary

__all__ = ["ConfinedRun", "GeneratorFault", "generate_confined"]

_START = "import sys; sys.path.insert(0, sys.argv[1]); from generators.generating.confined import main; main()"
_ENVIRONMENT = {"LANG": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class ConfinedRun:
    """What came out. confinement: the layers that were in force, in words."""

    files: tuple[GeneratedFile, ...]
    confinement: tuple[str, ...]


def generate_confined(
    mechanism: Mechanism,
    schema: DatasetSchema,
    summary: MetadataSummary | None,
    rows: int | Mapping[str, int] | None,
    seed: int,
    out: Path,
    *,
    progress: Progress = silent,
    memory_limit: int | None = None,
    scale: float | None = None,
    public: Mapping[str, Path] | None = None,
    model: Learned | None = None,
) -> ConfinedRun:
    """As `generators.registry.generate`, in a confined child process; all tables appear in `out`, or none.

    The child is one process: confined, it may start no others. public: files of the public tables, which this process copies; the child
    is told some of their keys, no path. model: what was learned, handed over through the pipe. memory_limit: bytes of address space.
    Raises InputError as `generate` does, GeneratorFault when the child fails otherwise, and whatever `progress` raises (`Cancelled`), after
    ending the child and removing what it wrote. The child is killed when the calling thread ends.
    """
    out.mkdir(parents=True, exist_ok=True)
    folder = out / f".confined-{secrets.token_hex(8)}"
    folder.mkdir()
    task = {
        "mechanism": mechanism.as_dict(),
        "schema": schema.as_dict(),
        "summary": None if summary is None else summary.as_dict(),
        "rows": dict(rows) if isinstance(rows, Mapping) else rows,
        "scale": scale,
        "vocabulary": None if public is None else vocabulary_of(schema, public),
        "seed": seed,
    }
    try:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-I", "-c", _START, str(_root()), str(os.getpid()), str(folder.resolve()), str(memory_limit or 0)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library's message could quote a value
            env=_ENVIRONMENT,
            cwd=folder,
            close_fds=True,
        )
        try:
            reply = _conversation(child, packed(task, b"" if model is None else model.to_bytes()), progress)
        finally:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
        files = [_collected(folder / f"{table}.parquet", out, table, count) for table, count in reply.done]
        if public is not None:
            files += [replace(f, path=out / f.path.name) for f in copy_public(schema, public, folder)]
        for file in files:
            os.replace(folder / file.path.name, file.path)
        order = [t.name for t in schema.tables]
        return ConfinedRun(tuple(sorted(files, key=lambda f: order.index(f.table))), reply.confinement)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _root() -> Path:
    """The folder the package `generators` is imported from."""
    return Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class _Reply:
    confinement: tuple[str, ...] = ()
    done: tuple[tuple[str, int], ...] = ()


def _conversation(child: subprocess.Popen[bytes], task: bytes, progress: Progress) -> _Reply:
    """Hand over the task, pass on progress, return the last answer."""
    if child.stdin is None or child.stdout is None:
        raise GeneratorFault("the confined generator has no pipes")
    try:
        child.stdin.write(task)
        child.stdin.close()
    except BrokenPipeError:
        raise GeneratorFault("the confined generator ended before it took its task") from None
    reply, told = _Reply(), ("starting the generator", 0.0, None, None)
    for line in lines(child.stdout):
        if line is not None:
            message: dict[str, Any] = json.loads(line)
            if "refused" in message:
                raise InputError(str(message["refused"]))
            if "fault" in message:
                raise GeneratorFault(f"the confined generator failed: {message['fault']}")
            if "confinement" in message:
                reply = replace(reply, confinement=tuple(message["confinement"]))
            if "done" in message:
                return replace(reply, done=tuple((str(t), int(n)) for t, n in message["done"]))
            if "progress" in message:
                told = tuple(message["progress"])
        progress(*told)
    code = child.wait()
    raise GeneratorFault(f"the confined generator ended without an answer ({'signal' if code < 0 else 'exit code'} {abs(code)})")


def _collected(path: Path, out: Path, table: str, rows: int) -> GeneratedFile:
    """The file as it is: its digest is taken here, not believed."""
    if path.is_symlink() or not path.is_file():
        raise GeneratorFault("the confined generator did not write what it said")
    return replace(described(table, path, rows), path=out / path.name)
