"""What the database itself refuses: changing or deleting an audit event or a sign-off, and signing for oneself.

Triggers, because a CHECK cannot see another row. One text per vendor; other databases are refused.
"""

from django.db import migrations

APPEND_ONLY = ("releases_auditevent", "releases_signoff")
ROLES = ("steward", "sdat", "ig", "ppi", "auditor", "administrator")

AUTHOR = "the author of a sign-off must be the author of its request"
MAKER = "nobody signs for what they submitted or generated"
TWO = "SDAT and IG must be different people on a privately-sourced request"


def sqlite() -> list[str]:
    statements = []
    for table in APPEND_ONLY:
        for event in ("UPDATE", "DELETE"):
            statements.append(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    for name, condition, message in _signing_rules("NEW"):
        statements.append(
            f"CREATE TRIGGER releases_signoff_{name} BEFORE INSERT ON releases_signoff WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
    return statements


def postgresql() -> list[str]:
    statements = [
        "CREATE FUNCTION releases_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$"
    ]
    for table in APPEND_ONLY:
        statements.append(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION releases_append_only()"
        )
    checks = " ".join(
        f"IF {condition} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END IF;"
        for _, condition, message in _signing_rules("NEW")
    )
    statements.append(
        f"CREATE FUNCTION releases_signoff_separation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {checks} RETURN NEW; END $$"
    )
    statements.append(
        "CREATE TRIGGER releases_signoff_separation BEFORE INSERT ON releases_signoff "
        "FOR EACH ROW EXECUTE FUNCTION releases_signoff_separation()"
    )
    return statements


def _signing_rules(new: str) -> list[tuple[str, str, str]]:
    """(name, condition under which the insert is refused, message)."""
    return [
        ("author", f"NOT EXISTS (SELECT 1 FROM releases_releaserequest r WHERE r.id = {new}.request_id AND r.author_id = {new}.author_id)", AUTHOR),
        (
            "maker",
            "EXISTS (SELECT 1 FROM releases_releaserequest r LEFT JOIN releases_syntheticversion v ON v.id = r.version_id "
            f"WHERE r.id = {new}.request_id AND (r.submitted_by_id = {new}.reviewer_id OR v.made_by_id = {new}.reviewer_id))",
            MAKER,
        ),
        (
            "two",
            "EXISTS (SELECT 1 FROM releases_signoff s JOIN releases_releaserequest r ON r.id = s.request_id "
            f"WHERE s.request_id = {new}.request_id AND s.round = {new}.round AND s.reviewer_id = {new}.reviewer_id "
            f"AND s.capacity <> {new}.capacity AND r.tier = 'privately-sourced')",
            TWO,
        ),
    ]


def guard(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    statements = {"sqlite": sqlite, "postgresql": postgresql}.get(vendor)
    if statements is None:
        raise RuntimeError(f"the database must be SQLite or PostgreSQL: on {vendor} nothing would keep the record append-only")
    for statement in statements():
        schema_editor.execute(statement, params=None)


def unguard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS releases_append_only() CASCADE")
        schema_editor.execute("DROP FUNCTION IF EXISTS releases_signoff_separation() CASCADE")
        return
    for table in APPEND_ONLY:
        for event in ("update", "delete"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{event}")
    for name in ("author", "maker", "two"):
        schema_editor.execute(f"DROP TRIGGER IF EXISTS releases_signoff_{name}")


def roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("releases", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunPython(guard, unguard),
        migrations.RunPython(roles, migrations.RunPython.noop),
    ]
