"""The command line: every capability of the Python API, for people at a terminal."""

import sys

# isort: off
from tapeout.cli import jobs, tables, house  # noqa: F401  (registered in this order)

# isort: on
from tapeout.cli.app import app
from tapeout.errors import TapeoutError

__all__ = ["app", "main"]


def main() -> None:
    """Entry point: an error of ours is one sentence, not a traceback."""
    try:
        app()
    except TapeoutError as reason:
        print(f"tapeout: {reason}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("tapeout: interrupted; nothing half-written is left", file=sys.stderr)
        raise SystemExit(130) from None
