"""From record to order: the joined gateware asks, judges and sends what its model does."""

import random
from collections import Counter

import numpy as np
import pytest

from tapeout.hdl.desk.model import Desk
from tapeout.hdl.line.model import Frame
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.ouch.layout import INBOUND, OUTBOUND
from tapeout.hdl.ouch.model import decode, encode
from tapeout.hdl.policy.model import Policy
from tapeout.hdl.pretrade.layout import Reason
from tapeout.hdl.pretrade.model import GlobalLimits, Limits
from tapeout.hdl.top.model import Feed, one_line
from tapeout.sim.bench.simulators import READY, verilator
from tapeout.sim.day import OPEN_NS
from tapeout.sim.pcap import frame as ethernet

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = pytest.mark.rtl
SLOTS, APART = 12, 512  # cycles between two messages: none finds the one before it still there
SEED, SWEPT = 9, 2_000
DAY = {"max_gross": 400_000, "rate_cycles": 1, "rate_burst": 200, "repeat_cycles": 0}
LIMITS = {
    "restricted": 0, "collar": 300, "max_shares": 500, "max_notional": 1 << 30,
    "max_position": 400,
}  # fmt: skip
#: Who is refused stays out: the model does not know the cycle in which a cooldown ends.
POLICY = {"threshold": 2 << 8, "shares": 100, "cooldown": (1 << 24) - 1}


def crowd(count):
    """Symbols, and what a crowd says on which nobody else trades."""
    from tapeout.sim.exchange.venue import Venue

    venue = Venue(SEED, instruments=SLOTS, gap_ns=1_000)
    packets = [*venue.opening().packets, *venue.play(OPEN_NS + count * 1_000).packets]
    return venue.symbols, [message for _, ones in packets for message in ones]


def opened(symbols):
    """A card that may trade in all of them."""
    from tapeout.card.driver import Card
    from tapeout.sim.card.lockstep import Lockstep

    card = Card(Lockstep())
    card.start(lines="a")
    card.listen(range(1, SLOTS + 1))
    card.gate(DAY)
    for slot, symbol in enumerate(symbols):
        name = int.from_bytes(symbol.encode().ljust(8))
        halves = {"symbol_low": name & 0xFFFFFFFF, "symbol_high": name >> 32}
        card.limits(slot, {"locate": slot + 1, **halves, **LIMITS})
    card.registers.put("policy_threshold", threshold=POLICY["threshold"])
    card.registers.put("policy_shares", shares=POLICY["shares"])
    card.registers.put("policy_cooldown", cycles=POLICY["cooldown"])
    card.kill(False)
    card.trade()
    card.transport.step(card.transport.cycle + SWEPT)
    return card


def answers(rng, resting, message):
    """What an exchange may say to an order: taken, often filled in part or whole.

    `resting` is what is open of each order by number, and how it is at the end.
    """
    said = decode(INBOUND, message)
    about = {name: said[name] for name in ("number", "quantity", "price") if name in said}
    if said["type"] == "X":
        shares = resting.pop(said["number"])
        return [encode(OUTBOUND, "C", number=said["number"], quantity=shares, reason="U")]
    if said["type"] == "U":
        del resting[said["replaces"]]
        resting[said["number"]] = said["quantity"]
        return [encode(OUTBOUND, "U", **about, replaces=said["replaces"], state="L")]
    taken = encode(OUTBOUND, "A", **about, side=said["side"], state="L")
    shares = rng.choice([0, 30, said["quantity"]])
    if shares < said["quantity"]:
        resting[said["number"]] = said["quantity"] - shares
    filled = encode(OUTBOUND, "E", **about | {"quantity": shares}, match=1)
    return [taken, filled] if shares else [taken]


def fields_of(one):
    """A decision of the model as the ring tells it."""
    intent = one.intent._asdict()
    names = ("action", "side", "slot", "number", "replaces", "shares", "price")
    return {name: int(intent[name]) for name in names} | {"reason": int(one.reason)}


@pytest.mark.skipif(verilator() != READY, reason=f"verilator: {verilator()}")
def test_decisions_and_messages_are_the_models(figure):
    from tapeout.hdl.card.layout import Entry
    from tapeout.walk.ledger import decision

    symbols, told = crowd(2_000)
    card, rng = opened(symbols), random.Random(SEED)
    board, entries, left, true, unanswered, resting = card.transport, [], [], [], [], {}
    desk = Desk(
        {slot: Limits(locate=slot + 1, **LIMITS) for slot in range(SLOTS)},
        GlobalLimits(**DAY), dict(enumerate(symbols)), Policy(**POLICY),
    )  # fmt: skip
    frames = [Frame(ethernet(packet(b"TAPEOUT", k, [one]))) for k, one in enumerate(told, 1)]
    heard = one_line(frames, Feed(range(1, SLOTS + 1)))
    for frame, records in zip(frames, heard, strict=True):
        now = board.cycle
        board.wire("a", [frame])
        out = unanswered + [one.message for one in board.step(now + APART // 2)]
        for record in records:
            true += desk.hear(record, now)
        reports = [report for message in out for report in answers(rng, resting, message)]
        board.reports(reports, [board.cycle] * len(reports))
        unanswered = [one.message for one in board.step(now + APART)]
        left += out
        for report in reports:
            true += desk.report(report, now + APART // 2)
        entries.append(card.records())
    made = np.concatenate(entries)
    made = [decision(one) for one in made[made["kind"] == Entry.DECISION]]
    made = [{name: one[name] for name in one if name != "because"} for one in made]
    for place, (one, other) in enumerate(zip(made, true, strict=False)):
        assert one == fields_of(other), f"decision {place}"
    assert len(made) == len(true)
    left += unanswered
    assert left == [one.message for one in true if one.message]
    reasons = Counter(one.reason.name.lower() for one in true)
    figure(f"desk = model on {len(true):,} decisions: {dict(reasons)}")
    assert reasons[Reason.ACCEPTED.name.lower()] > 100
