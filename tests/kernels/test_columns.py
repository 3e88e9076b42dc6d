"""Typed columns equal the golden model field by field, and are the message again when encoded."""

import os
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import encode
from tapeout.kernels.columns.arena import STEP
from tapeout.kernels.columns.decode import bare_columns, columns
from tapeout.kernels.tape import itch
from tapeout.kernels.tape.moldudp import MESSAGE_DTYPE
from tapeout.market.messages import ALL, MESSAGE_SCHEMAS, typed_batches
from tapeout.market.wire import wire_messages

EVERYTHING = np.ones(itch.LOCATES, np.bool_)
MIDNIGHT = 1_692_676_800_000_000_000  # 2023-08-22 in New York


def located(messages, arrival=10**18):
    """The bytes of whole messages one behind the other, and where each stands."""
    wire = np.frombuffer(b"".join(messages) + bytes(itch.SLACK), np.uint8).copy()
    found = np.zeros(len(messages), MESSAGE_DTYPE)
    found["length"] = [len(message) for message in messages]
    found["start"] = np.cumsum(found["length"]) - found["length"]
    found["sequence"] = np.arange(len(messages)) + 7
    found["arrival_ns"] = arrival and arrival + found["sequence"]
    return wire, found


def typed(messages, kinds=ALL, wanted=EVERYTHING, arrival=10**18):
    """Type -> its one batch."""
    wire, found = located(messages, arrival)
    return dict(typed_batches(columns(wire, found, kinds, wanted, MIDNIGHT)))


def expected(message, number):
    """What the columns of a message must be, from its bytes and the specification's types."""
    row = [None, 10**18 + number, number]
    for name, (start, length, kind) in MESSAGES[chr(message[0])].fields.items():
        raw = message[start : start + length]
        if name == "timestamp":
            row[0] = MIDNIGHT + int.from_bytes(raw)
        elif kind == "f":
            row.append({b"Y": True, b"N": False}.get(raw))
        elif kind == "a" and name != "type":
            text = raw.decode("latin-1")
            row.append(text if length == 1 else text.rstrip(" "))
        elif kind == "q":
            row.append(int.from_bytes(raw, signed=True))
        elif name != "type":
            row.append(int.from_bytes(raw))
    return tuple(row)


def body(kind, raw):
    """A message of this type; text is printable unless `raw` is odd, and flags may be anything."""
    return kind.encode() + (raw * 50)[: MESSAGES[kind].length - 1]


WELL_FORMED = st.builds(body, st.sampled_from(ALL), st.binary(min_size=1, max_size=49))


@given(st.lists(WELL_FORMED, max_size=60))
def test_columns_are_the_fields(messages):
    batches = typed(messages)
    for kind, batch in batches.items():
        batch.validate(full=True)
        assert batch.schema == MESSAGE_SCHEMAS[kind]
        want = [expected(m, n) for n, m in enumerate(messages, 7) if m[:1] == kind.encode()]
        assert list(zip(*(column.to_pylist() for column in batch), strict=True)) == want
    assert sum(batch.num_rows for batch in batches.values()) == len(messages)


def with_flags(message, letters):
    """The message with each flag set to Y, N or a blank."""
    out = bytearray(message)
    for field in MESSAGES[chr(message[0])].fields.values():
        if field.kind == "f":
            out[field.start] = ord(next(letters))
    return bytes(out)


@given(st.lists(WELL_FORMED, max_size=60), st.data())
def test_columns_encode_to_the_same_bytes(messages, given_data):
    letters = iter(lambda: given_data.draw(st.sampled_from("YN ")), None)
    messages = [with_flags(message, letters) for message in messages]
    for kind, batch in typed(messages).items():
        again = [row.tobytes() for row in wire_messages(kind, batch, MIDNIGHT)]
        assert again == [message for message in messages if message[:1] == kind.encode()]


def test_an_add_order_written_by_hand():
    hand = bytes.fromhex(
        "41 1598 0001 1f1acf6ae6d6 0000000000000007 42 00000064 49564f4f20202020 000debac"
    )
    (row,) = typed([hand])["A"].to_pylist()
    assert row == {
        "exchange_ns": MIDNIGHT + 34_200_009_500_374,
        "arrival_ns": 10**18 + 7,
        "sequence": 7,
        "stock_locate": 5528,
        "tracking_number": 1,
        "order_reference": 7,
        "side": "B",
        "shares": 100,
        "stock": "IVOO",
        "price_ticks": 912_300,
    }


@pytest.mark.parametrize("text", ["", "A", "A B", " A", "ABCDEFGH", "BRK.B"])
def test_text_loses_only_the_blanks_behind_it(text):
    batch = typed([encode("A", stock="AA"), encode("A", stock=text), encode("A", stock="BB")])["A"]
    assert batch["stock"].to_pylist() == ["AA", text, "BB"]


