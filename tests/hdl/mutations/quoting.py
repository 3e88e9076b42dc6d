"""Faults planted in quotes, policy and OUCH messages, and the test that catches each."""

OUCH, QUOTES = "hdl/ouch/gateware.py", "hdl/quotes/gateware.py"
POLICY, WORKING = "hdl/policy/gateware.py", "hdl/working/gateware.py"
MICROPRICE, LINEUP = "hdl/microprice/gateware.py", "hdl/lineup/gateware.py"
POLICY_MODEL = "hdl/policy/model.py"
SENT = "tests/hdl/test_ouch.py::test_the_encoder_sends_the_models_messages[amaranth]"
FIRST = "tests/hdl/test_ouch.py::test_the_first_word_is_out_a_cycle_after_the_intent_and_the_others_follow"  # noqa: E501
HEARD = "tests/hdl/test_ouch.py::test_the_decoder_makes_the_models_reports[amaranth]"
BEST = "tests/hdl/test_quotes.py::test_every_cycle_tells_what_the_model_tells[0.5]"
ASKED = "tests/hdl/test_policy.py::test_it_asks_for_what_the_model_asks"
NEWEST = "tests/hdl/test_policy.py::test_of_quotes_that_come_too_fast_the_newest_of_each_slot_is_evaluated"  # noqa: E501
WAITS = "tests/hdl/test_ignored.py::test_the_policy_waits_for_no_order_that_the_exchange_ignored"
LEANS = "tests/hdl/test_policy.py::test_every_lean_is_judged_as_the_model_judges_it[10240]"

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (
        OUCH,
        "a cancel names itself",
        'values |= {"number": intent.replaces, "quantity": 0}',
        'values |= {"quantity": 0}',
        SENT,
    ),
    (
        OUCH,
        "the last word of a message is counted whole",
        "out.count.eq(Mux(last, count, 8))",
        "out.count.eq(8)",
        SENT,
    ),
    (
        OUCH,
        "words move on though they are not taken",
        "with m.Elif(self.o.ready):",
        "with m.Else():",
        SENT,
    ),
    (
        OUCH,
        "the next intent waits for an empty output",
        "self.i.ready.eq(~self.o.valid | (self.o.ready & last))",
        "self.i.ready.eq(~self.o.valid)",
        FIRST,
    ),
    (
        OUCH,
        "a message of any length is believed",
        "fits = length == layout.length",
        "fits = length.any()",
        HEARD,
    ),
    (
        OUCH,
        "a message that was received badly is believed",
        "Mux(word.last, word.error, word.count != 8)",
        "Mux(word.last, 0, word.count != 8)",
        HEARD,
    ),
    (
        OUCH,
        "a replacement that died at once stays open",
        'again.eq(types["U"] & told.dead)',
        "again.eq(0)",
        HEARD,
    ),
    (
        QUOTES,
        "an older locate goes on leading to its slot",
        "hits[slot].eq(~said.gap & Mux(limit.en & together, pointed, same & ~pointed))",
        "hits[slot].eq(~said.gap & ((limit.en & together & pointed) | same))",
        BEST,
    ),
    (
        QUOTES,
        "one locate leads to two slots",
        "follows.eq(pointed | (follows & ~(limit.en & older)))",
        "follows.eq(pointed | follows)",
        BEST,
    ),
    (
        QUOTES,
        "a gap makes nobody stale",
        "stales.eq(was | Mux(told.gap, ~C(0, SLOTS), Mux(told.stale, hits, 0)))",
        "stales.eq(was | Mux(told.stale, hits, 0))",
        BEST,
    ),
    (
        QUOTES,
        "a limit leaves an old price",
        "known[place].eq((known[place] & ~clears) | Mux(mine, hits, 0))",
        "known[place].eq(known[place] | Mux(mine, hits, 0))",
        BEST,
    ),
    (
        QUOTES,
        "a price that is not known is believed",
        "Value.cast(said.best).eq(Mux(unknown, 0, best))",
        "Value.cast(said.best).eq(best)",
        BEST,
    ),
    (
        MICROPRICE,
        "lots that do not fit lose their highest bits",
        "bid.eq(most(quote.bid_lots, LOTS_BITS))",
        "bid.eq(quote.bid_lots)",
        LEANS,
    ),
    (
        MICROPRICE,
        "a crossed quote is usable",
        "good.eq(there & apart_by[:4].any() & ~apart_by[4])",
        "good.eq(there & apart_by[:4].any())",
        LEANS,
    ),
    (
        MICROPRICE,
        "at the threshold nothing is signalled",
        "far.eq(~above(needed, moved << THRESHOLD_FRACTION - 1))",
        "far.eq(above(moved << THRESHOLD_FRACTION - 1, needed))",
        LEANS,
    ),
    (
        POLICY,
        "a quote that waits is not replaced by a newer one",
        "write.en.eq(self.quote_valid)",
        "write.en.eq(self.quote_valid & ~(lineup.waits & came).any())",
        NEWEST,
    ),
    (
        POLICY,
        "a refused intent is asked for again at once",
        "cooled, idle = ~known.cooling | known.cooled, known.there & ~known.busy",
        "cooled, idle = C(1, 1), known.there & ~known.busy",
        ASKED,
    ),
    (
        POLICY,
        "an order whose replacement is on its way is replaced again",
        "known.busy.eq(orders.order.leaving | orders.order.next.any())",
        "known.busy.eq(orders.order.leaving)",
        ASKED,
    ),
    (
        POLICY,
        "it goes on quoting when the signal turns",
        "leaves = ~known.trade | ~microprice.usable | turns",
        "leaves = ~known.trade | ~microprice.usable",
        ASKED,
    ),
    (
        POLICY,
        "what was executed is still asked to be moved",
        "orders.written.left.eq(Mux(happened, meant.rest, order.left))",
        "orders.written.left.eq(Mux(moved, meant.rest, order.left))",
        ASKED,
    ),
    (
        POLICY,
        "an order that is gone leaves its replacement behind",
        "gone.eq(happened & meant.all)",
        "gone.eq(happened & meant.all & ~order.next.any())",
        ASKED,
    ),
    (
        POLICY_MODEL,
        "an order that is gone leaves its replacement behind",
        "if not order.left:",
        "if not order.left and not order.next:",
        WAITS,
    ),
    (
        LINEUP,
        "those behind the last one have no precedence",
        "ahead.eq(self.waits & behind)",
        "ahead.eq(0)",
        NEWEST,
    ),
    (
        WORKING,
        "a search ends one order too soon",
        "left.eq(SLOTS - 1)",
        "left.eq(SLOTS - 2)",
        ASKED,
    ),
    (
        WORKING,
        "a cooldown never ends by itself",
        "cooling.eq((cooling & ~self.over) | Mux(self.cool, mine, 0))",
        "cooling.eq(cooling & ~self.over)",
        ASKED,
    ),
]
