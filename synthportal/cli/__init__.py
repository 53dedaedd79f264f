"""The command line. `main` is what the `synthportal` script calls.

One module a command. Modules import the heavy parts (pyarrow, scikit-learn, Django) inside the command, so that `--help` is quick and what
needs no server asks for none.
"""

from __future__ import annotations

import sys

from synthportal import logs
from synthportal.cli import stopping
from synthportal.cli.commands import synthportal
from synthportal.cli.outcome import exit_code_of

__all__ = ["main"]


def main() -> None:
    """Run the command named on the command line and leave with its exit code."""
    logs.keep_values_in()
    stopping.listen()
    sys.exit(exit_code_of(lambda: synthportal.main(prog_name="synthportal", standalone_mode=False)))
