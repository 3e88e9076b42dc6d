"""Exchange, card, policy and gate in a closed loop: what leaves is right, in time and accounted."""

import itertools

import numpy as np
import pytest
from typer.testing import CliRunner

from tapeout.card.entries import book_records
from tapeout.errors import DataError
from tapeout.hdl.card.layout import Entry
from tapeout.hdl.top.model import Feed, agrees, one_line
from tapeout.sim.bench.simulators import READY, verilator
from tapeout.walk.loop import LIMITS, loop
from tapeout.web.latency import histogram, lines, quantiles

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

STATE = verilator()
pytestmark = pytest.mark.rtl
compiled = pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}")
WIRE_TO_ORDER = (
    40  # cycles: 20 to the record, 4 to the quote, 6 to the intent, 9 to judge it, 1 out
)


@pytest.fixture(scope="module")
def played():
    """A loop of two milliseconds, the frames that went in, the entries that came out."""
    from tapeout.card.driver import Card
    from tapeout.sim.card.lockstep import Lockstep

    frames, entries, wire, records = [], [], Lockstep.wire, Card.records

    def heard(self, line, sent, due=None):
        frames.extend(sent)
        return wire(self, line, sent, due)

    def taken(self):
        entries.append(records(self))
        return entries[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lockstep, "wire", heard)
        patch.setattr(Card, "records", taken)
        made = loop(milliseconds=2.0, seed=3)
    return made, frames, np.concatenate(entries)


@compiled
def test_an_order_leaves_forty_cycles_after_its_message_and_never_sooner(played, figure):
    made, _, _ = played
    assert made.latency.min() == WIRE_TO_ORDER
    assert np.median(made.latency) == WIRE_TO_ORDER
    figure(f"loop: {made.latency.size} orders due to a message, {quantiles(made.latency)} cycles")
    assert made.latency.size > 10


@compiled
def test_the_books_are_the_golden_models_with_our_own_orders_in_them(played):
    made, frames, entries = played
    ours = book_records(entries[~np.isin(entries["kind"], list(Entry))])
    true = [one for made in one_line(frames, Feed({1, 2, 3, 4})) for one in made]
    assert len(true) - len(ours) < 20  # the last slice's may still be on their way
    assert len(ours) == made.records
    for one, other in zip(ours, true, strict=False):
        assert agrees(one._replace(arrival_ns=0), other._replace(arrival_ns=0))


@compiled
def test_what_is_accepted_leaves_and_what_leaves_was_accepted(played):
    made, _, _ = played
    assert 0 <= made.decisions["accepted"] - sum(made.orders.values()) <= 1
    assert made.orders["enter order"] > 5
    assert made.statistics["gate_accepted"] >= made.decisions["accepted"]
    assert made.statistics["dropped"] == 0


@compiled
def test_positions_stay_within_their_limits(played):
    made, _, _ = played
    assert all(abs(shares) <= LIMITS["max_position"] for shares in made.position.values())


@compiled
def test_the_same_seed_is_the_same_loop():
    one, other = (loop(milliseconds=0.3, seed=5) for _ in range(2))
    assert (one.latency == other.latency).all()
    assert (one.orders, one.position, one.cash) == (other.orders, other.position, other.cash)


@compiled
def test_nothing_but_cancels_leaves_after_the_kill_switch(played):
    whole, _, _ = played
    killed = loop(milliseconds=2.0, seed=3, kill_at=0.5)
    assert killed.decisions["accepted"] < whole.decisions["accepted"]
    entered = killed.orders["enter order"] + killed.orders["replace order"]
    again = loop(milliseconds=0.6, seed=3, kill_at=0.5)
    assert again.orders["enter order"] + again.orders["replace order"] == entered
    for one in (killed, again):  # what rested has left, soon after the switch
        done = one.reports["executed"] + one.reports["canceled"] + one.reports["replaced"]
        assert done >= one.orders["enter order"]


@compiled
def test_the_command_shows_the_loop_and_draws_it(tmp_path):
    from tapeout.cli import app

    out = tmp_path / "loop.svg"
    done = CliRunner().invoke(app, ["loop", "--ms", "0.5", "--seed", "3", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "decisions" in done.stdout
    assert out.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"milliseconds": 0}, "milliseconds must be above 0; got 0"),
        ({"instruments": 20}, "instruments must be 1 to 16; got 20"),
        ({"gap_ns": 0}, "gap_ns must be 1 or more; got 0"),
    ],
)
def test_what_cannot_be_played_is_refused(options, said):
    with pytest.raises(DataError, match=said):
        loop(**options)


def test_a_histogram_holds_every_latency_once():
    rng = np.random.default_rng(4)
    latency = 40 + rng.geometric(0.1, 5_000)
    bars = histogram(latency)
    assert sum(count for _, _, count in bars) == latency.size
    for (first, last, count), (after, _, _) in itertools.pairwise(bars):
        assert after == last + 1
        assert count == ((latency >= first) & (latency <= last)).sum()


def test_quantiles_are_latencies_that_occurred():
    assert quantiles(np.array([40, 40, 41, 90])) == {
        "least": 40, "median": 41, "99.9 %": 90, "most": 90,
    }  # fmt: skip


def test_no_latency_is_said_in_words():
    assert [*lines(np.array([], np.int64), 156.25)] == [
        "wire to order: no order was due to a message"
    ]
