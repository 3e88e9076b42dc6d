"""Faults planted in the line and what it is made of, and the test that catches each."""

LINE, NET = "hdl/line/gateware.py", "hdl/net/gateware.py"
MOLD, ITCH = "hdl/moldudp/gateware.py", "hdl/itch/gateware.py"
TEST = "tests/hdl/test_line.py::test_"
RUN = TEST + "records_and_counts_are_the_models[1-0.0]"
MISFIT = TEST + "a_frame_is_counted_for_what_is_wrong_with_it[not_moldudp64]"
PAUSED = TEST + "records_and_counts_are_the_models[2-0.3]"

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (
        LINE,
        "a word counts again in a pause",
        "valid.eq(self.i.valid)",
        "valid.eq(1)",
        PAUSED,
    ),
    (
        LINE,
        "the last word of a bad frame is read",
        "Mux(word.error, 0, (1 << word.count) - 1)",
        "(1 << word.count) - 1",
        RUN,
    ),
    (
        LINE,
        "the next frame's time on this frame's records",
        "with m.If(start):\n            m.d.sync += kept.eq(sampled)",
        "with m.If(1):\n            m.d.sync += kept.eq(sampled)",
        TEST + "a_short_frame_keeps_its_time",
    ),
    (LINE, "any sequence number will do", "starts[LAST_SEQUENCE.bit_length() :].any()", "0", RUN),
    (LINE, "a refused frame is read", "Mux(header, accepted & ~wild, read)", "1", RUN),
    (NET, "a second tag is not looked behind", "(outer | inner) & ipv4[1]", "outer & ipv4[1]", RUN),
    (NET, "options are taken for UDP", "for size in range(16)]", "for size in [5] * 16]", RUN),
    (NET, "the checksum is not begun again", "with m.If(fresh[1]):", "with m.If(0):", RUN),
    (NET, "a checksum left out is refused", "~blank", "1", RUN),
    (MOLD, "one candidate lane too far", "past = (lane + 1) % 8", "past = lane % 8", RUN),
    (
        MOLD,
        "a length across two words",
        "(self.i.before[56:], octets[0])",
        "(octets[7], octets[0])",
        RUN,
    ),
    (
        MOLD,
        "a type in the word after its length",
        "places = Cat(begins[:6], begins[7], split)",
        "places = Cat(begins[:6], begins[7], begins[6])",
        RUN,
    ),
    (
        MOLD,
        "a block that ends in the next word",
        "now | (soon & (last == lane)) | head",
        "(soon & (last == lane)) | head",
        TEST + "a_block_may_end_in_every_word",
    ),
    (MOLD, "a carry into the words of a block", "Mux(carry, 2, 3)", "2", RUN),
    (
        MOLD,
        "a block beyond the payload",
        "(whole & (within | ~final.replicate(8))).any() & ~past",
        "whole.any() & ~past",
        MISFIT,
    ),
    (MOLD, "bytes behind the last block", "final & (whole & exact).any())]", "1)]", RUN),
    (MOLD, "one message too many", "left == 2", "left == 1", RUN),
    (MOLD, "the last bytes of a block", "m.d.sync += kept.eq(rest)", "pass", RUN),
    (
        ITCH,
        "a length that is another type's",
        "of_type & told.lengths[",
        "of_type | told.lengths[",
        RUN,
    ),
]
