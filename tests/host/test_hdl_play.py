"""A capture through the whole gateware by one call, its records held to the golden model's."""

import time

import pytest
from typer.testing import CliRunner

from tapeout.errors import DataError, DeviceError
from tapeout.hdl.itch.model import encode
from tapeout.sim.bench.simulators import READY, engines

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

STATE = engines()["verilator"]
pytestmark = pytest.mark.rtl
compiled = pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}")


@compiled
def test_a_capture_plays_and_is_checked(capture):
    from tapeout.walk.play import play

    path, _ = capture
    played = play(path, frames=600)
    assert played.engine == "verilator"
    assert played.frames == 600
    assert played.equal
    assert len(played.records) > 500


@compiled
def test_the_command_shows_records_and_says_what_they_were_held_to(capture):
    from tapeout.cli import app

    path, _ = capture
    done = CliRunner().invoke(app, ["hdl", "play", str(path), "--frames", "300", "--records", "3"])
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert lines[0].split() == [
        "number", "kind", "locate", "side", "subject", "price", "lots", "at", "best", "lots",
        "flags",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert "frames" in lines[-2]
    assert lines[-1].startswith("check: ")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"frames": 0}, DataError, "frames must be 1 or more; got 0"),
        ({"wave": "x.vcd", "engine": "verilator"}, DataError, "wave must be played on amaranth"),
        ({"engine": "fpga"}, DeviceError, "engine must be one of verilator, icarus, amaranth"),
        ({"symbols": ["NOSUCH"]}, DataError, "NOSUCH"),
    ],
)
def test_what_cannot_be_played_is_refused(capture, options, error, said):
    from tapeout.walk.play import play

    with pytest.raises(error, match=said):
        play(capture[0], **options)


def test_a_locate_the_gateware_does_not_know_is_refused(tmp_path):
    from tapeout.walk.play import play

    directory = encode("R", stock_locate=20_000, stock="FAR")
    path = tmp_path / "far.itch"
    path.write_bytes(len(directory).to_bytes(2, "big") + directory)
    with pytest.raises(DataError, match=r"stock locates must be below 16,384; got 20,000"):
        play(path, symbols=["FAR"])


@compiled
def test_real_captures_and_the_aapl_hour_are_the_models(data, figure):
    from tapeout.walk.play import play

    files = [*(data / "itch" / "pcap").rglob("*.pcap"), *(data / "itch").glob("*.gz")]
    messages, records, began = 0, 0, time.perf_counter()
    for path in sorted(files):
        played = play(path, frames=20_000)
        assert played.equal, path.name
        messages, records = messages + played.messages, records + len(played.records)
    seconds = time.perf_counter() - began
    figure(
        f"gateware: {len(files)} files, {messages:,} messages, {records:,} records the model's,"
        f" {seconds:.0f} s with the model's own time"
    )
    assert messages > 100_000
