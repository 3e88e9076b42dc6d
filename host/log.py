"""Structured logging, off until asked for: JSON lines on stderr, one event each."""

import logging
from typing import Any

from tapeout.errors import DataError

LEVELS = ("debug", "info", "warning", "error")

log = logging.getLogger("tapeout")
log.addHandler(logging.NullHandler())
log.propagate = False


def turn_on(level: str) -> None:
    """Write every event of `level` and above to stderr as one JSON object a line.

    Raises
    ------
    DataError
        "log level must be one of debug, info, warning, error; got 'loud'"
    """
    if level not in LEVELS:
        raise DataError(f"log level must be one of {', '.join(LEVELS)}; got {level!r}")
    import structlog

    stamps = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder(), stamps]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    log.handlers[:] = [handler]
    log.setLevel(level.upper())
