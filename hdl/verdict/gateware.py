"""What one op does to the order it names: the order afterwards, the change of its level."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike, kept
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.orders.layout import CHANGE, ENTRY, INSTRUMENT_BITS, Action, Refusal

#: An op on its way through the table: half of a replace where `enters`, which puts the new order.
ASK = data.StructLayout(
    {
        "action": Action,
        "enters": 1,
        "sided": 1,  # the side is one
        "ask": 1,
        "empty": 1,  # no shares are named
        "shares": 32,
        "price": 32,
        "subscribed": 1,
        "instrument": INSTRUMENT_BITS,
    }
)
#: What is to be done, told by the op alone: known in the cycle before the order it names.
RULE = data.StructLayout(
    {
        "kind": Kind,  # what it does to a level if it is applied
        "add": 1,
        "heard": 1,  # an add, of a side, that somebody listens to
        "new": 1,  # and has shares
        "enters": 1,  # the second half of a replace
        "take": 1,  # some shares, one or more
        "leaves": 1,  # the first half of a replace
        "ends": 1,  # what leaves or is deleted
        "named": 1,  # an order is named
        "asked": 1,  # and somebody listens to it
        "nothing": 1,  # and no shares are
        "fresh": 1,  # an order is brought, in either way
        "own": 1,  # the instrument is told, no order's
        "sideless": 1,  # an add of no side that somebody listens to
    }
)
Change, Entry = data.StructLayout(CHANGE), data.StructLayout(ENTRY)
KINDS = {
    Action.ADD: Kind.ADD,
    Action.EXECUTE: Kind.EXECUTE,
    Action.CANCEL: Kind.CANCEL,
    Action.DELETE: Kind.DELETE,
    Action.REPLACE: Kind.REPLACE_OUT,
}


class Verdict(wiring.Component):
    """The rules of `tapeout.hdl.orders.model.Orders`: the order named is judged in one cycle.

    Of a replace whose new reference is in use the verdict knows nothing yet: it lets the order
    leave, and says so with `contested`.

    Members
    -------
    ask : In(`ASK`)
        In cycle t - 1; all else in cycle t.
    found : In(`ENTRY`)
        The order named, `valid` where there is one; all zero where there is none.
    parent : In(`ENTRY`)
        Where a replacement enters, the order that left for it.
    left : In(1)
        It has left, so that the replacement may enter; there is no order of its reference then.
    room : In(1)
        There is a place for one more order.
    after : Out(`ENTRY`)
        What is kept under the reference.
    enters : Out(1)
        That is a new order, and wants a new place.
    stored, gone, applied : Out(1)
        An order more, an order less but for `emptied`; something to write.
    emptied : Out(1)
        All shares are taken; `after` does not know that yet, since it is known late.
    contested : Out(1)
        An order is named to be replaced.
    leaves : Out(1)
        It is gone to be replaced.
    change : Out(`CHANGE`)

    Nothing is reset: there is no verdict of what was not asked.
    """

    ask: In(ASK)
    found: In(Entry)
    parent: In(Entry)
    left: In(1)
    room: In(1)
    after: Out(Entry)
    enters: Out(1)
    stored: Out(1)
    gone: Out(1)
    applied: Out(1)
    emptied: Out(1)
    contested: Out(1)
    leaves: Out(1)
    change: Out(Change)

    def elaborate(self, platform):
        """Decide, then do."""
        m = Module()
        ask, rule = Signal(ASK, reset_less=True), Signal(RULE, reset_less=True)
        m.d.sync += ask.eq(self.ask)
        self._rule(m, ask, rule)
        order = self.found
        less = Signal(33)
        room, takes = kept(m, self.room, "room"), kept(m, rule.take & order.valid, "takes")
        welcome = kept(m, (rule.new & ~order.valid) | (rule.enters & self.left), "welcome")
        reduced = kept(m, (rule.ends | rule.take) & order.valid, "reduced")
        too_many, equal = less[32], alike(m, ask.shares, order.shares, "shares")
        m.d.comb += [
            less.eq(order.shares - ask.shares),
            self.stored.eq(welcome & room),
            self.contested.eq(rule.leaves & order.valid),
            self.leaves.eq(rule.leaves & rule.ends & order.valid),
            self.gone.eq(rule.ends & order.valid),
            self.emptied.eq(takes & (too_many | equal)),
            self.applied.eq(self.stored | reduced),
            self.enters.eq((rule.enters & self.left) | (rule.add & ~order.valid)),
        ]
        self._after(m, ask, rule, less)
        self._change(m, ask, rule, too_many & ~rule.fresh)
        wrong = (rule.named & ~rule.asked) | (rule.named & (ask.instrument != order.instrument))
        faults = {
            Refusal.UNKNOWN_REFERENCE: rule.asked & ~order.valid,
            Refusal.REPEATED_REFERENCE: rule.heard & order.valid,
            Refusal.TOO_MANY_SHARES: takes & too_many,
            Refusal.ZERO_SHARES: (rule.nothing & order.valid)
            | (rule.heard & ~rule.new & ~order.valid),
            Refusal.BAD_SIDE: rule.sideless,
            Refusal.WRONG_INSTRUMENT: order.valid & wrong,
            Refusal.FULL: welcome & ~room,
        }
        m.d.comb += self.change.refusal.eq(Cat(faults[refusal] for refusal in Refusal))
        return m

    def _rule(self, m, judged, rule):
        """What the op alone tells, into registers; what leaves as a whole has the most shares."""
        ask, kind = self.ask, Signal(Kind)
        with m.Switch(ask.action):
            for action, change in KINDS.items():
                with m.Case(action):
                    m.d.comb += kind.eq(change)
        add, delete = ask.action == Action.ADD, ask.action == Action.DELETE
        take = (ask.action == Action.EXECUTE) | (ask.action == Action.CANCEL)
        leaves = (ask.action == Action.REPLACE) & ~ask.enters
        named, heard = take | delete | leaves, add & ask.subscribed & ask.sided
        m.d.sync += [
            rule.kind.eq(Mux(ask.enters, Kind.REPLACE_IN, kind)),
            rule.add.eq(add),
            rule.heard.eq(heard),
            rule.new.eq(heard & ~ask.empty),
            rule.enters.eq(ask.enters),
            rule.take.eq(take & ~ask.empty),
            rule.leaves.eq(leaves),
            rule.ends.eq(delete | (leaves & ~ask.empty)),
            rule.named.eq(named),
            rule.asked.eq(named & ask.subscribed),
            rule.nothing.eq((take | leaves) & ask.empty),
            rule.fresh.eq(add | ask.enters),
            rule.own.eq(add | (ask.action == Action.NONE)),
            rule.sideless.eq(add & ask.subscribed & ~ask.sided),
        ]
        with m.If(delete | leaves):
            m.d.sync += judged.shares.eq(~0)

    def _after(self, m, ask, rule, less):
        """The order afterwards; where nothing is applied, the order as it was."""
        order, after = self.found, self.after
        m.d.comb += [
            after.eq(order),
            after.valid.eq(self.stored | (order.valid & ~self.gone)),
        ]
        with m.If(self.enters):
            m.d.comb += [after.shares.eq(ask.shares), after.price.eq(ask.price)]
            m.d.comb += [
                after.side.eq(Mux(ask.enters, self.parent.side, ask.ask)),
                after.instrument.eq(Mux(ask.enters, self.parent.instrument, ask.instrument)),
            ]
        with m.Elif(rule.take):
            m.d.comb += after.shares.eq(less)

    def _change(self, m, ask, rule, all_shares):
        """The change of the level; `all_shares` of the order where it leaves as a whole."""
        change = self.change
        told = Mux(rule.enters, self.parent.instrument, self.found.instrument)
        m.d.comb += [
            change.kind.eq(rule.kind & self.applied.replicate(len(rule.kind))),
            change.side.eq(self.after.side),
            change.instrument.eq(Mux(rule.own, ask.instrument, told)),
            change.price.eq(self.after.price),
            change.lots.eq(Mux(all_shares, self.found.shares, ask.shares)),
            change.last.eq(~self.leaves),
        ]
