"""The map of the house: every module and the first line of its docstring, without importing it."""

import ast
import importlib
import pkgutil
from pathlib import Path

ROOMS = ("tapeout", "tapeout.kernels", "tapeout.hdl", "tapeout.sim")


def house_map() -> dict[str, str]:
    """Module name to one-line purpose, in name order."""
    lines = {}
    for room in ROOMS:
        package = importlib.import_module(room)
        lines[room] = _first_line(package.__doc__)
        for path in package.__path__:
            for found in pkgutil.walk_packages([path], room + "."):
                file = Path(path, *found.name.removeprefix(room + ".").split("."))
                source = file / "__init__.py" if found.ispkg else file.with_suffix(".py")
                lines[found.name] = _first_line(ast.get_docstring(ast.parse(source.read_text())))
    return dict(sorted(lines.items()))


def _first_line(docstring: str | None) -> str:
    return (docstring or "").partition("\n")[0]
