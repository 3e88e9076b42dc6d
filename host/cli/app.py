"""The command line itself: what is said before any command."""

from typing import Annotated

import typer

from tapeout import __version__

app = typer.Typer(
    help="From exchange packets to portfolio decisions, on whatever silicon is here.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _settings(
    log: Annotated[
        str | None, typer.Option(help="Write events as JSON lines to stderr: debug, info, ...")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print it.")
    ] = False,
) -> None:
    if log:
        from tapeout.log import turn_on

        turn_on(log)
