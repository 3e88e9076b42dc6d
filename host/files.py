"""A file appears whole or not at all: written aside, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tapeout.errors import DataError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes `path` when the block ends well, and vanishes otherwise."""
    if not path.parent.is_dir():
        raise DataError(f"folder must exist to write {path.name}; got {path.parent}")
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> Path:
    """Write `text` to `path`, whole or not at all."""
    with whole(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return path
