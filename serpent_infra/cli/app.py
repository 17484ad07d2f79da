"""Assembles the command; every subcommand has a module of its own and is named here."""

from importlib.metadata import version
from typing import Annotated

import typer

from serpent_infra.cli import extract, index, inspect, manifest, recipe

app = typer.Typer(
    name="serpent",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Read, check and write packages, indexes, manifests and recipes.",
)


def _print_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"serpent {version('serpent-infra')}")
        raise typer.Exit


@app.callback()
def _serpent(
    *,
    version_: Annotated[
        bool, typer.Option("--version", callback=lambda value: _print_version(is_asked=value), is_eager=True)
    ] = False,
) -> None:
    """Takes the options that belong to no subcommand."""


app.command("inspect")(inspect.inspect)
app.command("extract")(extract.extract)
app.command("index")(index.index)
app.add_typer(manifest.app, name="manifest")
app.add_typer(recipe.app, name="recipe")


def main() -> None:
    """Runs the command and ends the process."""
    app()
