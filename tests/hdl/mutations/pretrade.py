"""Faults planted in the pre-trade gate, its parts and its model, and the test that catches each."""

GATE, MODEL = "hdl/pretrade/gateware.py", "hdl/pretrade/model.py"
RESTING, BOUNDS = "hdl/resting/gateware.py", "hdl/bounds/gateware.py"
BUCKET, REPEATS = "hdl/bucket/gateware.py", "hdl/repeats/gateware.py"
ORPHANS, REACH = "hdl/orphans/gateware.py", "hdl/reach/gateware.py"
NOTIONAL, LIMITS = "hdl/notional/gateware.py", "host/compliance/limits.py"
TESTS = "tests/hdl/test_pretrade"
EVERY = f"{TESTS}.py::test_every_decision_is_the_models"
KILL = f"{TESTS}.py::test_the_switch_closes_the_gate_in_the_next_cycle_under_full_load"
HELD = f"{TESTS}.py::test_outputs_held_back_change_no_decision"
TOKENS = f"{TESTS}.py::test_tokens_come_back_one_by_one"
RESET = f"{TESTS}.py::test_a_reset_in_any_cycle_of_a_decision_forgets_everything"
POSITION = (
    f"{TESTS}_model.py::test_the_position_never_passes_its_limit_under_any_interleaving_of_fills"
)
GROSS = f"{TESTS}_model.py::test_all_notionals_together_never_pass_their_limit"
SWITCH = f"{TESTS}_model.py::test_no_order_but_a_cancel_leaves_after_the_switch"
RATE = f"{TESTS}_model.py::test_the_rate_is_kept_in_every_stretch_of_time"
IGNORED = "tests/hdl/test_ignored.py::test_the_gate_is_open_for_all_that_is_live_and_in_the_end_for_nothing_else"  # noqa: E501
CHAIN = "tests/hdl/test_ignored.py::test_what_waits_for_an_order_that_is_gone_is_gone_with_it"
EXAMPLES = f"{TESTS}_model.py::test_reasons_are_those_of_the_examples"
UNITS = "tests/host/test_pretrade.py::test_a_notional_is_rounded_down_to_units"
RATES = "tests/host/test_pretrade.py::test_a_rate_and_a_time_are_rounded_up_to_cycles"

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (
        GATE,
        "the switch is seen a cycle late",
        "m.d.comb += [\n            closed.eq(self.kill | broken),",
        "m.d.sync += closed.eq(self.kill | broken)\n        m.d.comb += [",
        KILL,
    ),
    (
        GATE,
        "an error does not close the gate",
        "broken.eq(broken | resting.error)",
        "broken.eq(0)",
        EVERY,
    ),
    (
        GATE,
        "a decision is begun while the last one stands",
        "free = ~self.o.valid & ~self.order.valid",
        "free = ~self.o.valid",
        HELD,
    ),
    (
        GATE,
        "an intent goes before a report",
        "job.told.eq(self.report.valid)",
        "job.told.eq(self.report.valid & ~self.i.valid)",
        EVERY,
    ),
    (
        GATE,
        "what was replaced stays among the notionals",
        "less = (other & (job.action == Outcome.REPLACED)) | mine",
        "less = mine",
        EVERY,
    ),
    (
        GATE,
        "a token is not asked for",
        "enters = decides & subject & clear & ~closed & spare",
        "enters = decides & subject & clear & ~closed",
        EVERY,
    ),
    (
        GATE,
        "orders that replace are remembered instead of those that enter",
        "repeats.keep.eq(resting.enter & (job.action == Action.ENTER))",
        "repeats.keep.eq(resting.enter & (job.action != Action.ENTER))",
        EVERY,
    ),
    (
        RESTING,
        "a buy that is executed gives back what the position may go up",
        "named[sales].any() ^ executes",
        "named[sales].any()",
        EVERY,
    ),
    (
        RESTING,
        "more may be executed than is open",
        "bad = lacks | rest[32]",
        "bad = lacks",
        EVERY,
    ),
    (
        RESTING,
        "an order that is executed stays open",
        "closes = Mux(turned, none, same.all())",
        "closes = none",
        EVERY,
    ),
    (
        RESTING,
        "an order that was replaced stays open",
        "Mux(replaces, replaced, 0)",
        "0",
        EVERY,
    ),
    (
        RESTING,
        "own orders may meet at one price",
        "theirs[place] & ~above(sale, buy)",
        "theirs[place] & above(buy, sale)",
        EVERY,
    ),
    (
        RESTING,
        "numbers that share their low bits are both open",
        "self.found.taken.eq(same.any())",
        "self.found.taken.eq(0)",
        EVERY,
    ),
    (
        RESTING,
        "an order that waits for one that is gone stays open",
        "self.step[7] & job.told & orphans.any & ~bad",
        "C(0, 1)",
        EVERY,
    ),
    (
        RESTING,
        "an order that replaced another goes on waiting for it",
        "kept.eq(Mux(self._replaces, 0, chosen(self._named, waits)))",
        "kept.eq(chosen(self._named, waits))",
        EVERY,
    ),
    (
        ORPHANS,
        "of two that wait for the same order one stays open",
        "gone = ~self.open[side] | Mux(self.replaces, self.replaced[side], 0)",
        "gone = Mux(self.replaces, self.replaced[side], 0)",
        EVERY,
    ),
    (
        ORPHANS,
        "whoever else was to replace an order that is replaced stays open",
        "gone = ~self.open[side] | Mux(self.replaces, self.replaced[side], 0)",
        "gone = ~self.open[side]",
        EVERY,
    ),
    (
        REACH,
        "the reset forgets no position",
        "there = written.bit_select(self.slot, 1)",
        "there = C(1, 1)",
        RESET,
    ),
    (
        BOUNDS,
        "the collar is a tick wider",
        "nothing | above(high, edge)",
        "nothing | above(high, edge + 1)",
        EVERY,
    ),
    (
        BOUNDS,
        "the collar wraps at the highest prices",
        "edge.eq(low + limits.collar)",
        "edge.eq((low + limits.collar)[:32])",
        EVERY,
    ),
    (
        BOUNDS,
        "a started unit of notional is forgotten",
        "above(self.product, most)",
        "above(self.product[NOTIONAL_BITS:], limits.max_notional)",
        EVERY,
    ),
    (
        BUCKET,
        "a token comes back a cycle early",
        "early = every - 2",
        "early = every - 3",
        EVERY,
    ),
    (
        BUCKET,
        "a token that comes back as one is spent is lost",
        "with m.If(self.spend & ~back):",
        "with m.If(self.spend):",
        TOKENS,
    ),
    (
        REPEATS,
        "a repetition is forgiven a cycle early",
        "above(self.within, age[:32])",
        "above(self.within, age[:32] + 1)",
        EVERY,
    ),
    (
        NOTIONAL,
        "upper halves are not multiplied",
        "outer.eq(Cat(parts[0], parts[3]))",
        "outer.eq(Cat(parts[0], C(0, 32)))",
        EVERY,
    ),
    (
        MODEL,
        "the position is held without what is open",
        "return held + sum(one.shares for one in slot.open[side])",
        "return held",
        POSITION,
    ),
    (
        MODEL,
        "an order waits for ever for one that is gone",
        "_awaited(tuple(one for one in orders.values() if one.shares))",
        "tuple(one for one in orders.values() if one.shares)",
        IGNORED,
    ),
    (
        MODEL,
        "an order that replaced another goes on waiting for it",
        "order = order._replace(waits=None)",
        "order = order._replace()",
        IGNORED,
    ),
    (
        MODEL,
        "what waits for an order that waits in vain stays open",
        "return kept if kept == orders else _awaited(kept)",
        "return kept",
        CHAIN,
    ),
    (
        MODEL,
        "what was executed is no notional",
        "executed=state.executed + executed * told.price",
        "executed=state.executed",
        GROSS,
    ),
    (
        MODEL,
        "a replacement passes the switch",
        "if cancel:\n",
        "if intent.action != Action.ENTER:\n",
        SWITCH,
    ),
    (
        MODEL,
        "one token too many",
        "state.spent >= state.limits.rate_burst",
        "state.spent > state.limits.rate_burst + 1",
        RATE,
    ),
    (
        MODEL,
        "an order may replace while it has no place",
        "len(mine) == OPEN or",
        "len(mine) > OPEN or",
        EXAMPLES,
    ),
    (
        LIMITS,
        "a limit is rounded up",
        "return int(count)",
        "return _up(count)",
        UNITS,
    ),
    (
        LIMITS,
        "a rate is rounded down to cycles",
        "cycles = _up(clock_hz / rate)",
        "cycles = int(clock_hz / rate)",
        RATES,
    ),
]
