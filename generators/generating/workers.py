"""Several processes that make partitions of one plan, and hand them back in order.

A worker is handed the plan and what was learned, never a path; it makes every n-th partition, one ahead of what was fetched, so memory
stays flat. The bytes do not depend on how many workers there are, since a partition depends on plan, model and number alone.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import traceback
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa

from generators.child_process import die_with_parent
from generators.errors import InputError
from generators.generating.partition import Learned, Maker, refuse_other_model
from generators.generating.plan import Plan

_START = "import sys; sys.path.insert(0, sys.argv[1]); from generators.generating.workers import main; main()"
_ENVIRONMENT = {"LANG": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_FRAME = struct.Struct("<cQ")
_LENGTH = struct.Struct("<Q")
_NAME, _ROWS, _END, _REFUSED, _FAULT = b"N", b"R", b"E", b"I", b"F"

Tables = dict[str, pa.Table]


class GeneratorFault(RuntimeError):
    """A generating process failed for a reason that is a fault of the program; the message holds code locations only."""


class Workers:
    """`count` worker processes; leave the context to end them. They die with the thread that started them."""

    def __init__(self, plan: Plan, count: int, model: Learned | None = None) -> None:
        self.plan = plan
        self.model = b"" if model is None else model.to_bytes()
        self.count = min(count, len(plan.parts))
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        root = str(Path(__file__).resolve().parents[2])
        task = packed(self.plan.as_dict(), self.model)
        for turn in range(self.count):
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-I", "-c", _START, root, str(os.getpid()), str(turn), str(self.count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a library's message could quote a value
                env=_ENVIRONMENT,
                start_new_session=True,  # Ctrl-C asks the parent to stop, which ends the workers
            )
            self._children.append(child)
        for child in self._children:
            if child.stdin is not None:
                try:
                    child.stdin.write(task)
                    child.stdin.close()
                except BrokenPipeError:
                    raise GeneratorFault("a generating process ended before it took its task") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def partitions(self) -> Iterator[Tables]:
        """All partitions in order. Raises what a worker refused as InputError, else GeneratorFault."""
        for number in range(len(self.plan.parts)):
            stream = self._children[number % self.count].stdout
            if stream is None:
                raise GeneratorFault("a generating process has no pipe")
            yield _received(stream)


def partitions(plan: Plan, workers: int, model: Learned | None = None) -> Generator[Tables, None, None]:
    """The partitions of `plan` in order, made by as many processes (1: this one); the next is on its way while one is used."""
    refuse_other_model(plan, model)
    if min(workers, len(plan.parts)) > 1:
        with Workers(plan, workers, model) as running:
            yield from _ahead(running.partitions())
        return
    maker = Maker(plan, model)
    yield from _ahead(maker.partition(number) for number in range(len(plan.parts)))


def _ahead(tables: Iterator[Tables]) -> Generator[Tables, None, None]:
    with ThreadPoolExecutor(1) as ahead:
        pending: Future[Tables | None] = ahead.submit(next, tables, None)
        while (made := pending.result()) is not None:
            pending = ahead.submit(next, tables, None)
            yield made


def _received(stream: IO[bytes]) -> Tables:
    tables, name = Tables(), ""
    while True:
        head = stream.read(_FRAME.size)
        if len(head) < _FRAME.size:
            raise GeneratorFault("a generating process ended without an answer")
        kind, size = _FRAME.unpack(head)
        content = bytearray(size)
        view, got = memoryview(content), 0
        while got < size:
            read = stream.readinto(view[got:])  # type: ignore[attr-defined]
            if not read:
                raise GeneratorFault("a generating process ended within an answer")
            got += read
        if kind == _END:
            return tables
        if kind == _NAME:
            name = content.decode()
        elif kind == _ROWS:
            tables[name] = pa.ipc.open_stream(pa.py_buffer(content)).read_all()
        elif kind == _REFUSED:
            raise InputError(content.decode())
        else:
            raise GeneratorFault(f"a generating process failed: {content.decode()}")


def packed(task: Any, model: bytes = b"") -> bytes:
    """A task, as JSON, and the bytes of a learned model, for a pipe."""
    content = json.dumps(task).encode()
    return _LENGTH.pack(len(content)) + content + model


def unpacked(content: bytes) -> tuple[Any, bytes]:
    """What `packed` gave."""
    end = _LENGTH.size + _LENGTH.unpack(content[: _LENGTH.size])[0]
    return json.loads(content[_LENGTH.size : end]), content[end:]


def learned_from(model: bytes) -> Learned | None:
    """The learned model of these bytes; None of no bytes."""
    if not model:
        return None
    # Imported where it is used: what learns knows how rows are made, not the other way round.
    from generators.fitting.files import from_bytes

    return from_bytes(model)


def main() -> None:
    """Entry point of a worker; arguments: the parent's process id, which worker this is (from 0), and of how many."""
    parent, turn, count = (int(a) for a in sys.argv[2:5])
    die_with_parent(parent)
    with os.fdopen(os.dup(1), "wb", buffering=0) as replies:
        os.dup2(2, 1)  # nothing but frames reaches the parent
        try:
            task, model = unpacked(sys.stdin.buffer.read())
            plan = Plan.from_dict(task)
            maker = Maker(plan, learned_from(model))
            with closing(_ahead(maker.partition(number) for number in range(turn, len(plan.parts), count))) as made:
                for tables in made:
                    _send(replies, tables)
        except InputError as error:
            _frame(replies, _REFUSED, str(error).encode())
        except MemoryError:
            _frame(replies, _REFUSED, b"generation needs more memory than there is; use fewer workers")
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            _frame(replies, _FAULT, f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}".encode())


def _send(replies: IO[bytes], tables: Tables) -> None:
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        _frame(replies, _NAME, name.encode())
        _frame(replies, _ROWS, sink.getvalue())
    _frame(replies, _END, b"")


def _frame(replies: IO[bytes], kind: bytes, content: bytes | pa.Buffer) -> None:
    view = memoryview(content)
    replies.write(_FRAME.pack(kind, view.nbytes))
    while view.nbytes:
        view = view[replies.write(view) :]
