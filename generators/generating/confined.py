"""What runs inside the sandbox: reads its task from standard input, confines itself, generates, answers in JSON lines.

Lines out: ``confinement`` (what was applied), ``progress`` (stage, fraction, rows, total), and last one of ``done``, ``refused``
(an InputError's sentence) or ``fault`` (where the code failed, never an exception's text: it may hold values).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from generators.child_process import die_with_parent
from generators.generating.confinement import confine, own_trees


def main() -> None:
    """Entry point; the arguments are the parent's process id, the output folder and the memory limit in bytes (0: none)."""
    parent, folder, limit = int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    die_with_parent(parent)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing but replies reaches the parent

    def reply(what: str, content: Any) -> None:
        replies.write(json.dumps({what: content}) + "\n")
        replies.flush()

    try:
        reply("confinement", confine(own_trees(Path(__file__).parent.parent), folder, limit or None))
        _generate(sys.stdin.buffer.read(), Path(folder), reply)
    except MemoryError:
        reply("refused", "generation needs more memory than it was allowed; allow more, or generate fewer rows")
    except BaseException as error:
        from generators.errors import InputError

        if isinstance(error, InputError):
            reply("refused", str(error))
        else:
            last = traceback.extract_tb(error.__traceback__)[-1]
            reply("fault", f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}")


def _generate(content: bytes, folder: Path, reply: Any) -> None:
    # Imported here: the confinement must be in force before a library starts threads.
    from generators.generating.workers import learned_from, unpacked
    from generators.mechanism import Mechanism
    from generators.registry import generate
    from generators.schema import DatasetSchema
    from generators.summary import MetadataSummary

    task, learned = unpacked(content)
    summary = None if task["summary"] is None else MetadataSummary.from_dict(task["summary"])

    def progress(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        reply("progress", [stage, fraction, rows, total])

    files = generate(
        Mechanism.from_dict(task["mechanism"]),
        DatasetSchema.from_dict(task["schema"]),
        summary,
        task["rows"],
        task["seed"],
        folder,
        progress,
        scale=task["scale"],
        vocabulary=task["vocabulary"],
        model=learned_from(learned),
    )
    reply("done", [[f.table, f.rows] for f in files])
