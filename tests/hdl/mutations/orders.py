"""Faults planted in the order table, and the test that catches each."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """In file `module` the text `old`, which stands there once, becomes `new`; `test` fails."""

    module: str
    what: str
    old: str
    new: str
    test: str


TABLE = "hdl/orders/gateware.py"
ANSWERS = "tests/hdl/test_orders.py"
SCANS = "tests/hdl/test_orders_scan.py"
NEAR = f"{ANSWERS}::test_each_op_sees_what_the_ones_before_it_left_however_few_cycles_ago"
MODEL = f"{ANSWERS}::test_answers_are_the_models"
RESET = f"{ANSWERS}::test_reset_in_mid_stream_empties_the_table"
CROWD = f"{ANSWERS}::test_references_of_one_row_in_both_banks_crowd_each_other_out"

MUTATIONS = [
    Mutation(
        TABLE,
        "the last result is not recalled",
        "use.eq(Cat(same[0], same[1] & ~same[0]))",
        "use.eq(Cat(0, same[1] & ~same[0]))",
        NEAR,
    ),
    Mutation(
        TABLE,
        "the result before the last is not recalled",
        "Mux(same[1] & ~same[0], older, 0)",
        "0",
        NEAR,
    ),
    Mutation(
        TABLE,
        "of two results of one order both are taken",
        "Mux(same[1] & ~same[0], older, 0)",
        "Mux(same[1], older, 0)",
        NEAR,
    ),
    Mutation(
        TABLE,
        "an order that has left keeps its place",
        "use[k] & result.entry.valid",
        "use[k]",
        MODEL,
    ),
    Mutation(
        TABLE,
        "an order stays out although its replacement was refused",
        "held.entry.valid.eq(1)",
        "held.entry.valid.eq(0)",
        NEAR,
    ),
    Mutation(
        TABLE,
        "the order of a refused replace leaves the stash",
        "newest.entry.valid | stays",
        "newest.entry.valid",
        CROWD,
    ),
    Mutation(
        TABLE,
        "a sweep leaves what is in the row",
        "lanes[1].ask.action.eq(Action.DELETE)",
        "lanes[1].ask.action.eq(Action.NONE)",
        RESET,
    ),
    Mutation(
        "hdl/tally/gateware.py",
        "the most orders are counted as if none had left",
        "more & at_peak",
        "more",
        f"{SCANS}::test_statistics_count_what_the_model_refused_and_holds",
    ),
    Mutation(
        TABLE,
        "the order of a refused replace is written as gone",
        "(write & ~stays)",
        "(write)",
        MODEL,
    ),
    Mutation(
        TABLE,
        "a probe is compared with the op it belongs to",
        "recall.op.eq(steps[1].op)",
        "recall.op.eq(steps[0].op)",
        NEAR,
    ),
    Mutation(
        TABLE,
        "what was written last does not count when a place is chosen",
        "room.changed[place].eq(last | before)",
        "room.changed[place].eq(before)",
        CROWD,
    ),
    Mutation(
        TABLE,
        "the subscription is read a cycle late",
        "lanes[2].ask.subscribed.eq(self.subscribed)",
        "lanes[3].ask.subscribed.eq(self.subscribed)",
        MODEL,
    ),
    Mutation(
        "hdl/ways/gateware.py",
        "a word that is read while it is written is shown",
        "word.entry.valid & ~doubtful",
        "word.entry.valid",
        f"{SCANS}::test_a_scan_shows_all_that_was_answered_when_it_was_taken",
    ),
    Mutation(
        "hdl/stash/gateware.py",
        "the stash answers although the order is recalled",
        "alike.all() & ~self.unless",
        "alike.all()",
        CROWD,
    ),
    Mutation(
        "hdl/room/gateware.py",
        "one order fills the stash",
        "somewhere | ~full.all()",
        "somewhere | ~self.stash.any()",
        CROWD,
    ),
    Mutation(
        "hdl/room/gateware.py",
        "an order takes every free place",
        "free[place] & ~free[:place].any()",
        "free[place]",
        CROWD,
    ),
    Mutation(
        "hdl/room/gateware.py",
        "the fuller row is chosen",
        "zip(second, first, strict=True)",
        "zip(first, second, strict=True)",
        CROWD,
    ),
    Mutation(
        "hdl/verdict/gateware.py",
        "an execution of all that rests is too much",
        "takes & too_many",
        "self.emptied",
        MODEL,
    ),
    Mutation(
        "hdl/verdict/gateware.py",
        "an order stays when all of its shares are taken",
        "too_many | equal",
        "too_many",
        MODEL,
    ),
    Mutation(
        "hdl/verdict/gateware.py",
        "what is deleted has the shares of the message",
        "judged.shares.eq(~0)",
        "judged.shares.eq(self.ask.shares)",
        MODEL,
    ),
    Mutation(
        "hdl/verdict/gateware.py",
        "a replacement takes the side of the message",
        "Mux(ask.enters, self.parent.side, ask.ask)",
        "ask.ask",
        MODEL,
    ),
    Mutation(
        "hdl/turns/gateware.py",
        "an op is taken while a replacement enters",
        "~(taken | probe | enter)",
        "~(taken | probe)",
        f"{ANSWERS}::test_latency_is_six_cycles_and_an_op_takes_two_a_replace_four",
    ),
    Mutation(
        "hdl/turns/gateware.py",
        "the last row is not swept",
        "step.sweep.eq(swept < self.rows)",
        "step.sweep.eq(swept < self.rows - 1)",
        RESET,
    ),
    Mutation(
        "hdl/orders/layout.py",
        "both banks use the same rows",
        "(bit + piece * bank) % bits",
        "bit",
        f"{SCANS}::test_full_says_that_no_place_was_free",
    ),
]
