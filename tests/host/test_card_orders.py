"""Orders through the card: the gate decides as its model does, and what it refuses never leaves."""

import importlib.util
import random
from pathlib import Path

import pytest

from tapeout.hdl.ouch.layout import OUTBOUND
from tapeout.hdl.ouch.model import encode as ouch
from tapeout.hdl.pretrade.layout import Action, Reason
from tapeout.sim.bench.simulators import READY, engines

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from tapeout.sim.card.lockstep import Lockstep

spec = importlib.util.spec_from_file_location(
    "card_plays", Path(__file__).with_name("card_plays.py")
)
plays = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plays)

STATE = engines()["verilator"]
pytestmark = [
    pytest.mark.rtl,
    pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}"),
]


@pytest.fixture(scope="module")
def board():
    one = Lockstep()
    yield one
    one.close()


@pytest.mark.parametrize("count", [1_200, pytest.param(12_000, marks=pytest.mark.blocks)])
def test_every_decision_in_the_ring_is_the_models_and_what_left_is_what_it_let_out(
    board, count, figure
):
    """Orders, cancels, replacements, executions, limits and the switch at random, on four books."""
    desk = plays.Desk(plays.Bench(board), seed=31)
    met = desk.play(count)
    assert [one.name for one in Reason if not met[one]] == []
    told = ", ".join(f"{met[one]:,} {one.name.lower()}" for one in Reason)
    figure(f"card: {count:,} orders decided as the model does: {told}; {desk.executed} executions")


def test_an_execution_moves_the_position_and_the_next_order_is_refused_for_it(board):
    desk = plays.Desk(plays.Bench(board), seed=32)
    desk.limit(0, plays.OPEN_LIMITS | {"max_position": 100})
    desk.gate(plays.FREE)
    bid = {"action": Action.ENTER, "side": 0, "slot": 0, "price": plays.BID}
    assert desk.order(number=1, shares=100, **bid) == Reason.ACCEPTED
    assert desk.order(number=2, shares=10, **bid) == Reason.POSITION, "all might be executed"
    desk.reported(ouch(OUTBOUND, "C", number=1, quantity=40, reason="U"))
    assert desk.order(number=3, shares=40, **bid) == Reason.ACCEPTED, "what left counts no more"
    desk.reported(ouch(OUTBOUND, "E", number=1, quantity=60, price=plays.BID))
    desk.reported(ouch(OUTBOUND, "E", number=3, quantity=40, price=plays.BID))
    assert desk.order(number=4, shares=1, **bid) == Reason.POSITION, "it is held now"
    ask = bid | {"side": 1, "price": plays.ASK}
    assert desk.order(number=5, shares=200, **ask) == Reason.ACCEPTED, "from 100 to -100"
    assert desk.order(number=6, shares=1, **ask) == Reason.POSITION


def test_a_report_of_no_order_shuts_the_gate_to_the_reset(board):
    desk = plays.Desk(plays.Bench(board), seed=33)
    one = {"action": Action.ENTER, "side": 0, "slot": 0, "price": plays.BID, "shares": 1}
    assert desk.order(number=1, **one) == Reason.ACCEPTED
    desk.reported(ouch(OUTBOUND, "E", number=77, quantity=1, price=plays.BID))
    assert desk.order(number=2, **one) == Reason.KILLED
    assert "killed" in desk.bench.card.status()
    again = plays.Desk(desk.bench, seed=33)
    assert again.order(number=1, **one) == Reason.ACCEPTED


@pytest.mark.parametrize(
    "seed", [41, *(pytest.param(seed, marks=pytest.mark.blocks) for seed in range(42, 52))]
)
def test_no_order_leaves_after_the_switch_though_the_policy_wants_to_trade(board, seed, figure):
    """Under a line at full rate: from the cycle in which the switch is answered only cancels go."""
    print(f"seed {seed}")
    desk = plays.Desk(plays.Bench(board), seed)
    bench, rng = desk.bench, random.Random(seed)
    desk.trade(rng.randrange(5_000, 20_000))
    before = len(bench.left)
    assert [one for one in bench.left if one.message[:1] == b"O"]
    bench.card.kill()
    at = board.cycle
    assert desk.answer(20_000) > 0, "frames came all the time"
    after = [one for one in bench.left[before:] if one.first >= at]
    assert {one.message[:1] for one in after} <= {b"X"}
    assert bench.card.statistics()["gate_accepted"] == len(bench.left)
    figure(f"card: {before} orders and cancels until the switch, {len(after)} cancels after it")
