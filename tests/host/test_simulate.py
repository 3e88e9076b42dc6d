"""A simulated day is written whole or not at all, and what cannot be is said in one sentence."""

import pytest

import tapeout
from tapeout.feed.source import Source


def test_a_day_is_a_file_and_what_is_known_of_it(tmp_path):
    made = tapeout.simulate(tmp_path / "day", instruments=3, messages=500, container="itch")
    assert made.size == made.path.stat().st_size
    assert Source(made.path).container == "itch"
    assert made.oracle.messages == 500 + 2 + 3 * 3 + 1 + 3
    assert made.ns_per_message > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"messages": 0}, "messages must be at least 1; got 0"),
     ({"instruments": 70_000}, "instruments must be 1 to 65,534; got 70,000"),
     ({"container": "csv"}, "container must be pcap or itch; got 'csv'")],
)  # fmt: skip
def test_a_day_that_cannot_be_leaves_no_file(tmp_path, wrong, message):
    with pytest.raises(tapeout.DataError, match=message):
        tapeout.simulate(tmp_path / "day", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_day_that_is_interrupted_leaves_no_file(tmp_path):
    class Impatient:
        def stage(self, name, total):
            def stop(much):
                raise KeyboardInterrupt

            return stop

    with pytest.raises(KeyboardInterrupt):
        tapeout.simulate(tmp_path / "day", instruments=3, messages=500, progress=Impatient())
    assert list(tmp_path.iterdir()) == []
