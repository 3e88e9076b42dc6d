"""One progress bar a stage for people, nothing for programs."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol


class Advance(Protocol):
    """Tells a stage's bar that so much more is done."""

    def __call__(self, much: float) -> object:
        """`much` more of the stage's total."""


class Progress(Protocol):
    """Where long work reports to."""

    def stage(self, name: str, total: float) -> Advance:
        """Start a stage."""


class Silent:
    """Reports nothing; what a library does unless asked."""

    def stage(self, name: str, total: float) -> Advance:
        """A bar nobody sees."""
        return lambda much: None


class Bars:
    """Bars on the terminal; on anything else, nothing."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._console, self._out = Console(stderr=True), Console()
        self._rich = RichProgress(
            TextColumn("{task.description:28}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )

    def shown(self) -> AbstractContextManager[Any]:
        """Shows the bars while the block runs, if this is a terminal."""
        return self._rich if self._console.is_terminal else nullcontext()

    def say(self, line: object) -> None:
        """Print a line on stdout, above the bars."""
        if self._console.is_terminal and self._out.is_terminal:
            self._rich.print(str(line), markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, flush=True)

    def stage(self, name: str, total: float) -> Advance:
        """A new bar under those before it."""
        task = self._rich.add_task(name, total=total or 1)
        return lambda much: self._rich.advance(task, much)
