"""What holds for every service, present and future: found by looking, not by a list."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import FunctionType

import pytest

from releases import permissions, services
from releases.permissions import Refused
from releases.services.recorded import permit, recorded
from tests.secure.conftest import World

MODULES = [importlib.import_module(f"releases.services.{m.name}") for m in pkgutil.iter_modules(services.__path__)]
PUBLIC = [
    (f"{module.__name__.rsplit('.', 1)[-1]}.{name}", function)
    for module in MODULES
    for name, function in vars(module).items()
    if isinstance(function, FunctionType) and not name.startswith("_") and inspect.unwrap(function).__module__ == module.__name__
]

WITHOUT_A_RECORD = {
    "notices.tell": "part of the service whose event it follows",
    "recorded.recorded": "the decorator itself",
    "recorded.permit": "asks the permission",
    "recorded.refuse": "records a refusal",
    "recorded.locked": "reads a row",
    "sources.raw_data": "finds a file",
    "rounds.keep_round": "part of the service that submits, which records it",
    "runs.begin": "part of the service that starts the run, which records it",
    "runs.begin_on": "as `runs.begin`",
    "runs.enqueue": "tells the queue; the row is the truth",
    "runs.finish": "part of the service that stores the outcome; writes its event itself",
    "runs.report": "progress is not a state",
    "runs.reconcile": "calls `lost`, which is recorded, for each",
    "runs.tidy": "removes what no row points at",
    "attempts.waiting": "reads",
    "attempts.too_often": "reads",
    "links.open_link": "part of the service that gives the link, which records it",
    "links.found": "reads",
    "links.address_of": "writes an address",
    "factors.set_aside_all": "part of the service that resets an account, which records it",
    "sign_ins.seen": "being there is not a state",
    "sign_ins.over": "reads",
    "sign_ins.end_outlasted": "calls `outlasted`, which is recorded, for each",
    "sign_ins.end_all": "part of the service that made them worthless, which records it",
    "tokens.recognised": "that a token was used is not a state",
    "tokens.unusable": "reads a row",
    "ledger.enter": "part of the service that tells something, which records it",
}


@pytest.mark.promise("audit.7")
@pytest.mark.parametrize(("name", "function"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_every_service_records_what_it_does_and_asks_first(name: str, function: FunctionType) -> None:
    if name in WITHOUT_A_RECORD:
        return
    assert hasattr(function, "action"), f"{name} changes state without @recorded"
    parameters = list(inspect.signature(function).parameters)
    if function.by_system:  # type: ignore[attr-defined]
        assert "actor" not in parameters
    else:
        assert parameters[0] == "actor"
        assert function.action in permissions.ACTIONS  # type: ignore[attr-defined]


def test_the_list_of_exceptions_names_only_what_exists() -> None:
    assert set(WITHOUT_A_RECORD) <= {name for name, _ in PUBLIC}


@pytest.mark.promise("audit.7")
def test_a_service_that_forgets_to_ask_or_to_record_fails_when_it_is_called(world: World) -> None:
    @recorded("register_source")
    def forgets_to_ask(actor: object) -> str:
        return "done"

    @recorded("register_source")
    def forgets_to_record(actor: object) -> str:
        permit(actor, "register_source")
        return "done"

    with pytest.raises(RuntimeError, match="without asking a permission"):
        forgets_to_ask(world.people.steward)
    with pytest.raises(RuntimeError, match="without an audit event"):
        forgets_to_record(world.people.steward)
    with pytest.raises(Refused, match="Sign in first"):
        forgets_to_record(None)


@pytest.mark.promise("permissions.3")
def test_nobody_but_services_writes_rows_of_the_workflow() -> None:
    """Views, jobs and commands read and call services: no `.save(`, `.create(`, `.update(` or `.delete(` in them."""
    root = Path(services.__file__).parent.parent
    offending = []
    for path in [*root.glob("*.py"), *root.glob("views/*.py"), *root.glob("management/commands/*.py")]:
        if path.name == "audit.py" and path.parent == root:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("save", "create", "bulk_create", "update", "delete", "get_or_create"):
                named = ast.unparse(node.value)
                if "objects" in named or node.attr in ("save", "bulk_create", "get_or_create"):
                    offending.append(f"{path.name}:{node.lineno} {named}.{node.attr}")
    assert offending == []


@pytest.mark.promise("permissions.2")
def test_an_action_that_does_not_exist_is_a_defect_not_a_permission(world: World) -> None:
    with pytest.raises(ValueError, match="no such action"):
        permissions.explain(world.people.steward, "fly")