def test_what_is_no_flag_is_null():
    batch = typed([encode("C", printable=letter) for letter in ("Y", "N", "", "y")])["C"]
    assert batch["printable"].to_pylist() == [True, False, None, None]


def test_a_source_without_a_clock_has_no_arrivals_and_a_zero_is_none():
    message = encode("D", order_reference=5)
    assert typed([message], arrival=0)["D"]["arrival_ns"].to_pylist() == [None]
    wire, found = located([message, message])
    found["arrival_ns"][1] = 0
    batch = dict(typed_batches(columns(wire, found, "D", EVERYTHING, 0)))["D"]
    assert batch["arrival_ns"].to_pylist() == [10**18 + 7, None]


def test_malformed_messages_and_those_not_wanted_are_left_out():
    only = np.zeros(itch.LOCATES, np.bool_)
    only[3] = True
    messages = [
        b"", b"A", b"Z" * 36, encode("A", stock_locate=3, order_reference=1) + b"!",
        encode("A", stock_locate=2), encode("A", stock_locate=3, order_reference=9),
        encode("D", stock_locate=3),
    ]  # fmt: skip
    batches = typed(messages, "AE", only)
    assert list(batches) == ["A"]
    assert batches["A"]["order_reference"].to_pylist() == [9]
    assert batches["A"]["sequence"].to_pylist() == [12]


def test_columns_reach_over_blocks():
    """More messages than are taken at a time: text and numbers go on where they stopped."""
    count = 3 * STEP + 5
    messages = [
        encode("AF"[n % 2], order_reference=n, stock="X" * (n % 9), price=n) for n in range(count)
    ]
    for kind, batch in typed(messages).items():
        batch.validate(full=True)
        numbers = range("AF".index(kind), count, 2)
        assert batch["order_reference"].to_pylist() == list(numbers)
        assert batch["price_ticks"].to_pylist() == list(numbers)
        assert batch["stock"].to_pylist() == ["X" * (n % 9) for n in numbers]


@given(st.lists(WELL_FORMED | st.binary(min_size=1, max_size=60), max_size=40), st.integers(1, 50))
def test_bare_messages_are_the_same_columns(messages, most):
    """From one length to the next, a few at a time, as where their places are known."""
    raw = b"".join(len(message).to_bytes(2) + message for message in messages)
    wire = np.frombuffer(raw + bytes(itch.SLACK), np.uint8).copy()
    got, at, taken = {}, 0, 0
    while at < len(raw):
        found, some, at = bare_columns(wire, at, len(raw), 7 + taken, ALL, EVERYTHING, 5, most)
        taken += some
        for kind, batch in typed_batches(found):
            got.setdefault(kind, []).append(batch)
    assert taken == len(messages)
    wire, places = located(messages, arrival=0)
    want = dict(typed_batches(columns(wire, places, ALL, EVERYTHING, 5)))
    assert {k: pa.Table.from_batches(b) for k, b in got.items()} == {
        k: pa.Table.from_batches([b]) for k, b in want.items()
    }


def test_a_bare_message_cut_short_is_left_and_a_length_of_zero_is_the_types():
    message = encode("D", order_reference=5)
    raw = (0).to_bytes(2) + message + len(message).to_bytes(2) + message
    for cut in range(len(raw) + 1):
        wire = np.frombuffer(raw[:cut] + bytes(itch.SLACK), np.uint8).copy()
        found, taken, at = bare_columns(wire, 0, cut, 1, ALL, EVERYTHING, 0, 9)
        assert (taken, at) == ((cut >= 21) + (cut >= 42), 21 * ((cut >= 21) + (cut >= 42)))
        assert int(found.layout.rows.sum()) == taken


def test_only_batches_of_the_type_are_encoded():
    batch = typed([encode("D")])["D"]
    with pytest.raises(ValueError, match=r"batch must have the schema of 'A'; got \['exchange_ns'"):
        wire_messages("A", batch, MIDNIGHT)


def play_hostile():
    """Random messages of every type and of none, of any locate, through both ways in."""
    rng = random.Random(3)
    messages = [
        body(rng.choice(ALL), rng.randbytes(rng.randrange(1, 50)))
        if rng.randrange(5)
        else rng.randbytes(rng.randrange(1, 60))
        for _ in range(2 * STEP + 9)
    ]
    raw = b"".join(len(message).to_bytes(2) + message for message in messages)
    wire = np.frombuffer(raw + bytes(itch.SLACK), np.uint8).copy()
    bare, taken, at = bare_columns(wire, 0, len(raw), 7, ALL, EVERYTHING, 0, len(messages))
    assert (taken, at) == (len(messages), len(raw))
    known = columns(*located(messages), ALL, EVERYTHING, 0)
    assert bare.layout.rows.tolist() == known.layout.rows.tolist()


@pytest.mark.slow
def test_no_index_leaves_its_array(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import runpy, sys; runpy.run_path(sys.argv[1])['play_hostile']()",
         __file__],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
