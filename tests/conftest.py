"""What all tests share: the market data if it is here, and how hard the property tests try."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("tapeout", deadline=None, max_examples=60, print_blob=True)
settings.load_profile("tapeout")

FIGURES = pytest.StashKey[list]()
DATA = Path(os.environ.get("TAPEOUT_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data():
    """The folder of real market data, which is not ours to publish."""
    if not (DATA / "README.md").exists():
        pytest.skip("no market data here: set TAPEOUT_DATA to its folder")
    return DATA


@pytest.fixture(scope="session")
def figure(pytestconfig):
    """Keeps a sentence for the end of the test run, where it is printed."""
    return pytestconfig.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter, config):
    """What the tests found, on real market data and in millions of cycles of gateware."""
    if figures := config.stash.get(FIGURES, []):
        terminalreporter.section("what was found")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def capture(tmp_path_factory):
    """A small simulated day: its capture, and the exchange's own books."""
    from tapeout.sim.day import SimulatedDay

    path = tmp_path_factory.mktemp("day") / "day.pcap"
    oracle = SimulatedDay(seed=5, instruments=8, events=20_000).write(path)
    return path, oracle
