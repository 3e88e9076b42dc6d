"""Faults planted where the desk joins its parts, and the test that catches each."""

DESK = "hdl/desk/gateware.py"
SAME = "tests/hdl/test_desk.py::test_decisions_and_messages_are_the_models"
KILLED = "tests/host/test_loop.py::test_nothing_but_cancels_leaves_after_the_kill_switch"
SOONEST = (
    "tests/host/test_loop.py::test_an_order_leaves_forty_cycles_after_its_message_and_never_sooner"
)

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (
        DESK,
        "a report is told twice to who took it first",
        "taker.report.valid.eq(decoder.o.valid & ~done[at])",
        "taker.report.valid.eq(decoder.o.valid)",
        SAME,
    ),
    (
        DESK,
        "every order is of the first slot's symbol",
        "read.addr.eq(order.payload.slot)",
        "read.addr.eq(0)",
        SAME,
    ),
    (
        DESK,
        "the policy does not hear of the kill switch",
        "policy.trade.eq(said.control.trade & ~gate.killed)",
        "policy.trade.eq(said.control.trade)",
        KILLED,
    ),
    (
        DESK,
        "what a report leads to counts as due to an older record",
        "return Mux(fresh.bit_select(policy.seen.slot, 1), read.data, 0)",
        "return read.data",
        SOONEST,
    ),
]
