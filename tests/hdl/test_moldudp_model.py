"""The MoldUDP64 model on bytes written out by hand."""

import pytest

from tapeout.hdl.moldudp.model import frame, unframe

HAND = b"SESSION001" + b"\0\0\0\0\0\0\0\x2a" + b"\0\2" + b"\0\3abc" + b"\0\0"


def test_a_packet_is_its_header_and_its_blocks():
    packet = unframe(HAND)
    assert (packet.session, packet.sequence, packet.messages) == (b"SESSION001", 42, [b"abc", b""])
    assert frame(b"SESSION001", 42, [b"abc", b""]) == HAND


def test_heartbeat_and_end_of_session_carry_no_message():
    assert unframe(frame(b"S", 7, [])).heartbeat
    assert unframe(HAND[:18] + b"\xff\xff").end_of_session


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (HAND[:19], "must hold the 20 byte header; got 19"),
        (HAND[:-3], "block at byte 20 must end by 24"),
        (HAND + b"more", "payload must end with its last block at 27; got 31"),
        (HAND[:18] + b"\0\0" + b"x", "payload must end with its last block at 20; got 21"),
        (HAND[:10] + b"\x80" + HAND[11:], r"sequence at byte 10 must be below 2\*\*62; got 922"),
    ],
)
def test_a_misfit_is_named_with_its_byte(payload, message):
    with pytest.raises(ValueError, match=message):
        unframe(payload)
