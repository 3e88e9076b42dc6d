"""The command line: every capability of the Python API, for people at a terminal."""

import io
import signal
import sys
from typing import NoReturn

# isort: off
from tapeout.cli import jobs, tables, house  # noqa: F401  (registered in this order)
from tapeout.cli import messages, streams, tape, simulate, hdl, card, loop  # noqa: F401

# isort: on
from tapeout.cli.app import app
from tapeout.errors import TapeoutError

__all__ = ["app", "main"]

STOPS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Stopped(BaseException):
    """A signal asked the process to end; unlike KeyboardInterrupt, Typer lets it pass."""


def main() -> None:
    """Entry point: an error of ours is one sentence, not a traceback, and so is a signal."""
    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name may be any bytes
    try:
        app()
    except TapeoutError as reason:
        print(f"tapeout: {reason}", file=sys.stderr)
        raise SystemExit(2) from None
    except Stopped as stopped:
        number = signal.Signals(stopped.args[0])
        print(f"tapeout: {STOPS[number]}; nothing half-written is left", file=sys.stderr)
        raise SystemExit(128 + number) from None


def _stop(number: int, frame: object) -> NoReturn:
    """Unwind once, so that files written aside vanish; what comes after is not heard."""
    for other in STOPS:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(number)
