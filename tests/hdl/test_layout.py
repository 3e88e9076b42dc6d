"""The message table against the specification's own lengths, and against itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.itch.layout import MESSAGES, RECORD, SOURCES, WORD, Record, pack, unpack, words
from tapeout.hdl.itch.model import decode, encode, fields
from tapeout.hdl.layout import TREATMENTS, Fault

#: Total length of each message type, as the specification's tables end.
LENGTHS = dict(zip("SRHYLVWKJhAFECXDUPQBINO",
                   (12, 39, 25, 20, 26, 35, 12, 28, 35, 21, 36, 40, 31, 36, 23, 19, 35, 44, 40, 19,
                    50, 20, 48), strict=True))  # fmt: skip
#: Where the specification puts these fields.
PLACES = [
    ("A", "order_reference", 11), ("A", "side", 19), ("A", "shares", 20), ("A", "stock", 24),
    ("A", "price", 32), ("F", "attribution", 36), ("E", "match_number", 23), ("C", "printable", 31),
    ("C", "execution_price", 32), ("U", "new_order_reference", 19), ("U", "price", 31),
    ("P", "match_number", 36), ("Q", "cross_price", 27), ("I", "cross_type", 48),
    ("R", "etp_leverage_factor", 34), ("J", "extension", 31), ("L", "stock", 15),
]  # fmt: skip


def test_lengths_are_the_specifications():
    assert {kind: message.length for kind, message in MESSAGES.items()} == LENGTHS


@pytest.mark.parametrize(("kind", "name", "start"), PLACES)
def test_fields_stand_where_the_specification_puts_them(kind, name, start):
    assert MESSAGES[kind].fields[name].start == start


def test_the_record_has_sixty_four_bytes_and_one_layout():
    assert sum(RECORD.values()) == 512
    assert tuple(RECORD) == Record._fields
    assert set(SOURCES) <= set(RECORD)


@given(st.sampled_from(sorted(MESSAGES)), st.binary(min_size=49, max_size=49))
def test_fields_of_a_message_make_it_again(kind, body):
    readable = bytes(32 + byte % 95 for byte in body)
    message = (kind.encode() + readable)[: MESSAGES[kind].length]
    text = {name for name, field in MESSAGES[kind].fields.items() if field.kind == "a"}
    found = fields(message)
    found.pop("type")
    again = encode(kind, **found)
    for name, (start, length, _) in MESSAGES[kind].fields.items():
        if name in text:
            assert again[start : start + length].rstrip(b" ") == message[
                start : start + length
            ].rstrip(b" ")
        else:
            assert again[start : start + length] == message[start : start + length]


@given(st.tuples(*(st.integers(0, 2**bits - 1) for bits in RECORD.values())))
def test_a_record_packs_and_unpacks(values):
    assert unpack(pack(values, RECORD)) == Record(*values)


def test_words_carry_a_message_lowest_byte_first():
    (one, two) = words(b"ABCDEFGHIJ", sequence=5)
    assert one & (1 << 64) - 1 == int.from_bytes(b"ABCDEFGH", "little")
    assert two & (1 << 64) - 1 == int.from_bytes(b"IJ", "little")
    assert [word >> 64 & 15 for word in (one, two)] == [8, 2]
    assert [word >> 68 & 1 for word in (one, two)] == [0, 1]
    assert all(word >> 69 == 5 for word in (one, two))
    assert sum(WORD.values()) == 197


def test_an_add_order_written_by_hand():
    hand = bytes.fromhex(
        "41 1598 0000 1f1acf6ae6d6 0000000000000007 42 00000064 49564f4f20202020 000debac"
    )
    made = encode("A", stock_locate=5528, timestamp=34_200_009_500_374, order_reference=7,
                  side="B", shares=100, stock="IVOO", price=912_300)  # fmt: skip
    assert made == hand
    assert fields(hand)["stock"] == "IVOO"
    assert decode(hand).price == 912_300


def test_encoding_names_what_does_not_fit():
    with pytest.raises(ValueError, match="order delete has no field 'price'"):
        encode("D", price=1)
    with pytest.raises(ValueError, match="stock must fit 8 bytes; got 'TOOLONGSYMBOL'"):
        encode("A", stock="TOOLONGSYMBOL")


def test_reading_fields_names_a_wrong_length():
    with pytest.raises(ValueError, match="order delete must be 19 bytes; got 3"):
        fields(b"Dxy")


def test_every_fault_has_a_treatment_and_stands_in_the_order_of_the_way():
    assert list(TREATMENTS) == list(Fault)
    assert [int(fault) for fault in Fault] == list(range(len(Fault)))
