"""Faults planted in the level rows and their refill, and the test that catches each."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """In file `module` the text `old`, which stands there once, becomes `new`; `test` fails."""

    module: str
    what: str
    old: str
    new: str
    test: str


ROWS = "hdl/levels/gateware.py"
RANK = "hdl/rank/gateware.py"
SCAN = "hdl/scan/gateware.py"
PUBLISHER = "hdl/publisher/gateware.py"
LEVELS = "tests/hdl/test_levels.py"
NEAR = f"{LEVELS}::test_a_row_is_seen_as_the_last_change_left_it"
MODEL = f"{LEVELS}::test_updates_are_the_models"
SWEEP = f"{LEVELS}::test_levels_sweep_in_and_out"
TOLD = f"{LEVELS}::test_lots_that_need_more_bits_and_prices_never_added_are_told"
LOOK = f"{LEVELS}::test_a_refill_counts_if_nothing_beyond_the_row_has_changed_since_the_look"
WHOLE = "tests/hdl/test_refill.py::test_rows_are_the_top_of_the_book_and_become_whole"
FULL = "tests/hdl/test_books.py::test_a_full_table_loses_orders_and_says_so"

MUTATIONS = [
    Mutation(
        ROWS,
        "the row rebuilt last is not forwarded",
        "repeats.eq(wrote & (number == last))",
        "repeats.eq(0)",
        NEAR,
    ),
    Mutation(
        ROWS,
        "the row rebuilt before the last is not forwarded",
        "before.eq(holds & (number == self.number))",
        "before.eq(0)",
        NEAR,
    ),
    Mutation(
        ROWS,
        "a step that writes nothing is forwarded as if it were a row",
        "repeats.eq(wrote & (number == last))",
        "repeats.eq(number == last)",
        NEAR,
    ),
    Mutation(
        RANK,
        "an equal price also counts as worse",
        "step.price < Cat(",
        "step.price <= Cat(",
        MODEL,
    ),
    Mutation(
        RANK,
        "behind the last known level of a row that spills there is room",
        "~level.known & (~row.spill | self.step.append)",
        "~level.known",
        MODEL,
    ),
    Mutation(
        ROWS,
        "a level that falls out of a full row is forgotten",
        "(row.spill | (anew & step.put & full))",
        "(row.spill | (anew & step.put & full & ~found.behind.any()))",
        SWEEP,
    ),
    Mutation(
        RANK,
        "a level of no lots stays",
        "emptied[place].eq(self._emptied(m, place, which)),",
        "emptied[place].eq(0),",
        MODEL,
    ),
    Mutation(
        ROWS,
        "a level put in replaces the one that was there",
        "step.put & (found.behind[place - 1] if place else 0)",
        "C(0, 1)",
        MODEL,
    ),
    Mutation(
        ROWS,
        "lots that need more bits are not told",
        "(step.overflowed & new) | wrong.any()",
        "step.overflowed & new",
        TOLD,
    ),
    Mutation(
        RANK,
        "a refill is applied although what lies beyond the row has changed",
        "found.step.put.eq(step.put & ~(step.append & row.stirred))",
        "found.step.put.eq(step.put)",
        LOOK,
    ),
    Mutation(
        ROWS,
        "spill is cleared although what lies beyond the row has changed",
        "~(step.none & ~row.stirred)",
        "~step.none",
        LOOK,
    ),
    Mutation(
        ROWS,
        "what is taken beyond the row does not count as a change there",
        "beyond = anew & (step.take | full | ~found.behind.any())",
        "beyond = anew & step.put & (full | ~found.behind.any())",
        LOOK,
    ),
    Mutation(
        ROWS,
        "a refill that a change has overtaken is answered all the same",
        "self.refill.ready.eq(stands.refill)",
        "self.refill.ready.eq(asked[1].refill)",
        WHOLE,
    ),
    Mutation(
        SCAN,
        "the stash is not read",
        " | self._meant(self.stash, stashing)",
        "",
        WHOLE,
    ),
    Mutation(
        SCAN,
        "what came behind a row with such orders is passed over",
        "asked.eq(Mux(again, seen, Mux(asks, asked + 1, asked)))",
        "asked.eq(asked + asks)",
        WHOLE,
    ),
    Mutation(
        SCAN,
        "the last known level is offered again",
        "self.bound < price",
        "self.bound <= price",
        WHOLE,
    ),
    Mutation(
        SCAN,
        "orders of one price are not added up",
        "each.lots.eq(total)",
        "each.lots.eq(lots)",
        WHOLE,
    ),
    Mutation(
        SCAN,
        "a better price than one found takes its place",
        "if place:",
        "if 0:",
        WHOLE,
    ),
    Mutation(
        PUBLISHER,
        "an order that found no room makes nobody stale",
        "told.eq(full | self.overflowed)",
        "told.eq(self.overflowed)",
        FULL,
    ),
    Mutation(
        PUBLISHER,
        "who became stale one change ago is not yet",
        "said | newer[1] | same[2]",
        "said | newer[1]",
        FULL,
    ),
]
