"""A device is used or refused by name; not asked, the fastest that answers, with the reason."""

import sys

import numpy as np
import pytest

from tapeout import device as module
from tapeout.device import READY, Device, choose_device, choose_feed, devices, feeds
from tapeout.errors import DeviceError


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch):
    monkeypatch.delenv("TAPEOUT_DEVICE", raising=False)
    monkeypatch.delenv("TAPEOUT_FEED", raising=False)
    monkeypatch.delenv("TAPEOUT_CARD", raising=False)


@pytest.fixture
def no_gpu(monkeypatch):
    def none():
        raise DeviceError("no NVIDIA driver on this machine")

    monkeypatch.setattr(module, "cuda_devices", none)


@pytest.fixture
def a_gpu(monkeypatch):
    """A machine whose driver shows a card that CuPy can use, as far as this module can tell."""
    monkeypatch.setattr(module, "cuda_devices", lambda: 1)
    monkeypatch.setitem(module.BACKENDS, "cupy", lambda: ("Card", np.asarray))


def test_without_a_gpu_the_cpu_is_taken_and_says_why(no_gpu):
    on = choose_device()
    assert (on.name, on.hardware) == ("numpy", "CPU")
    assert on.why == "no NVIDIA driver on this machine; fastest that answers"


def test_with_a_gpu_it_is_taken(a_gpu):
    assert choose_device().name == "cupy"
    assert choose_device("gpu").hardware == "Card"


def test_a_card_whose_library_is_missing_is_passed_with_that_reason(monkeypatch):
    def missing():
        raise ModuleNotFoundError("No module named 'cupy'", name="cupy")

    monkeypatch.setattr(module, "cuda_devices", lambda: 1)
    monkeypatch.setitem(module.BACKENDS, "cupy", missing)
    monkeypatch.setitem(module.BACKENDS, "jax", missing)
    assert choose_device().why == "cupy is not installed; fastest that answers"


@pytest.mark.parametrize("name", ["numpy", "jax", "cpu"])
def test_a_device_asked_for_is_used(name):
    on = choose_device(name)
    assert on.name == {"cpu": "numpy"}.get(name, name)
    assert on.why == "asked for by name"
    assert np.array_equal(Device.get(on.put(np.arange(3.0))), np.arange(3.0))


@pytest.mark.parametrize("name", ["cupy", "gpu"])
def test_a_device_asked_for_is_refused_not_replaced(no_gpu, name):
    with pytest.raises(
        DeviceError, match=f"device '{name}' was asked for but cannot be used: no NVIDIA"
    ):
        choose_device(name)


def test_the_environment_asks_by_name_too(no_gpu, monkeypatch):
    monkeypatch.setenv("TAPEOUT_DEVICE", "cupy")
    with pytest.raises(DeviceError, match="device 'cupy' was asked for"):
        choose_device()


def test_an_unknown_device_is_refused_with_the_known_ones():
    with pytest.raises(
        DeviceError, match="device must be one of cupy, jax, numpy, gpu, cpu; got 'tpu'"
    ):
        choose_device("tpu")


def test_a_broken_library_gives_one_line(monkeypatch, no_gpu):
    def broken():
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setitem(module.BACKENDS, "jax", broken)
    assert devices()["jax"] == "RuntimeError: first line"


def test_all_backends_are_listed():
    assert list(devices()) == ["cupy", "jax", "numpy"]
    assert devices()["numpy"] == "ok (CPU)"


def test_it_works_with_no_cupy_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(module, "cuda_devices", lambda: 1)
    assert devices()["cupy"] == "cupy is not installed"


def test_the_feed_is_the_twin_unless_asked():
    assert choose_feed() == module.FeedDevice("twin", "no card; fastest that answers")
    assert list(feeds()) == ["card", "sim-card", "verilator", "icarus", "amaranth", "twin"]


def test_a_card_is_where_the_environment_says_or_the_reason_stands_there(monkeypatch, tmp_path):
    assert feeds()["card"] == "no card: TAPEOUT_CARD names none"
    monkeypatch.setattr(module, "DEVICES", str(tmp_path))
    monkeypatch.setenv("TAPEOUT_CARD", "0000:01:00.0")
    registers = tmp_path / "0000:01:00.0" / "resource0"
    assert feeds()["card"] == f"no card: {registers} is not there"
    registers.parent.mkdir()
    registers.write_bytes(bytes(4096))
    assert feeds()["card"] == READY
    assert choose_feed() == module.FeedDevice("card", "fastest that answers")
    monkeypatch.setenv("TAPEOUT_CARD", str(tmp_path / "uio0"))
    assert feeds()["card"] == f"no card: {tmp_path / 'uio0'} is not there"


def test_a_simulated_card_is_ready_where_verilator_is_and_used_only_if_asked_for(monkeypatch):
    from tapeout.sim import engine

    monkeypatch.setattr(engine, "engines", lambda: {"verilator": "no compiler"})
    assert feeds()["sim-card"] == "no compiler"
    with pytest.raises(DeviceError, match=r"feed 'sim-card' was asked for but .*: no compiler"):
        choose_feed("sim-card")
    monkeypatch.setattr(engine, "engines", lambda: {"verilator": READY})
    assert choose_feed("sim-card").why == "asked for by name"
    assert choose_feed().name == "twin"


def test_a_walk_follows_messages_so_a_card_asked_for_is_refused(monkeypatch):
    from tapeout.walk.gateware import choose

    monkeypatch.setattr(module, "_card", lambda: READY)
    with pytest.raises(DeviceError, match="feed of a walk must tell messages; card tells book"):
        choose("card")
    assert choose().name == "twin"
    assert choose().why == "a walk follows messages; card tells book records"


def test_a_feed_asked_for_is_used_or_refused(monkeypatch):
    assert choose_feed("twin").why == "asked for by name"
    with pytest.raises(DeviceError, match="feed 'card' was asked for but cannot be used: no card"):
        choose_feed("card")
    with pytest.raises(DeviceError, match=r"feed must be one of card, sim-card, .*; got 'asic'"):
        choose_feed("asic")
    monkeypatch.setenv("TAPEOUT_FEED", "card")
    with pytest.raises(DeviceError, match="feed 'card' was asked for"):
        choose_feed()


def test_ready_is_how_engines_say_it_too():
    from tapeout.sim import engine

    assert engine.READY == READY
