"""Faults planted in the decoder, and the test that catches each."""

MODULE = "hdl/itch/gateware.py"
RECORDS = "tests/hdl/test_itch_decoder.py::test_records_are_the_models[amaranth-0.3]"
LATENCY = "tests/hdl/test_itch_decoder.py::test_latency_is_one_cycle_and_nothing_waits"

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (
        MODULE,
        "bytes the wrong way round",
        "for at in reversed(range(start, start + length))",
        "for at in range(start, start + length)",
        RECORDS,
    ),
    (
        MODULE,
        "an input that does not wait for the record to leave",
        "self.i.ready.eq(~self.o.valid | self.o.ready)",
        "self.i.ready.eq(1)",
        RECORDS,
    ),
    (MODULE, "a length that is not begun again", "Mux(index == 0, 0, length)", "length", RECORDS),
    (
        MODULE,
        "any length is right",
        "kind: of_type & told.lengths[LENGTHS.index(MESSAGES[kind].length)]",
        "kind: of_type",
        RECORDS,
    ),
    (
        MODULE,
        "one word a message too late",
        "index.eq(Mux(self.i.payload.last, 0, index + (index != WORDS)))",
        "index.eq(Mux(self.i.payload.last, 1, index + (index != WORDS)))",
        RECORDS,
    ),
    (
        MODULE,
        "long messages come round to the first word",
        "index + (index != WORDS)",
        "Mux(index == WORDS - 1, 0, index + 1)",
        RECORDS,
    ),
    (
        MODULE,
        "a record is shown before its last word",
        "self.o.valid.eq(self.i.payload.last)",
        "self.o.valid.eq(1)",
        RECORDS,
    ),
    (
        MODULE,
        "a bubble after every record",
        "self.i.ready.eq(~self.o.valid | self.o.ready)",
        "self.i.ready.eq(~self.o.valid)",
        LATENCY,
    ),
]
