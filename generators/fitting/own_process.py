"""Fits a generator in a process of its own: what it takes of memory ends with it, and it can be stopped at any moment.

The learning library is never loaded into the process that asks. The child reads train, so it is not kept from the records as a generating
process is; it has an empty environment, and writes into the two folders it is given.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generators.child_process import die_with_parent, lines
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.fitting.controls import Controls
from generators.learning.options import Budget
from generators.progress import Progress, silent
from generators.schema import DatasetSchema

FILES = ("model.json", "weights.safetensors")
"""What a fit leaves in its folder (`generators.fitting.files`)."""

_START = "import sys; sys.path.insert(0, sys.argv[1]); from generators.fitting.own_process import main; main()"
_ENVIRONMENT = {"LANG": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_STARTING = "starting to learn"
_EXPENDABLE = "800"
"""When memory runs out the system ends the child before others (proc(5), oom_score_adj)."""


class FitFault(Exception):
    """The fit ended for a reason that is a fault of ours. The message says where the code failed, never what an exception said."""


@dataclass(frozen=True)
class Fitted:
    """What a fit left. digest: of the model; report: its record, as JSON; files: of `FILES`, in the folder that was given."""

    digest: str
    report: Mapping[str, Any]
    files: tuple[Path, ...]


def fit_in_own_process(
    generator: str,
    train: Mapping[str, Path],
    schema: DatasetSchema,
    out: Path,
    *,
    policy: DisclosurePolicy,
    seed: int = 0,
    progress: Progress = silent,
    budget: Budget | None = None,
    options: Mapping[str, str] | None = None,
    controls: Controls | None = None,
    checkpoint: Path | None = None,
) -> Fitted:
    """As `generators.fitting.estimator.fit`, in a child process; the model is saved in the folder `out`.

    Raises InputError as `fit` does, and when the system ended the child for want of memory; FitFault when it failed otherwise; and whatever
    `progress` raises (`Cancelled`), after ending the child: about a second after the caller wants it, whatever the child is doing.
    """
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    task = {
        "generator": generator,
        "train": {name: str(path.resolve()) for name, path in train.items()},
        "schema": schema.as_dict(),
        "out": str(out.resolve()),
        "policy": policy.as_dict(),
        "seed": seed,
        "budget": asdict(budget or Budget()),
        "options": dict(options or {}),
        "controls": (controls or Controls()).as_dict(),
        "checkpoint": None if checkpoint is None else str(checkpoint.resolve()),
    }
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-I", "-c", _START, str(Path(__file__).resolve().parents[2]), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a library's message could quote a value
        env=_ENVIRONMENT | {"TMPDIR": str(out.resolve())},
        cwd=out,
        close_fds=True,
    )
    try:
        answer = _conversation(child, json.dumps(task).encode(), progress)
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
    files = tuple(out / name for name in FILES)
    if any(path.is_symlink() or not path.is_file() for path in files):
        raise FitFault("the fit did not write what it said")
    return Fitted(str(answer["digest"]), answer["report"], files)


def _conversation(child: subprocess.Popen[bytes], task: bytes, progress: Progress) -> Mapping[str, Any]:
    """Hand over the task, pass on progress, return the last answer."""
    if child.stdin is None or child.stdout is None:
        raise FitFault("the fit has no pipes")
    try:
        child.stdin.write(task)
        child.stdin.close()
    except BrokenPipeError:
        raise FitFault("the fit ended before it took its task") from None
    told: tuple[Any, ...] = (_STARTING, 0.0, None, None)
    for line in lines(child.stdout):
        if line is not None:
            message: dict[str, Any] = json.loads(line)
            if "refused" in message:
                raise InputError(str(message["refused"]))
            if "fault" in message:
                raise FitFault(f"the fit failed: {message['fault']}")
            if "done" in message:
                answer: Mapping[str, Any] = message["done"]
                return answer
            told = tuple(message["progress"])
        progress(*told)
    code = child.wait()
    if code == -9:
        raise InputError(
            "the system ended the learning, most likely for want of memory; choose fewer variables or a method that takes less, or ask an "
            "administrator for a machine with more"
        )
    raise FitFault(f"the fit ended without an answer ({'signal' if code < 0 else 'exit code'} {abs(code)})")


def main() -> None:
    """The child's entry point; its argument after the program's folder is the parent's process id, its task comes on standard input."""
    die_with_parent(int(sys.argv[2]))
    Path("/proc/self/oom_score_adj").write_text(_EXPENDABLE)
    os.umask(0o077)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing but replies reaches the parent

    def reply(what: str, content: Any) -> None:
        replies.write(json.dumps({what: content}, allow_nan=False) + "\n")
        replies.flush()

    try:
        _fit(json.loads(sys.stdin.read()), reply)
    except MemoryError:
        reply("refused", "learning needs more memory than there is; choose fewer variables, or a method that takes less")
    except InputError as error:
        reply("refused", str(error))
    except BaseException as error:
        reply("fault", f"{type(error).__name__} at {' < '.join(_places(error))}")


def _fit(task: dict[str, Any], reply: Any) -> None:
    from generators.fitting import files
    from generators.fitting.estimator import fit

    def progress(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        reply("progress", [stage, fraction, rows, total])

    fitted = fit(
        task["generator"],
        {name: Path(path) for name, path in task["train"].items()},
        DatasetSchema.from_dict(task["schema"]),
        seed=task["seed"],
        progress=progress,
        budget=Budget(**task["budget"]),
        options=task["options"],
        policy=DisclosurePolicy.from_dict(task["policy"]),
        controls=Controls.from_dict(task["controls"]),
        checkpoint=None if task["checkpoint"] is None else Path(task["checkpoint"]),
    )
    files.save(fitted, Path(task["out"]))
    reply("done", {"digest": fitted.digest, "report": fitted.record.as_dict()})


def _places(error: BaseException) -> list[str]:
    """Where it happened, innermost first: file names and line numbers alone."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames)][:6]
