"""The desk in gateware: quotes, policy, gate and order port, joined."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.card.layout import DECISION_PLACE, REGISTERS, Entry
from tapeout.hdl.line.gateware import Beat
from tapeout.hdl.ouch.gateware import Decoder, Encoder
from tapeout.hdl.policy.gateware import Policy
from tapeout.hdl.pretrade.gateware import Gate
from tapeout.hdl.pretrade.layout import GLOBAL_LIMITS, INTENT, LIMITS, SLOTS
from tapeout.hdl.publisher.gateware import BookRecord
from tapeout.hdl.quotes.gateware import Quotes
from tapeout.hdl.registers.gateware import Settings

QUOTED = 4  # cycles from a record to its quote
Slot = data.StructLayout(REGISTERS["limit_write"].fields)
Send = data.StructLayout(REGISTERS["order_send"].fields)


class Desk(wiring.Component):
    """From book records to orders: each part as its own model says, joined as this one does.

    From a record to the first word of its order are 20 cycles: 4 to the quote, 6 to the intent, 9
    to the decision and 1 to the message, where none of these has anything else to do.

    Members
    -------
    record, record_valid : In(`BOOK_RECORD`), In(1)
        A record that leaves the books; none is held back.
    settings : In(`SETTINGS`)
        What the host has set.
    limit_write, order_send : In(streams of the fields of these registers)
        A slot gets its limits and its symbol; an order of the host is judged, before the policy's
        unless that one waits already.
    now_ns : In(64)
        The clock of decisions.
    orders, reports : Out(stream of `BEAT`), In(stream of `BEAT`)
        OUCH messages, one a frame. Every report goes to gate and policy.
    o : Out(stream of `BOOK_RECORD`)
        Every decision, as an entry of the ring.
    killed : Out(1)
        The gate lets nothing out but cancels; then the policy cancels what rests, too.

    Reset forgets quotes, orders, positions and limits.
    """

    record: In(BookRecord)
    record_valid: In(1)
    settings: In(Settings)
    limit_write: In(stream.Signature(Slot))
    order_send: In(stream.Signature(Send))
    now_ns: In(64)
    orders: Out(stream.Signature(Beat))
    reports: In(stream.Signature(Beat))
    o: Out(stream.Signature(BookRecord))
    killed: Out(1)

    def elaborate(self, platform):
        """Record to quote, quote to intent, intent to decision, decision to message."""
        m, said = Module(), self.settings
        m.submodules.quotes = quotes = Quotes()
        m.submodules.policy = policy = Policy()
        m.submodules.gate = gate = Gate()
        m.submodules.encoder = encoder = Encoder()
        m.submodules.decoder = decoder = Decoder()
        wiring.connect(m, encoder.o, wiring.flipped(self.orders))
        wiring.connect(m, wiring.flipped(self.reports), decoder.i)
        m.d.comb += [
            quotes.record.eq(self.record),
            quotes.record_valid.eq(self.record_valid),
            policy.quote.eq(quotes.o),
            policy.quote_valid.eq(quotes.valid),
            policy.trade.eq(said.control.trade & ~gate.killed),
            policy.threshold.eq(said.policy_threshold.threshold),
            policy.shares.eq(said.policy_shares.shares),
            policy.cooldown.eq(said.policy_cooldown.cycles),
            policy.decision.eq(gate.o.payload),
            policy.decision_valid.eq(gate.o.valid & gate.o.ready),
            gate.quote.eq(quotes.o),
            gate.quote_valid.eq(quotes.valid),
            gate.kill.eq(said.kill.kill),
            self.killed.eq(gate.killed),
        ]
        m.d.comb += (gate.limits[each].eq(said[f"gate_{each}"][each]) for each in GLOBAL_LIMITS)
        self._limit(m, quotes, gate, encoder)
        newest = self._number(m, quotes, policy)
        self._show(m, gate, because=self._ask(m, policy, gate, newest))
        self._report(m, decoder, gate, policy)
        return m

    def _limit(self, m, quotes, gate, encoder):
        """A slot gets its limits; and its symbol, which goes with each of its orders."""
        m.submodules.symbols = symbols = memory.Memory(
            shape=64, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = symbols.write_port(), symbols.read_port(domain="comb")
        asked, said, order = self.limit_write, self.settings, gate.order
        slot = asked.payload.slot
        m.d.comb += [
            asked.ready.eq(1),
            gate.limit_en.eq(asked.valid),
            gate.limit.slot.eq(slot),
            *(gate.limit[name].eq(said[f"limit_{name}"][name]) for name in LIMITS),
            quotes.limit.en.eq(asked.valid),
            quotes.limit.slot.eq(slot),
            quotes.limit.locate.eq(said.limit_locate.locate),
            write.en.eq(asked.valid),
            write.addr.eq(slot),
            write.data.eq(Cat(said.limit_symbol_low, said.limit_symbol_high)),
            read.addr.eq(order.payload.slot),
            encoder.i.payload.intent.eq(order.payload),
            encoder.i.payload.symbol.eq(read.data),
            encoder.i.valid.eq(order.valid),
            order.ready.eq(encoder.i.ready),
        ]

    def _number(self, m, quotes, policy):
        """The record behind the quote that is being evaluated; zero if that is no new one.

        A slot is evaluated again when a report was applied, too: nothing on the wire is its reason.
        """
        m.submodules.numbers = numbers = memory.Memory(
            shape=32, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = numbers.write_port(), numbers.read_port(domain="comb")
        late = self.record.number
        for stage in range(QUOTED):
            before, late = late, Signal(32, name=f"number_{stage}", reset_less=True)
            m.d.sync += late.eq(before)
        fresh = Signal(SLOTS)
        m.d.comb += [
            write.en.eq(quotes.valid),
            write.addr.eq(quotes.o.slot),
            write.data.eq(late),
            read.addr.eq(policy.seen.slot),
        ]
        with m.If(policy.evaluated):
            m.d.sync += fresh.bit_select(policy.seen.slot, 1).eq(0)
        with m.If(quotes.valid):
            m.d.sync += fresh.bit_select(quotes.o.slot, 1).eq(1)
        return Mux(fresh.bit_select(policy.seen.slot, 1), read.data, 0)

    def _ask(self, m, policy, gate, newest):
        """One of both asks the gate; and the record that what was taken last was due to."""
        host, said = self.order_send, self.settings
        stands, own = Signal(), Signal()
        seen, because = Signal(32, reset_less=True), Signal(32, reset_less=True)
        m.d.comb += [
            own.eq(policy.o.valid & (stands | ~host.valid)),
            gate.i.valid.eq(policy.o.valid | host.valid),
            policy.o.ready.eq(gate.i.ready & own),
            host.ready.eq(gate.i.ready & ~own),
        ]
        with m.If(own):
            m.d.comb += gate.i.payload.eq(policy.o.payload)
        with m.Else():
            m.d.comb += (gate.i.payload[each].eq(said[f"order_{each}"][each]) for each in INTENT)
        m.d.sync += stands.eq(own & ~gate.i.ready)
        with m.If(policy.evaluated):
            m.d.sync += seen.eq(newest)
        with m.If(gate.i.valid & gate.i.ready):
            m.d.sync += because.eq(Mux(own, seen, 0))
        return because

    def _report(self, m, decoder, *takers):
        """Every report goes to each of them, to none twice."""
        done = Signal(len(takers))
        takes = Cat(taker.report.ready for taker in takers) | done
        m.d.comb += decoder.o.ready.eq(takes.all())
        with m.If(decoder.o.valid):
            m.d.sync += done.eq(Mux(takes.all(), 0, takes))
        for at, taker in enumerate(takers):
            m.d.comb += [
                taker.report.payload.eq(decoder.o.payload),
                taker.report.valid.eq(decoder.o.valid & ~done[at]),
            ]

    def _show(self, m, gate, because):
        """A decision as an entry; when it was made is when it is shown first."""
        decision, entry = gate.o, self.o.payload
        stands, made = Signal(), Signal(64, reset_less=True)
        fields = {name: decision.payload[name] for name in DECISION_PLACE if name != "because"}
        for name, field in {**fields, "because": because}.items():
            at, low = DECISION_PLACE[name]
            m.d.comb += entry[at][low : low + len(field)].eq(field)
        m.d.comb += [
            entry.kind.eq(Entry.DECISION),
            entry.arrival_ns.eq(Mux(stands, made, self.now_ns)),
            self.o.valid.eq(decision.valid),
            decision.ready.eq(self.o.ready),
        ]
        m.d.sync += [stands.eq(decision.valid & ~decision.ready), made.eq(entry.arrival_ns)]
