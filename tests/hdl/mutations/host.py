"""Faults planted in what the host talks to, and the test that catches each."""

REGISTERS, MODEL = "hdl/registers/gateware.py", "hdl/registers/model.py"
CLOCK = "hdl/clock/gateware.py"
RING, WAITING = "hdl/ring/gateware.py", "hdl/waiting/gateware.py"
BUS = "tests/hdl/test_registers.py::test_"
ANSWERS = BUS + "answers_are_the_models"
EVERY = BUS + "every_address_answers_as_the_table_says"
TIME = "tests/hdl/test_clock.py::test_"
THREE = TIME + "it_is_the_model_three_cycles_later"
WRITTEN = "tests/hdl/test_ring.py::test_"
FULL = WRITTEN + "a_full_ring_is_not_written_over_and_all_is_as_the_model_says"
TOLD = WRITTEN + "what_finds_no_place_is_told_where_it_is_missing"
RESTART = WRITTEN + "a_restart_in_mid_burst_ends_the_burst_and_begins_anew"
REFUSED = WRITTEN + "a_memory_that_refuses_stops_the_ring_and_what_it_has_not_is_not_counted"
BEHIND = WRITTEN + "a_record_behind_a_refused_one_is_not_counted_though_it_was_taken"
RATE = WRITTEN + "records_leave_back_to_back_while_the_memory_takes_them"
FORMAL = "tests/hdl/formal/test_ring.py::test_"
PROVED = FORMAL + "bursts_stay_in_the_ring_and_off_what_is_not_read[1]"

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (
        REGISTERS,
        "a register is written by a part of its bytes",
        "whole.eq(payload.strobe == WHOLE)",
        "whole.eq(payload.strobe.any())",
        ANSWERS,
    ),
    (
        REGISTERS,
        "an address between two registers reads the one below",
        "Mux(aligned, _picked(groups, at[2 + GROUP :]), 0)",
        "_picked(groups, at[2 + GROUP :])",
        EVERY,
    ),
    (
        REGISTERS,
        "the upper half of the clock is of another moment",
        "return self._uppers[stem]",
        "return self.shown[stem][WORD:]",
        BUS + "latency_is_three_cycles_and_what_is_shown_is_of_one_moment",
    ),
    (
        REGISTERS,
        "an error that happens while it is taken back is lost",
        "(self._errors & ~word) | self._news",
        "self._errors & ~word",
        BUS + "an_error_that_happens_while_it_is_taken_back_stays",
    ),
    (
        REGISTERS,
        "counters are not kept",
        'return self._kept[name.removeprefix("statistics_")]',
        'return self.statistics[name.removeprefix("statistics_")]',
        ANSWERS,
    ),
    (
        REGISTERS,
        "what is asked for is not waited for",
        'm.next = "WAIT"',
        'm.next = "ANSWER"',
        BUS + "what_is_asked_for_waits_until_it_is_taken[listen]",
    ),
    (
        REGISTERS,
        "data that comes before its address is lost",
        "with m.If(self.write_data.ready):",
        "with m.If(self.write_data.ready & self.write_address.valid):",
        ANSWERS,
    ),
    (
        MODEL,
        "the model writes what is only read",
        "access is Access.READ or strobe != WHOLE",
        "strobe != WHOLE",
        BUS + "the_model_keeps_halves_together_and_counters_of_one_moment",
    ),
    (
        CLOCK,
        "the carry is lost",
        "Cat(carried, above)",
        "Cat(C(0, 1), above)",
        THREE,
    ),
    (
        CLOCK,
        "the carry of a jump is lost",
        "above.eq(early + step[HALF])",
        "above.eq(early)",
        THREE,
    ),
    (
        CLOCK,
        "the halves are of two moments",
        "shown.eq(low[FRACTION:])",
        "shown.eq(summed[FRACTION:])",
        THREE,
    ),
    (
        CLOCK,
        "it jumps without being told",
        "Mux(self.adjusted, self.adjust, 0)",
        "self.adjust",
        THREE,
    ),
    (
        RING,
        "a full ring is written over",
        "place.eq(still_on & ~beyond)",
        "place.eq(still_on)",
        FULL,
    ),
    (
        RING,
        "a full ring has one place more",
        "held.eq(issued - self.consumer)",
        "held.eq(issued - self.consumer - 1)",
        PROVED,
    ),
    (
        RING,
        "a record is counted when it is sent",
        "(told & ~counts & ~refused)",
        "record",
        BEHIND,
    ),
    (
        RING,
        "a ring that was refused goes on",
        "waiting.o.valid & ~self.stopped)",
        "waiting.o.valid)",
        REFUSED,
    ),
    (
        RING,
        "what stands behind a refused record is counted",
        "told = came & ~self._draining & ~self.stopped",
        "told = came & ~self._draining",
        BEHIND,
    ),
    (
        RING,
        "a restart begins anew before all is answered",
        "self._draining & (self._open != 0)",
        "self._draining & 0",
        RESTART,
    ),
    (
        RING,
        "a restart gives up the burst it is in",
        "going.eq(~last)]",
        "going.eq(~last & ~self.restart)]",
        RESTART,
    ),
    (
        RING,
        "a bubble between bursts",
        "free.eq(~going | (words.i.ready & last))",
        "free.eq(~going)",
        RATE,
    ),
    (
        RING,
        "the count is not written again",
        "(told != self.producer)",
        "~told.any()",
        WRITTEN + "every_record_is_in_memory_before_its_number_is",
    ),
    (
        WAITING,
        "what finds no place is dropped and nothing told",
        "losing.eq(loses)",
        "losing.eq(0)",
        TOLD,
    ),
    (
        WAITING,
        "one dropped as the loss is told is not in its count",
        "told.subject.eq(missing + self.i.valid)",
        "told.subject.eq(missing)",
        TOLD,
    ),
    (
        WAITING,
        "a loss is told with the time of its last record",
        "with m.If(~losing):",
        "with m.If(self.i.valid):",
        TOLD,
    ),
    (
        WAITING,
        "the RAM is full one too late",
        "after <= self._depth // 2, after != self._depth",
        "after <= self._depth // 2, level != self._depth",
        TOLD,
    ),
    (
        WAITING,
        "records come in again as soon as there is one place",
        "Mux(loses, after <= self._depth // 2, after != self._depth)",
        "after != self._depth",
        WRITTEN + "what_waits_is_dropped_in_its_turn",
    ),
]
