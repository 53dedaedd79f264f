"""`synthportal import-datafaker`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import FILE, NEW, policy_named, policy_option
from synthportal.cli.outcome import say


@click.command("import-datafaker")
@click.option("--orm", type=FILE, required=True, metavar="FILE", help="orm.yaml: the tables.")
@click.option("--config", type=FILE, required=True, metavar="FILE", help="config.yaml: what makes each column.")
@click.option("--stats", type=FILE, metavar="FILE", help="src-stats.yaml: results of its queries; without it nothing observed is kept.")
@policy_option
@click.option("--out", type=NEW, required=True, metavar="FOLDER", help="A new folder.")
def command(orm: Path, config: Path, stats: Path | None, policy: str, out: Path) -> None:
    """Bring a project of UCLH's datafaker over: schema.json, summary.json, mechanism.json and report.txt in a new folder.

    Figures of fewer rows than the policy's minimum are dropped, and report.txt says in which columns and how many, as it
    does of all that could not be brought over. datafaker counts rows, not persons; the summary says so to its reviewer.
    No program that the project names is run.

    \b
    Example:
      synthportal import-datafaker --orm orm.yaml --config config.yaml --stats src-stats.yaml --out project
      synthportal generate --summary project/summary.json --generator marginal --rows 1000 --out synthetic/
    """
    from generators.importing.datafaker import import_project
    from synthportal.cli import making, outputs

    outputs.check_new_folder(out)
    with outputs.work_folder(out) as work:
        project = import_project(orm, config, stats, policy_named(policy))
        folder = work / "project"
        folder.mkdir()
        texts = {
            "schema.json": project.schema.to_json(),
            "summary.json": making.summary_text(project.summary, project.schema.deidentified()),
            "mechanism.json": project.mechanism.to_json(),
            "report.txt": project.report(),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        outputs.publish_folder(folder, out)
    say(f"wrote {out}: {len(project.schema.tables)} tables; {len(project.left)} things were not carried over: see {out}/report.txt")
