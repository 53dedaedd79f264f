"""How a command ends: exit codes, and one line on standard error for whatever went wrong."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import click

from generators.errors import Cancelled, InputError
from synthportal.cli import stopping

DONE = 0
FAULT = 1
"""A fault of this program: what it was and where, without any value."""
BAD_INPUT = 2
"""Data, a schema or an option that cannot be used as given."""
NOT_PASSED = 3
"""The verdict is no: a hard gate failed, a capsule was refused, a table does not fit."""
STOPPED = 130
"""Ctrl-C, or a signal to end."""


class NotPassed(Exception):
    """The command did its work and the verdict is no. The message is the verdict, in one line."""


def say(line: str) -> None:
    """One line to the person, on standard error: standard output holds results only."""
    click.echo(_one_line(line), err=True)


def exit_code_of(command: Callable[[], object]) -> int:
    """Run `command`; whatever it raises becomes one line on standard error and an exit code, never a traceback."""
    try:
        code = _stoppable(command)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.UsageError as error:
        context = error.ctx
        say(f"error: {error.format_message().rstrip('.')}; {context.command_path if context else 'synthportal'} --help says how")
        return BAD_INPUT
    except click.ClickException as error:
        say(f"error: {error.format_message()}")
        return BAD_INPUT
    except InputError as error:
        say(f"error: {error}")
        return BAD_INPUT
    except NotPassed as verdict:
        say(str(verdict))
        return NOT_PASSED
    except (KeyboardInterrupt, click.Abort, Cancelled):
        say("stopped; nothing half-written was left")
        return STOPPED
    except BrokenPipeError:
        # Whoever read our output (head, less) has gone: nothing more can be said, and Python must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    except OSError as error:
        say(f"error: {_system(error)}")
        return BAD_INPUT
    except MemoryError:
        say("error: there is not enough memory for this; try fewer rows or columns")
        return BAD_INPUT
    except Exception as error:
        say(f"unexpected fault: {_place(error)}. Nothing half-written was left. Please report this line; it holds none of your data")
        return FAULT
    return code if isinstance(code, int) else DONE


def _stoppable(command: Callable[[], object]) -> object:
    """Run `command`. After a signal to stop, whatever it raises comes from stopping it."""
    try:
        return command()
    except Exception:
        if stopping.asked():
            raise KeyboardInterrupt from None
        raise


def _system(error: OSError) -> str:
    name = f" ({error.filename})" if isinstance(error.filename, str) else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{name}; make room or choose another place with --out"
    return f"{(error.strerror or 'the system refused').lower()}{name}"


def _place(error: Exception) -> str:
    """The kind of a fault and where it was raised. Never its message, which may hold a value."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    root = Path(__file__).resolve().parent.parent.parent
    ours = [f for f in frames if Path(f.filename).is_relative_to(root) and "site-packages" not in f.filename]
    frame = (ours or list(frames))[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
