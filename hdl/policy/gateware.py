"""Policy in gateware: evaluates a slot's newest quote, asks for one order at a time."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike
from tapeout.hdl.lineup.gateware import Lineup
from tapeout.hdl.microprice.gateware import LATENCY, Microprice
from tapeout.hdl.policy.layout import COOLDOWN_BITS, DEFAULTS, MOST_NUMBERS, THRESHOLD_BITS
from tapeout.hdl.pretrade.layout import (
    DECISION,
    INTENT,
    QUOTE,
    REPORT,
    SLOT_BITS,
    SLOTS,
    Action,
    Reason,
)
from tapeout.hdl.working.gateware import (
    Meant,
    Order,
    Orders,
    Search,
    bit_of,
    meaning,
    place_of,
)

Quote = data.StructLayout(QUOTE)
Intent = data.StructLayout(INTENT)
Decision = data.StructLayout(DECISION)
Report = data.StructLayout(REPORT)
FEW = MOST_NUMBERS.bit_length() - 1

#: What an evaluation knows of its slot; `few`: numbers are left.
Known = data.StructLayout(
    dict.fromkeys(("there", "busy", "trade", "cooling", "cooled", "moved", "few"), 1)
)
#: What it may ask for, whatever the microprice is.
May = data.StructLayout({"enter": 1, "move": 1, "cancel": 1})
#: What an evaluation asks for: at most one of these.
Asks = data.StructLayout({"enters": 1, "moves": 1, "cancels": 1})
APPLIED = ("refused", "moved", "gone", "happened")  # what a report does to an order


class Policy(wiring.Component):
    """Quotes one order a slot, as `tapeout.hdl.policy.model.Policy` says.

    Latency is six cycles from a quote to its intent if nothing else is being done. It evaluates one
    quote at a time, six cycles each; where it asks for an order, until the gate has decided. Quotes
    that come meanwhile replace older ones of their slot, and slots take turns. A slot is evaluated
    again when a report was applied to its order, when its cooldown is over and when `trade`
    changes. A report is looked for beside that, for `SLOTS` cycles, and takes four more to apply.

    Members
    -------
    quote, quote_valid : In(`QUOTE`), In(1)
        A slot's quote changed.
    trade : In(1)
        New orders may be asked for. When it goes off, working orders are canceled.
    threshold, shares, cooldown : In(18), In(32), In(24)
        As in the model. They are steady while anything is going on.
    report : In(stream of `REPORT`)
        What the exchange says, of the host's orders, too. Not ready while one is looked for. No
        report of an order may come within three cycles of the decision about it.
    decision, decision_valid : In(`DECISION`), In(1)
        What the gate said; any that is not about the intent that was asked for last is passed over.
    o : Out(stream of `INTENT`)
        It stands until it is taken; then the policy waits for the decision about it. Numbers count
        from 1, and their top bit is zero.
    evaluated, seen, traded : Out(1), Out(`QUOTE`), Out(1)
        A quote is evaluated, and whether `trade` was on: one cycle after the quote came if nothing
        else was being done. A slot that never had one is seen as stale.
    settled : Out(1)
        A decision is applied, one cycle after it came.
    applied, missed, told : Out(1), Out(1), Out(`REPORT`)
        A report is applied to an order, or there is none that it is of.

    Reset forgets all orders and quotes, and begins with number 1 again.
    """

    quote: In(Quote)
    quote_valid: In(1)
    trade: In(1)
    threshold: In(THRESHOLD_BITS, init=DEFAULTS["threshold"])
    shares: In(32, init=DEFAULTS["shares"])
    cooldown: In(COOLDOWN_BITS, init=DEFAULTS["cooldown"])
    report: In(stream.Signature(Report))
    decision: In(Decision)
    decision_valid: In(1)
    o: Out(stream.Signature(Intent))
    evaluated: Out(1)
    seen: Out(Quote)
    traded: Out(1)
    settled: Out(1)
    applied: Out(1)
    missed: Out(1)
    told: Out(Report)

    def elaborate(self, platform):
        """One thing at a time: a report is applied, or a quote evaluated and what it asks for."""
        m = Module()
        m.submodules.orders = orders = Orders()
        m.submodules.search = search = Search()
        wiring.connect(m, wiring.flipped(self.report), search.i)
        m.submodules.lineup = lineup = Lineup()
        slot, order = Signal(SLOT_BITS), Signal(Order, reset_less=True)
        sets = self._wait(m, lineup, slot, orders)
        m.d.comb += [orders.slot.eq(slot), orders.cooldown.eq(self.cooldown)]
        m.d.comb += [search.look.eq(orders.look), self.told.eq(search.report)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += slot.eq(Mux(lineup.some, place_of(lineup.next), self.quote.slot))
                with m.If(search.found):
                    m.d.sync += slot.eq(search.slot)
                    m.next = "FETCH"
                with m.Elif(lineup.some | self.quote_valid):
                    m.next = "READ"
            number = self._evaluate(m, slot, order, orders)
            self._settle(m, number, order, orders)
            self._apply(m, order, orders, search, sets)
        return m

    def _wait(self, m, lineup, slot, orders):
        """Which slots wait to be evaluated: those that a report sets, too."""
        sets, quoted, traded, new = Signal(SLOTS), Signal(SLOTS), Signal(), Signal()
        m.submodules.quotes = ram = memory.Memory(
            shape=Quote, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        write, read, came = ram.write_port(), ram.read_port(domain="comb"), Signal(SLOTS)
        m.d.comb += [
            came.eq(Mux(self.quote_valid, bit_of(self.quote.slot), 0)),
            write.addr.eq(self.quote.slot),
            write.en.eq(self.quote_valid),
            write.data.eq(self.quote),
            read.addr.eq(slot),
            self.seen.eq(read.data),
            self.seen.slot.eq(slot),
            self.seen.stale.eq(read.data.stale | ~(quoted & bit_of(slot)).any()),
            self.traded.eq(self.trade),
            new.eq(traded != self.trade),
            lineup.done.eq(Mux(self.evaluated, bit_of(slot), 0)),
            lineup.comes.eq(came | sets | orders.over | Mux(new, quoted, 0)),
        ]
        m.d.sync += [traded.eq(self.trade), quoted.eq(quoted | came)]
        return sets

    def _evaluate(self, m, slot, order, orders):
        """Read what is known of the slot, wait for the microprice, judge; the next number."""
        m.submodules.microprice = microprice = Microprice()
        number, after = Signal(32, init=1), Signal(range(LATENCY))
        known, may = Signal(Known), Signal(May)
        bid, ask, price = (
            Signal(32, name=name, reset_less=True) for name in ("bid", "ask", "best")
        )
        m.d.comb += [
            microprice.quote.eq(self.seen),
            microprice.threshold.eq(self.threshold),
            price.eq(Mux(order.side, ask, bid)),
        ]
        with m.State("READ"):
            m.d.comb += self.evaluated.eq(1)
            m.d.sync += [
                *self._known(known, orders, number),
                order.eq(orders.order),
                bid.eq(self.seen.bid),
                ask.eq(self.seen.ask),
                self.o.payload.slot.eq(slot),
                after.eq(LATENCY - 2),
            ]
            m.next = "MEASURE"
        with m.State("MEASURE"):
            m.d.sync += [
                after.eq(after - 1),
                known.moved.eq(~alike(m, price, order.price, "moved")),
                *self._may(may, known, order),
            ]
            with m.If(after == 0):
                m.next = "JUDGE"
        with m.State("JUDGE"):
            asks = self._judge(m, known, may, microprice, order)
            any_, out = asks.as_value().any(), self.o.payload
            entered, kept = Mux(microprice.sell, ask, bid), Mux(asks.cancels, order.price, price)
            m.d.sync += [out.number.eq(number), self.o.valid.eq(any_)]
            m.d.sync += out.price.eq(Mux(known.there, kept, entered))
            m.next = "IDLE"
            with m.If(any_):
                m.next = "OFFER"
        return number

    def _known(self, known, orders, number):
        """What is known of the slot when its quote is read."""
        return [
            known.there.eq(orders.there),
            known.busy.eq(orders.order.leaving | orders.order.next.any()),
            known.trade.eq(self.trade),
            known.cooling.eq(orders.cooling),
            known.cooled.eq(orders.cooled),
            known.few.eq(~number[FEW:].any()),
        ]

    def _may(self, may, known, order):
        """What may be asked for, a cycle before the microprice is there."""
        cooled, idle = ~known.cooling | known.cooled, known.there & ~known.busy
        return [
            may.enter.eq(~known.there & known.trade & cooled & known.few),
            may.move.eq(idle & known.moved & cooled & known.few),
            may.cancel.eq(idle & (cooled | ~order.muted)),
        ]

    def _judge(self, m, known, may, microprice, order):
        """What is asked for, if anything."""
        asks, out = Signal(Asks), self.o.payload
        turns = Mux(order.side, microprice.buy, microprice.sell)
        leaves = ~known.trade | ~microprice.usable | turns
        signal = microprice.buy | microprice.sell
        m.d.comb += [
            asks.enters.eq(may.enter & signal),
            asks.moves.eq(may.move & ~leaves),
            asks.cancels.eq(may.cancel & leaves),
        ]
        m.d.sync += [
            out.action.eq(Cat(asks.enters | asks.cancels, asks.moves | asks.cancels)),
            out.side.eq(Mux(known.there, order.side, microprice.sell)),
            out.replaces.eq(Mux(known.there, order.number, 0)),
            out.shares.eq(Mux(known.there, order.left, self.shares)),
        ]
        return asks

    def _settle(self, m, number, order, orders):
        """Offer the intent, wait for the decision about it, write what became of it."""
        asked, said, valid = self.o.payload, Signal(Decision, reset_less=True), Signal()
        mine = alike(m, self.decision.number, asked.number, "said")
        m.d.sync += [said.eq(self.decision), valid.eq(self.decision_valid & mine)]
        enters, moves, cancels = (asked.action == action for action in Action)
        refused = said.reason != Reason.ACCEPTED
        gone = refused & (enters | (said.reason == Reason.UNKNOWN))
        written, new = Signal(Order), ("number", "price", "side")
        m.d.comb += [
            *(written[name].eq(Mux(enters, asked[name], order[name])) for name in new),
            written.left.eq(Mux(enters, asked.shares, order.left)),
            written.next.eq(Mux(moves & ~refused, asked.number, 0)),
            written.leaving.eq(cancels & ~refused),
            written.muted.eq(Mux(refused, cancels, order.muted & ~enters)),
        ]
        with m.State("OFFER"), m.If(self.o.ready):
            m.d.sync += [self.o.valid.eq(0), number.eq(number + 1)]
            m.next = "WAIT"
        with m.State("WAIT"), m.If(valid):
            m.d.comb += [
                self.settled.eq(1),
                orders.written.eq(written),
                orders.put.eq(~gone),
                orders.forget.eq(gone),
                orders.cool.eq(refused),
            ]
            m.next = "IDLE"

    def _apply(self, m, order, orders, search, sets):
        """Read the order of a report, tell what it means for it, write that."""
        report, meant, there, known = search.report, Signal(Meant), Signal(), Signal()
        refused, moved, gone, happened = (Signal(name=name) for name in APPLIED)
        m.d.comb += [
            self.missed.eq(search.missed),
            refused.eq(meant.next & meant.left),
            happened.eq(meant.mine & ~refused & (meant.next | ~meant.replaced)),
            moved.eq(happened & meant.replaced),
            gone.eq(happened & meant.all),
            known.eq(refused | meant.mine),
        ]
        with m.State("FETCH"):
            m.d.sync += [order.eq(orders.order), there.eq(orders.there)]
            m.next = "MATCH"
        with m.State("MATCH"):
            m.d.sync += meaning(m, meant, order, there, report, search.key)
            m.next = "APPLY"
        with m.State("APPLY"):
            m.d.comb += [
                self.applied.eq(known),
                self.missed.eq(~known),
                search.done.eq(1),
                sets.eq(Mux(known, bit_of(orders.slot), 0)),
                orders.put.eq((refused | happened) & ~gone),
                orders.forget.eq(gone),
                orders.cool.eq(refused | (gone & meant.left & ~order.leaving)),
                orders.written.eq(order),
                orders.written.number.eq(Mux(moved, report.number, order.number)),
                orders.written.price.eq(Mux(moved, report.price, order.price)),
                orders.written.next.eq(Mux(refused | moved, 0, order.next)),
                orders.written.left.eq(Mux(happened, meant.rest, order.left)),
                orders.written.muted.eq(order.muted & ~refused),
            ]
            m.next = "IDLE"
