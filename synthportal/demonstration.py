"""The demonstration: on the first run filled by walking the real services with simulated patients, then served; later runs keep its data.

Its file `demonstration.json` says how far it is. A filling that was broken off is thrown away whole and begun again, so that a
demonstration is filled or not there. The password in that file was printed: whatever serves the folder says so on every page.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import sys
from pathlib import Path

import pyotp

from generators import simulated
from generators.errors import InputError
from releases.capsule.files import replace_durably
from synthportal import demonstration_access, guardian, one_machine
from synthportal.one_machine import DEMONSTRATION, OneMachine, manage, serve

FEWEST_VISITS = 3_000
"""With fewer the public disclosure policy leaves too little to show."""
PEOPLE = {
    "steward": ("steward@demonstration.example", "Sam Okafor", ("steward",)),
    "IG reviewer": ("ig@demonstration.example", "Irene Gallagher", ("ig",)),
    "SDAT member": ("sdat@demonstration.example", "Dev Patel", ("sdat",)),
    "PPI member": ("ppi@demonstration.example", "Pat Lowe", ("ppi",)),
    "auditor": ("auditor@demonstration.example", "Aud Larsen", ("auditor",)),
    "administrator": ("administrator@demonstration.example", "Ada Minister", ()),
    "second administrator": ("administrator2@demonstration.example", "Ben Minister", ()),
}
"""Who → e-mail address, name, roles. Administrators are made by the installation; a reviewer's role takes both of them.

On the public site there are those of `demonstration_access.PEOPLE` besides.
"""


def run() -> None:
    """What `synthportal demo` does: fill on the first run, then serve until told to stop or until `make` dies. InputError as `serve`."""
    guardian.die_with_parent()
    serve(OneMachine.from_environment(demonstration=True), prepare)


def prepare(machine: OneMachine) -> list[str]:
    """Fill the demonstration unless it is filled; the lines that say whom to sign in as."""
    file = machine.var / DEMONSTRATION
    state = json.loads(file.read_text()) if file.is_file() else {}
    if state.get("state") != "filled":
        state = _fill_anew(machine, file, begun=bool(state))
    else:
        one_machine.prepare(machine)
    lines = ["", f"A demonstration with simulated patients. The password of every account is  {state['password']}", "On the secure site"]
    width = max(map(len, [*PEOPLE, *demonstration_access.PEOPLE]))
    lines += [f"  {who:{width}}   {email}" for who, (email, _, _) in PEOPLE.items()]
    if "officer_key" in state:
        lines += ["On the public site, for safeguarded data", *_public_people(width)]
    return [*lines, ""]


def _public_people(width: int) -> list[str]:
    lines = [f"  {who:{width}}   {email}" for who, (email, _) in demonstration_access.PEOPLE.items()]
    return [*lines, "  The access officer is asked for a code as well: `synthportal demo --code` prints the one of this moment."]


def code() -> str:
    """The access officer's code of this moment, for who has no authenticator app at hand. InputError where none was given."""
    file = OneMachine.from_environment(demonstration=True).var / DEMONSTRATION
    state = json.loads(file.read_text()) if file.is_file() else {}
    if "officer_key" not in state:
        raise InputError("this demonstration has no access officer: it is not filled yet, or was filled by an earlier version")
    return pyotp.TOTP(state["officer_key"]).now()


def _fill_anew(machine: OneMachine, file: Path, *, begun: bool) -> dict[str, str]:
    zones = [machine.var / "secure", machine.var / "public", machine.lake]
    if os.environ.get("SYNTHPORTAL_SECURE_DATABASE") or os.environ.get("SYNTHPORTAL_PUBLIC_DATABASE"):
        raise InputError("a demonstration has databases of its own; unset SYNTHPORTAL_SECURE_DATABASE and SYNTHPORTAL_PUBLIC_DATABASE")
    if begun:
        for folder in zones:
            shutil.rmtree(folder, ignore_errors=True)
    elif occupied := [str(folder) for folder in zones if folder.is_dir() and any(folder.iterdir())]:
        raise InputError(f"{occupied[0]} holds data that are no demonstration's; name another folder in SYNTHPORTAL_VAR")
    visits = _visits()
    state = {"state": "filling", "password": f"demo-{secrets.token_hex(6)}"}
    _write(file, state)
    print("Filling the demonstration with simulated patients, once; this takes two or three minutes.", flush=True)
    one_machine.prepare(machine)
    _walk(machine, {"password": state["password"], "visits": visits})
    print("  publishing the approved release", flush=True)
    manage(machine.environment("secure", "publisher", publisher=True), "publisher")
    print("  taking it into the public catalogue", flush=True)
    manage(machine.environment("public", "ingest"), "ingest")
    print("  making an access officer and researchers, one of whom has access and one waits", flush=True)
    state["officer_key"] = base64.b32encode(secrets.token_bytes(20)).decode()
    _apply(machine, {"password": state["password"], "key": state["officer_key"]})
    state["state"] = "filled"
    _write(file, state)
    return state


def _visits() -> int:
    value = os.environ.get("SYNTHPORTAL_DEMONSTRATION_VISITS") or str(simulated.ROWS)
    if not value.isdecimal() or int(value) < FEWEST_VISITS:
        raise InputError(f"SYNTHPORTAL_DEMONSTRATION_VISITS must be a whole number of at least {FEWEST_VISITS:,}")
    return int(value)


def _walk(machine: OneMachine, told: dict[str, object]) -> None:
    """Walk the services in a process of the secure site; what it is told goes by a pipe, not by a command line others can read."""
    command = [sys.executable, "-m", "synthportal.demonstration_story"]
    if one_machine.run(command, machine.environment("secure", "demonstration"), json.dumps(told)):
        raise InputError("the demonstration could not be filled; the next start begins again")


def _apply(machine: OneMachine, told: dict[str, object]) -> None:
    """The same on the public site."""
    command = [sys.executable, "-m", "synthportal.demonstration_access"]
    if one_machine.run(command, machine.environment("public", "demonstration"), json.dumps(told)):
        raise InputError("the demonstration's access could not be filled; the next start begins again")


def _write(file: Path, state: dict[str, str]) -> None:
    replace_durably(file, json.dumps(state, indent=1).encode(), 0o600)
