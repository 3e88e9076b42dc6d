"""Lines: on which copy of the feed a datagram came, and what each copy was worth.

A line is a capture, a destination address and port, an inner VLAN, and the session it carries.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.hdl.net.layout import IPV4_DESTINATION_AT, IPV6_DESTINATION_AT
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be32, be64

LINES = 64
#: Five of the heartbeats that an idle line sends, one a second.
SILENCE_NS = 5_000_000_000

#: What is counted of a line. Every message that came on it was `DELIVERED` first by it, `REPEATED`
#: or `DROPPED`: these three add up to `MESSAGES`. `GAPS` is how often it jumped ahead of its own
#: numbers, `SKIPPED` how many it jumped over: some of those may have come late. `FIRST` and `NEXT`
#: are the first number it carried and the one it goes on with. `UNANSWERED` is when another line
#: of the session spoke first since this one did, or 0: from there on `SILENCES` are counted.
(PACKETS, HEARTBEATS, ENDS, MESSAGES, DELIVERED, REPEATED, DROPPED, GAPS, SKIPPED, FIRST, NEXT,
 FIRST_NS, LAST_NS, SILENCES, UNANSWERED) = range(15)  # fmt: skip
COUNTERS = 15

HIGH, LOW, PLACE, CARRIES = range(4)
IP6 = np.uint64(6)


class Lines(NamedTuple):
    """The lines met so far; the last row is shared by all that have no row of their own.

    `keys` (LINES, 4) uint64 is the address in two words (IPv4 in the lower), the IP version, port
    and VLAN, and capture and session. `counts` (LINES, COUNTERS) int64, `met` (1,) how many.
    """

    keys: np.ndarray[Any, np.dtype[np.uint64]]
    counts: Ints
    met: Ints


def lines() -> Lines:
    """None met yet."""
    return Lines(
        np.zeros((LINES, 4), np.uint64),
        np.zeros((LINES, COUNTERS), np.int64),
        np.zeros(1, np.int64),
    )


@jit_inner
def line_of(known: Lines, wire: Bytes, gram: Any, session: int) -> int:
    """The row of the line that a sound datagram came on; entered if it is new."""
    version = np.uint64(wire[gram.ip] >> 4)
    high, low = np.uint64(0), be32(wire, gram.ip + IPV4_DESTINATION_AT)
    if version == IP6:
        high = be64(wire, gram.ip + IPV6_DESTINATION_AT)
        low = be64(wire, gram.ip + IPV6_DESTINATION_AT + 8)
    place = version << np.uint64(32) | np.uint64(gram.place)
    carries = np.uint64(gram.source) << np.uint64(32) | np.uint64(session)
    for row in range(known.met[0]):
        if (
            known.keys[row, LOW] == low
            and known.keys[row, CARRIES] == carries
            and known.keys[row, PLACE] == place
            and known.keys[row, HIGH] == high
        ):
            return row
    if known.met[0] == LINES:
        return LINES - 1
    row = known.met[0]
    known.keys[row, HIGH], known.keys[row, LOW] = high, low
    known.keys[row, PLACE], known.keys[row, CARRIES] = place, carries
    known.met[0] += 1
    return row


@jit_lean
def _session(known: Lines, row: int) -> int:
    """The session that a line carries."""
    return np.int64(known.keys[row, CARRIES] & np.uint64(0xFFFFFFFF))


@jit_lean
def was_silent(known: Lines, row: int) -> bool:
    """Whether others of the session have spoken for `SILENCE_NS` since this line last did."""
    since, latest = known.counts[row, UNANSWERED], np.int64(0)
    for other in range(known.met[0]):
        if other != row and _session(known, other) == _session(known, row):
            latest = max(latest, known.counts[other, LAST_NS])
    return since > 0 and latest - since >= SILENCE_NS


@jit_lean
def _speak(known: Lines, row: int, now_ns: int) -> None:
    """The others of the session have something to answer, and this line nothing more."""
    counts = known.counts
    for other in range(known.met[0]):
        if counts[other, UNANSWERED] == 0 and _session(known, other) == _session(known, row):
            counts[other, UNANSWERED] = now_ns
    counts[row, UNANSWERED] = 0


@jit_inner
def arrived(known: Lines, head: Any, gram: Any, believed: bool, log: Ledger) -> None:
    """Count a datagram on its line, once; `believed` says whether its number can be."""
    row, counts, now_ns = head.line, known.counts, gram.arrival_ns
    if counts[row, PACKETS] == 0:
        counts[row, FIRST_NS] = counts[row, LAST_NS] = now_ns
    if known.met[0] > 1:
        if was_silent(known, row):
            counts[row, SILENCES] += 1
            note(log, Fault.SILENT_LINE, gram.packet, gram.start, -1, 1)
        _speak(known, row, now_ns)
    counts[row, LAST_NS] = max(counts[row, LAST_NS], now_ns)
    counts[row, PACKETS] += 1
    counts[row, ENDS] += head.ended
    counts[row, HEARTBEATS] += head.sound != 0 and head.whole == 0 and head.ended == 0
    counts[row, MESSAGES] += head.whole
    if believed and head.sequence > 0:
        if counts[row, NEXT] == 0:
            counts[row, FIRST] = counts[row, NEXT] = head.sequence
        if head.sequence > counts[row, NEXT]:
            counts[row, GAPS] += 1
            counts[row, SKIPPED] += head.sequence - counts[row, NEXT]
        counts[row, NEXT] = max(counts[row, NEXT], head.sequence + head.whole)


def finish(known: Lines, log: Ledger) -> None:
    """Count the lines that fell silent for good, their session's end not told."""
    for row in range(int(known.met[0])):
        if was_silent(known, row) and not known.counts[row, ENDS]:
            known.counts[row, SILENCES] += 1
            note(log, Fault.SILENT_LINE, -1, -1, -1, 1)
