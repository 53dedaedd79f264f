"""What the database itself refuses, written once for both databases: statements for migrations, never for the running site.

On SQLite a table that Django makes anew (most alterations of a column) loses its triggers: add only columns that may be empty to a
guarded table, or give the guards again in the same migration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from django.db.migrations.operations.special import RunPython

Event = Literal["INSERT", "UPDATE", "DELETE"]


def append_only(*tables: str) -> Guards:
    """Rows of these tables are neither changed nor deleted."""
    rules = [(table, f"append_only_{event.lower()}", event, "1 = 1", f"{table} is append-only") for table in tables for event in _BOTH]
    return _operation(rules)


def refuses(table: str, name: str, event: Event, condition: str, message: str) -> Guards:
    """`event` on a row of `table` is refused where `condition` holds: SQL over NEW (INSERT, UPDATE) and OLD (UPDATE, DELETE).

    The same SQL runs on both databases: no functions of one of them. message: without quotation marks.
    """
    return _operation([(table, name, event, condition, message)])


_BOTH: tuple[Event, ...] = ("UPDATE", "DELETE")
_Rule = tuple[str, str, Event, str, str]


class Guards(RunPython):
    """An operation that gives triggers: what empties tables after a test finds it in the migrations and takes it back."""


def _operation(rules: Sequence[_Rule]) -> Guards:
    return Guards(_each(rules, _made), _each(rules, _dropped))


def _each(rules: Sequence[_Rule], statements: Callable[[str, _Rule], list[str]]) -> Callable[[Any, Any], None]:
    def run(apps: Any, schema_editor: Any) -> None:
        vendor = schema_editor.connection.vendor
        if vendor not in ("sqlite", "postgresql"):
            raise RuntimeError(f"the database must be SQLite or PostgreSQL: on {vendor} nothing would keep the record append-only")
        for rule in rules:
            for statement in statements(vendor, rule):
                schema_editor.execute(statement, params=None)

    return run


def _made(vendor: str, rule: _Rule) -> list[str]:
    table, name, event, condition, message = rule
    trigger = f"{table}_{name}"
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{message}'); END",
        ]
    row = "OLD" if event == "DELETE" else "NEW"
    return [
        f"CREATE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN "
        f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {row}; END $$",
        f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {trigger}()",
    ]


def _dropped(vendor: str, rule: _Rule) -> list[str]:
    table, name, *_ = rule
    return [f"DROP TRIGGER IF EXISTS {table}_{name}"] if vendor == "sqlite" else [f"DROP FUNCTION IF EXISTS {table}_{name}() CASCADE"]
