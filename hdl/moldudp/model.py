"""Golden model of the MoldUDP64 framer: one UDP payload to numbered messages."""

from typing import NamedTuple

from tapeout.hdl.moldudp.layout import (
    END_OF_SESSION,
    HEADER_BYTES,
    HEARTBEAT,
    LAST_SEQUENCE,
    MESSAGE_COUNT,
    PREFIX_BYTES,
    SEQUENCE,
    SESSION,
)


class Packet(NamedTuple):
    """A downstream packet: where it stands in its session, and its messages in order."""

    session: bytes
    sequence: int
    messages: list[bytes]
    heartbeat: bool = False
    end_of_session: bool = False


def unframe(payload: bytes) -> Packet:
    """Take one UDP payload apart.

    Raises
    ------
    ValueError
        If the blocks do not fit the payload, or the sequence number no session: the message tells
        the byte.
    """
    if len(payload) < HEADER_BYTES:
        raise ValueError(f"payload must hold the {HEADER_BYTES} byte header; got {len(payload)}")
    session, sequence = payload[SESSION], int.from_bytes(payload[SEQUENCE])
    count = int.from_bytes(payload[MESSAGE_COUNT])
    if sequence > LAST_SEQUENCE:
        raise ValueError(f"sequence at byte 10 must be below 2**62; got {sequence}")
    messages, start = [], HEADER_BYTES
    for _ in range(0 if count == END_OF_SESSION else count):
        body = start + PREFIX_BYTES
        length = int.from_bytes(payload[start:body])
        if body + length > len(payload):
            raise ValueError(f"block at byte {start} must end by {len(payload)}; got {length}")
        messages.append(payload[body : body + length])
        start = body + length
    if start != len(payload):
        raise ValueError(f"payload must end with its last block at {start}; got {len(payload)}")
    return Packet(session, sequence, messages, count == HEARTBEAT, count == END_OF_SESSION)


def frame(session: bytes, sequence: int, messages: list[bytes]) -> bytes:
    """The UDP payload that carries `messages`; none makes a heartbeat."""
    head = session.ljust(10)[:10] + sequence.to_bytes(8) + len(messages).to_bytes(2)
    return head + b"".join(len(message).to_bytes(2) + message for message in messages)
