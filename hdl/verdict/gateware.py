"""What one op does to the order it names: the order afterwards, the change of its level."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

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
Change, Entry = data.StructLayout(CHANGE), data.StructLayout(ENTRY)


class Verdict(wiring.Component):
    """The rules of `tapeout.hdl.orders.model.Orders`, without a register: all in one cycle.

    Of a replace whose new reference is in use the verdict knows nothing yet: it lets the order
    leave, and says so with `contested`.

    Members
    -------
    ask : In(`ASK`)
    found : In(`ENTRY`)
        The order named, `valid` where there is one.
    parent : In(`ENTRY`)
        Where a replacement enters, the order that left for it.
    left : In(1)
        It has left, so that the replacement may enter.
    room : In(1)
        There is a place for one more order.
    after : Out(`ENTRY`)
        What is kept under the reference.
    enters : Out(1)
        That is a new order, and wants a new place.
    stored, gone, applied : Out(1)
        An order more, an order less; something to write.
    contested : Out(1)
        An order is named to be replaced.
    leaves : Out(1)
        It is gone to be replaced.
    change : Out(`CHANGE`)
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
    contested: Out(1)
    leaves: Out(1)
    change: Out(Change)

    def elaborate(self, platform):
        """Decide, then do."""
        m = Module()
        ask, order = self.ask, self.found
        replace = ask.action == Action.REPLACE
        new = replace & ask.enters & self.left
        add, delete = ask.action == Action.ADD, ask.action == Action.DELETE
        take = (ask.action == Action.EXECUTE) | (ask.action == Action.CANCEL)
        takes, heard = take & order.valid & ~ask.empty, add & ask.subscribed & ask.sided
        too_many, all_of_it, welcome = (Signal() for _ in range(3))
        m.d.comb += [
            too_many.eq(ask.shares > order.shares),
            all_of_it.eq(ask.shares >= order.shares),
            welcome.eq((heard & ~order.valid & ~ask.empty) | new),
            self.stored.eq(welcome & self.room),
            self.contested.eq(replace & ~ask.enters & order.valid),
            self.leaves.eq(self.contested & ~ask.empty),
            self.gone.eq(self.leaves | (delete & order.valid) | (takes & all_of_it)),
            self.applied.eq(self.stored | self.gone | takes),
            self.enters.eq(new | (add & ~order.valid)),
        ]
        self._after(m, new, take & ~ask.empty)
        self._change(m, ~add & ~ask.enters & ~(take & ~too_many))
        named = take | delete | (replace & ~ask.enters)
        wrong = ~ask.subscribed | (ask.instrument != order.instrument)
        nothing = ask.empty & ((heard & ~order.valid) | (take & order.valid) | self.contested)
        faults = {
            Refusal.UNKNOWN_REFERENCE: named & ~order.valid & ask.subscribed,
            Refusal.REPEATED_REFERENCE: heard & order.valid,
            Refusal.TOO_MANY_SHARES: take & order.valid & too_many,
            Refusal.ZERO_SHARES: nothing,
            Refusal.BAD_SIDE: add & ask.subscribed & ~ask.sided,
            Refusal.WRONG_INSTRUMENT: named & order.valid & wrong,
            Refusal.FULL: welcome & ~self.room,
        }
        m.d.comb += self.change.refusal.eq(Cat(faults[refusal] for refusal in Refusal))
        return m

    def _after(self, m, new, takes):
        """The order afterwards; where nothing is applied, the order as it was."""
        ask, order, after = self.ask, self.found, self.after
        m.d.comb += [
            after.eq(order),
            after.valid.eq(self.stored | (order.valid & ~self.gone & ~new)),
        ]
        with m.If(self.enters):
            m.d.comb += [after.shares.eq(ask.shares), after.price.eq(ask.price)]
            m.d.comb += [
                after.side.eq(Mux(ask.enters, self.parent.side, ask.ask)),
                after.instrument.eq(Mux(ask.enters, self.parent.instrument, ask.instrument)),
            ]
        with m.Elif(takes):
            m.d.comb += after.shares.eq(order.shares - ask.shares)

    def _change(self, m, all_shares):
        """The change of the level; `all_shares` of the order where it leaves as a whole."""
        ask, change, kind = self.ask, self.change, Signal(Kind)
        with m.Switch(ask.action):
            with m.Case(Action.EXECUTE):
                m.d.comb += kind.eq(Kind.EXECUTE)
            with m.Case(Action.CANCEL):
                m.d.comb += kind.eq(Kind.CANCEL)
            with m.Case(Action.DELETE):
                m.d.comb += kind.eq(Kind.DELETE)
            with m.Case(Action.REPLACE):
                m.d.comb += kind.eq(Mux(ask.enters, Kind.REPLACE_IN, Kind.REPLACE_OUT))
            with m.Default():
                m.d.comb += kind.eq(Kind.ADD)
        m.d.comb += [
            change.kind.eq(Mux(self.applied, kind, 0)),
            change.side.eq(self.after.side),
            change.instrument.eq(
                Mux(ask.action == Action.NONE, ask.instrument, self.after.instrument)
            ),
            change.price.eq(self.after.price),
            change.lots.eq(Mux(all_shares, self.found.shares, ask.shares)),
            change.last.eq(~self.leaves),
        ]
