"""The reference page of the command line: `python -m synthportal.cli.reference > docs/reference/cli.md` makes it from the commands."""

from __future__ import annotations

import click

from synthportal.cli.commands import COMMANDS, synthportal

HEAD = """# Command line reference

Made from the commands by `python -m synthportal.cli.reference > docs/reference/cli.md`; a test fails when it is stale.
How to use them together: [how-to](../how-to/command-line.md).
"""


def page() -> str:
    """The whole page, in Markdown."""
    context = click.Context(synthportal, info_name="synthportal", terminal_width=100, help_option_names=["-h", "--help"])
    parts = [HEAD, _block("synthportal", synthportal, context)]
    for name in COMMANDS:
        command = synthportal.get_command(context, name)
        if command is not None:
            parts += _of(name, command, context)
    return "\n".join(parts)


def _of(name: str, command: click.Command, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100)
    parts = [_block(context.command_path, command, context)]
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                parts += _of(inner, found, context)
    return parts


def _block(path: str, command: click.Command, context: click.Context) -> str:
    return f"## `{path}`\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(page(), nl=False)
