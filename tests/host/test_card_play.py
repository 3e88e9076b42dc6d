"""A capture through a card by one call: the stream is the golden model's, whatever fails."""

import pytest
from typer.testing import CliRunner

from tapeout.card.swap import Reason
from tapeout.errors import DataError, DeviceError
from tapeout.walk.card import play


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("", None), ("lie:200", Reason.LIE), ("skip:9", Reason.LOST), ("checksum:30", Reason.LOST)],
)
def test_a_capture_is_told_whole_and_once(capture, fault, reason):
    played = play(capture[0], feed="model", fault=fault, frames=600)
    assert played.equal
    assert [one.number for one in played.records] == list(range(1, played.expected + 1))
    assert (played.swapped and played.swapped.reason) == reason
    assert played.frames == 600
    if not reason:
        assert played.statistics["records"] == played.expected > 500
        assert played.statistics["a_messages"] == played.messages


def test_the_command_shows_the_card_the_change_and_what_it_counted(capture):
    from tapeout.cli import app

    words = ["card", "play", str(capture[0]), "--feed", "model", "--fault", "lie:100"]
    done = CliRunner().invoke(app, [*words, "--frames", "300", "--records", "2"])
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert lines[0] == ("card: version 1.0, books, ring; 256 instruments, 8 levels, 156.25 MHz")
    assert [line.split()[0] for line in lines[1:4]] == ["number", "1", "2"]
    assert lines[4].startswith("300 frames, ")
    assert lines[5].startswith("swapped: lie at record ")
    assert lines[-2] == "errors: none"
    assert lines[-1].startswith("check: ")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"frames": 0}, DataError, "frames must be 1 or more; got 0"),
        ({"feed": "asic"}, DataError, "feed must be one of card, sim-card, model; got 'asic'"),
        ({"feed": "card"}, DeviceError, "feed 'card' was asked for but cannot be used: no card: "),
        ({"feed": "model", "fault": "fire"}, DataError, "fault must be one of stall, reset, "),
        ({"feed": "model", "symbols": ["NOSUCH"]}, DataError, "NOSUCH"),
    ],
)
def test_what_cannot_be_played_is_refused(capture, monkeypatch, options, error, said):
    monkeypatch.delenv("TAPEOUT_CARD", raising=False)
    with pytest.raises(error, match=said):
        play(capture[0], **options)


def test_a_real_card_has_no_faults_on_request(capture, monkeypatch, tmp_path):
    registers = tmp_path / "uio0"
    registers.write_bytes(bytes(4_096))
    monkeypatch.setenv("TAPEOUT_CARD", str(registers))
    with pytest.raises(DataError, match="fault must be played on a simulated card; got card"):
        play(capture[0], feed="card", fault="lie:1")
