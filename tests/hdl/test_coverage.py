"""What the streams bring is counted as it stands on the wire, and reaches all that they are for."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.sim.bench.simulators import READY, engines
from tapeout.sim.pcap import frame as ethernet

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from tapeout.hdl.moldudp.model import frame as packet
from tapeout.sim.whole.functional import ALIGNMENTS, Functional
from tapeout.sim.whole.streams import STREAMS
from tapeout.sim.whole.witness import HAZARDS

spec = importlib.util.spec_from_file_location("coverage", Path(__file__).with_name("coverage.py"))
coverage = importlib.util.module_from_spec(spec)
sys.modules["hdl_coverage"] = coverage
spec.loader.exec_module(coverage)

pytestmark = pytest.mark.rtl
STATE = engines()["verilator"]


def test_lanes_are_those_of_the_wire():
    """By hand: 14 + 4 + 20 + 8 + 20 bytes of headers, then two of length: byte 68, lane 4."""
    found = Functional()
    delete = b"D" + bytes(18)
    found.frame(ethernet(packet(b"S", 1, [delete, delete, b"D"]), tags=1))
    assert found.types == {"D": 2}
    assert found.places == {("D", 4): 1, ("D", 1): 1}
    assert found.alignments == {(4, 6): 1, (1, 3): 1}
    assert found.tags == {1: 1}
    assert found.sizes == {3: 1}


def test_every_alignment_that_can_be_is_one_of_sixty_four():
    """Lengths of the 23 types leave 7 of the 8 remainders: seven lanes of the last for each."""
    assert len(MESSAGES) == 23
    remainders = {one.length % 8 for one in MESSAGES.values()}
    assert len(ALIGNMENTS) == 8 * len(remainders)


def test_the_streams_bring_every_type_at_every_lane_behind_every_tag():
    found = Functional()
    for name in ("all types", "few orders"):
        for frame in STREAMS[name](coverage.SEED).frames:
            found.frame(frame)
    missed = {name: missed for name, _, _, missed in found.table() if missed}
    assert missed == {"hazards": HAZARDS}


@pytest.mark.blocks
@pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}")
def test_the_streams_meet_every_hazard_and_the_records_are_the_models(capsys):
    assert coverage.main(["--short", "--missed"]) == 0
    said = capsys.readouterr().out
    assert "not met" not in said, said
