"""Which hardware is here, which one to use, and why: the only module that asks.

Kernels never look for hardware. They compute on the arrays they are given, so choosing a device is
choosing where `Device.put` places the arrays. A device asked for by name is used or refused, never
replaced; not asked, the fastest that answers is taken, and the reason goes into every report.
"""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tapeout.errors import DeviceError
from tapeout.log import log

ASKED = "asked for by name"
READY = "ok"
SIMULATED = "sim-card"
CARDS = ("card", SIMULATED)  # feed handlers that tell book records, not messages
DEVICES = "/sys/bus/pci/devices"


@dataclass(frozen=True)
class Device:
    """A place where kernels run.

    Parameters
    ----------
    name : str
        What the user types: "cupy", "jax" or "numpy".
    hardware : str
        What answers there, e.g. "NVIDIA H200" or "CPU".
    put : callable
        Places a NumPy array on this device.
    why : str
        One sentence: how it was chosen.
    """

    name: str
    hardware: str
    put: Callable[[Any], Any]
    why: str

    @staticmethod
    def get(array: Any) -> np.ndarray[Any, Any]:
        """Bring an array back as NumPy, from any device."""
        return np.asarray(array.get() if hasattr(array, "get") else array)


def cuda_devices() -> int:
    """How many CUDA devices the driver shows, asked of the driver itself.

    Raises
    ------
    DeviceError
        "no NVIDIA driver on this machine"
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise DeviceError("no NVIDIA driver on this machine") from None
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        raise DeviceError("the NVIDIA driver shows no device")
    return count.value


def _cupy() -> tuple[str, Callable[[Any], Any]]:
    cuda_devices()
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(0)["name"].decode(), cupy.asarray


def _jax() -> tuple[str, Callable[[Any], Any]]:
    import jax

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    chosen = jax.devices()[0]
    hardware = "CPU" if chosen.platform == "cpu" else str(chosen.device_kind)
    return hardware, lambda array: jax.device_put(np.asarray(array), chosen)


def _numpy() -> tuple[str, Callable[[Any], Any]]:
    return "CPU", np.asarray


BACKENDS = {"cupy": _cupy, "jax": _jax, "numpy": _numpy}
#: Not asked, these are tried in turn. JAX is taken only where it drives a GPU: on a CPU the NumPy
#: backend with its Numba bodies is ahead of it (benchmarks/var.py, benchmarks/factors.py).
PREFERENCE = ("cupy", "jax", "numpy")
_GENERIC = {"gpu": ("cupy", "jax"), "cpu": ("numpy",)}


def _load(name: str) -> tuple[str, Callable[[Any], Any]]:
    """The hardware and `put` of a backend; `DeviceError` tells why it cannot be used."""
    try:
        return BACKENDS[name]()
    except ModuleNotFoundError as missing:
        raise DeviceError(f"{missing.name} is not installed") from missing
    except DeviceError:
        raise
    except Exception as reason:  # a broken driver, a dead card: the library's own words, one line
        raise DeviceError(f"{type(reason).__name__}: {reason}".partition("\n")[0]) from reason


def devices() -> dict[str, str]:
    """Every numeric backend and its state: "ok (hardware)", or why it cannot be used."""
    state = {}
    for name in BACKENDS:
        try:
            state[name] = f"{READY} ({_load(name)[0]})"
        except DeviceError as reason:
            state[name] = str(reason)
    return state


def choose_device(name: str | None = None) -> Device:
    """The device asked for, else the fastest that answers.

    Parameters
    ----------
    name : str, optional
        "cupy", "jax", "numpy", or "gpu" and "cpu" for whichever of their kind answers; None for
        the environment variable TAPEOUT_DEVICE, else the first usable of `PREFERENCE`.

    Raises
    ------
    DeviceError
        If a device was asked for and cannot be used. Only the unnamed choice falls back.
    """
    asked = name or os.environ.get("TAPEOUT_DEVICE")
    if asked and asked not in BACKENDS | _GENERIC:
        allowed = ", ".join(BACKENDS | _GENERIC)
        raise DeviceError(f"device must be one of {allowed}; got {asked!r}")
    passed: list[str] = []
    for candidate in _GENERIC.get(asked or "", (asked,) if asked else PREFERENCE):
        try:
            if candidate == "jax" and asked != "jax":
                cuda_devices()
            hardware, put = _load(candidate)
        except DeviceError as reason:
            if str(reason) not in passed:
                passed.append(str(reason))
            continue
        why = ASKED if asked else "; ".join([*passed, "fastest that answers"])
        log.info("device chosen", extra={"device": candidate, "hardware": hardware, "why": why})
        return Device(candidate, hardware, put, why)
    raise DeviceError(f"device {asked!r} was asked for but cannot be used: {'; '.join(passed)}")


@dataclass(frozen=True)
class FeedDevice:
    """What turns packets into records, "card" or another of `feeds`, and why it was chosen."""

    name: str
    why: str


def card_place() -> str:
    """Where the card is, as TAPEOUT_CARD says: "0000:01:00.0" or "/dev/uio0"; empty if unset."""
    return os.environ.get("TAPEOUT_CARD", "")


def _card() -> str:
    place = card_place()
    file = Path(place) if place.startswith("/") else Path(DEVICES, place, "resource0")
    if not place:
        return "no card: TAPEOUT_CARD names none"
    if not file.exists():
        return f"no card: {file} is not there"
    return READY if os.access(file, os.R_OK | os.W_OK) else f"no card: {file} may not be opened"


def feeds() -> dict[str, str]:
    """Every feed handler and its state.

    The card; the same gateware simulated behind the card's registers and ring; each simulator that
    can play it; the CPU twin.
    """
    from tapeout.sim.engine import engines

    known = engines()
    return {"card": _card(), SIMULATED: known["verilator"], **known, "twin": READY}


def choose_feed(name: str | None = None) -> FeedDevice:
    """The feed handler asked for, else the card, else the CPU twin.

    The simulated card and the simulated gateware are exact but slow: used only when asked for.

    Raises
    ------
    DeviceError
        If a feed handler was asked for and cannot be used.
    """
    state = feeds()
    asked = name or os.environ.get("TAPEOUT_FEED")
    if not asked and state["card"] == READY:
        return FeedDevice("card", "fastest that answers")
    if not asked:
        return FeedDevice("twin", f"{state['card'].partition(':')[0]}; fastest that answers")
    if asked not in state:
        raise DeviceError(f"feed must be one of {', '.join(state)}; got {asked!r}")
    if state[asked] != READY:
        raise DeviceError(f"feed {asked!r} was asked for but cannot be used: {state[asked]}")
    return FeedDevice(asked, ASKED)
