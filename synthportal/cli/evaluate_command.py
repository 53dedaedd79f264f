"""`synthportal evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from synthportal.cli.options import EXISTING, NEW, policy_named, policy_option, schema_in, schema_option, seed_option
from synthportal.cli.outcome import NotPassed, say


def _list_metrics(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from synthportal.cli.judging import metric_list

        click.echo(metric_list())
        ctx.exit()


@click.command("evaluate")
@click.option("--train", type=EXISTING, required=True, metavar="T", help="The real rows the synthetic ones were made from.")
@click.option("--holdout", type=EXISTING, required=True, metavar="H", help="Real rows that generation never saw (see split).")
@click.option("--synthetic", type=EXISTING, required=True, metavar="Y", help="The synthetic rows, from any tool.")
@schema_option
@policy_option
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="COL",
    help="A column somebody would predict, or TIME~EVENT for survival; may be given again. Proposed where none is given.",
)
@click.option(
    "--tier",
    default="publicly-sourced",
    show_default=True,
    metavar="TIER",
    help="Whose gates judge: structural, publicly-sourced or privately-sourced.",
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Measure this one alone, without report and verdict. Repeatable.")
@click.option(
    "--list-metrics", is_flag=True, is_eager=True, expose_value=False, callback=_list_metrics, help="The names of all metrics, and stop."
)
@seed_option
@click.option("--out", type=NEW, required=True, metavar="DIR", help="A new folder for metrics.json and report.html.")
def command(
    train: Path,
    holdout: Path,
    synthetic: Path,
    schema_file: Path | None,
    policy: str,
    targets: tuple[str, ...],
    tier: str,
    metrics: tuple[str, ...],
    seed: int,
    out: Path,
) -> None:
    """How good and how safe are synthetic rows, beside a naive shuffle and beside real rows nobody trained on?

    DIR gets metrics.json (every number) and report.html (opens offline). Exit 3 when a hard gate failed; both
    are written all the same. With --metric, DIR gets metrics.json alone, and the figures are printed.

    \b
    Example:
      synthportal evaluate --train parts/train.parquet --holdout parts/holdout.parquet \\
          --synthetic synthetic.parquet --out evaluation
    """
    from synthportal.cli import judging, outputs, records
    from synthportal.cli.watching import part, progress

    outputs.check_new_folder(out)
    judging.check_metrics(metrics)
    chosen = policy_named(policy)
    with outputs.work_folder(out) as work, progress("evaluate") as watching:
        given = schema_in(schema_file) if schema_file else None
        real = judging.real_sides(train, holdout, given, work, part(watching, 0.0, 0.3))
        made = judging.synthetic_side(synthetic, real.schema, work, part(watching, 0.3, 0.4))
        results = judging.judge(
            real,
            made,
            policy=chosen,
            tier=tier,
            seed=seed,
            targets=targets,
            only=metrics or None,
            progress=part(watching, 0.4, 1.0),
        )
        folder = work / "results"
        folder.mkdir()
        written = judging.write(results, folder, title=f"Evaluation of {synthetic.name}")
        outputs.publish_folder(folder, out)
    records.say_warnings(real.dataset)
    say("wrote " + " and ".join(f"{out}/{name}" for name in written))
    for sentence in results.sentences:
        click.echo(sentence)
    if not results.passed:
        raise NotPassed("verdict: a gate failed")
