"""Faults planted in the arbiter and the parts around it, and the test that catches each."""

ELASTIC, BUFFER = "hdl/elastic/gateware.py", "hdl/framebuffer/gateware.py"
ARBITER, READER = "hdl/arbiter/gateware.py", "hdl/reader/gateware.py"
DISTANCE, SUBSCRIPTION = "hdl/distance/gateware.py", "hdl/subscription/gateware.py"
TESTS = "tests/hdl/test_"
FIFO = f"{TESTS}elastic.py::test_level_is_what_came_in_less_what_went_out"
HOLDS = f"{TESTS}elastic.py::test_a_fifo_holds_as_many_as_its_depth_and_no_more"
SLICE = f"{TESTS}elastic.py::test_a_slice_holds_two_and_ready_does_not_follow_the_other_side"
FRAMES = f"{TESTS}framebuffer.py::test_what_leaves_came_and_what_did_not_is_counted"
WHOLE = f"{TESTS}framebuffer.py::test_whole_frames_only"
MODEL = f"{TESTS}arbiter.py::test_what_leaves_is_the_models_whatever_the_lines_do"
MERGE = f"{TESTS}arbiter.py::test_no_message_is_lost_that_one_line_has"
WANTED = f"{TESTS}arbiter.py::test_what_is_not_wanted_is_numbered_and_goes_no_further"
WINDOW = f"{TESTS}arbiter.py::test_a_line_ahead_waits_for_the_window"
MOMENT = f"{TESTS}arbiter.py::test_what_comes_at_the_last_moment_is_not_given_up"
BOTH = f"{TESTS}arbiter.py::test_it_does_not_wait_when_the_other_line_is_ahead_too"
TAIL = f"{TESTS}arbiter.py::test_the_tail_is_missed_when_a_packet_without_messages_is_ahead"
SESSION = f"{TESTS}arbiter.py::test_another_session_is_dropped_until_the_first_has_ended"
FOUND = f"{TESTS}subscription.py::test_every_answer_is_the_models"
CLOSE = f"{TESTS}subscription.py::test_what_is_learned_and_told_close_by_stands_in_one_order"

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (ELASTIC, "the second item is lost", "Mux(free, self.i.payload, spare)", "spare", SLICE),
    (ELASTIC, "a FIFO full one too late", "(level == last)", "(level == last + 1)", HOLDS),
    (
        ELASTIC,
        "an item that goes round the RAM is not read over",
        "read.addr.eq(read.addr + (more | put))",
        "read.addr.eq(read.addr + more)",
        FIFO,
    ),
    (
        ELASTIC,
        "the RAM seems empty too soon",
        "level == 3, level == 2)",
        "level == 4, level == 3)",
        FIFO,
    ),
    (BUFFER, "a cut frame without its mark", "self.i.error | cut", "self.i.error", FRAMES),
    (
        BUFFER,
        "the rest of a cut frame is not skipped",
        "(skipping | cut | (full & ~inside))",
        "(skipping | (full & ~inside))",
        FRAMES,
    ),
    (
        BUFFER,
        "beats overtake those that are read ahead",
        "idle.eq(~put & (read.addr == settled) & ~asked)",
        "idle.eq(~put & (read.addr == settled))",
        FRAMES,
    ),
    (BUFFER, "a bad frame is kept", "with m.If(ends & row.beat.error):", "with m.If(0):", WHOLE),
    (
        DISTANCE,
        "what was delivered since a packet came to the head is forgotten",
        "fell = before[0]",
        "fell = C(0, 1)",
        MODEL,
    ),
    (
        DISTANCE,
        "what was delivered as a packet came to the head is forgotten",
        "Cat(~self.late, ~self.of)",
        "Cat(C(1, 1), ~self.of)",
        MODEL,
    ),
    (
        READER,
        "delivered on one line, not noticed on the other",
        "distance.down.eq(delivers & self.other & ~self.wants)",
        "distance.down.eq(0)",
        MODEL,
    ),
    (
        READER,
        "a message ahead is dropped",
        "goes = distance.behind | (",
        "goes = ~distance.zero | (",
        MERGE,
    ),
    (
        READER,
        "a heartbeat never waits",
        "Mux(other, FOREIGN, Mux(quiet, WEIGH, READ))",
        "Mux(other, FOREIGN, READ)",
        TAIL,
    ),
    (READER, "any session is the one", "packet & ~same,", "0,", SESSION),
    (ARBITER, "both lines count as first", "b.granted.eq(~a.wants)", "b.granted.eq(1)", MODEL),
    (
        ARBITER,
        "a record waiting is overwritten",
        "free.eq(~self.o.valid | self.o.ready)",
        "free.eq(1)",
        MODEL,
    ),
    (ARBITER, "the lower half of a number is not looked at", "high | (same & low)", "high", BOTH),
    (
        ARBITER,
        "the higher number goes on",
        "less = self._less(m, b.number, a.number)",
        "less = self._less(m, a.number, b.number)",
        BOTH,
    ),
    (
        ARBITER,
        "the window is one too long",
        "passed == self._window - 1",
        "passed == self._window",
        WINDOW,
    ),
    (
        ARBITER,
        "after a gap nobody compares anew",
        "reader.again.eq(jump)",
        "reader.again.eq(0)",
        MODEL,
    ),
    (
        ARBITER,
        "malformed messages go through",
        "Flag.WELL_FORMED.value).any()",
        "Flag.WELL_FORMED.value).any() | 1",
        WANTED,
    ),
    (
        ARBITER,
        "what came while halting is given up",
        "state.eq(Mux(first | second, State.TELL, State.RUN))",
        "state.eq(State.TELL)",
        MOMENT,
    ),
    (
        SUBSCRIPTION,
        "what is written in the same cycle is not found",
        "write.en & (write.addr == read.addr)",
        "0",
        FOUND,
    ),
    (
        SUBSCRIPTION,
        "what is written in the next cycle is not found",
        "with m.Elif(write.en & (write.addr == asked)):",
        "with m.Elif(0):",
        FOUND,
    ),
    (
        SUBSCRIPTION,
        "what is learned is found a cycle late",
        "learns & again",
        "C(0, 1)",
        CLOSE,
    ),
    (
        SUBSCRIPTION,
        "learned twice in a row",
        "(before & repeats)",
        "C(0, 1)",
        CLOSE,
    ),
    (
        SUBSCRIPTION,
        "the host tells what a message teaches in the same cycle",
        "self.ready & ~coming.any()",
        "self.ready & ~coming[-1]",
        CLOSE,
    ),
    (
        SUBSCRIPTION,
        "locates beyond the table come round",
        "beyond.eq(Cat(self.locate[len(read.addr) :].any(), beyond))",
        "beyond.eq(0)",
        FOUND,
    ),
]
