"""OUCH 5.0 in gateware: intents to the words of messages, words of messages to reports."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import any_of, chosen
from tapeout.hdl.net.layout import BEAT
from tapeout.hdl.ouch.layout import (
    BUY,
    DEAD,
    INBOUND,
    OUTBOUND,
    PLAIN,
    PRICE_BITS,
    SELL,
    WORDS_IN,
    WORDS_OUT,
)
from tapeout.hdl.pretrade.layout import INTENT, REPORT, Action, Outcome

Beat = data.StructLayout(BEAT)
Intent = data.StructLayout(INTENT)
Report = data.StructLayout(REPORT)
Addressed = data.StructLayout({"intent": Intent, "symbol": 64})

ACTIONS = {"O": Action.ENTER, "U": Action.REPLACE, "X": Action.CANCEL}
LETTERS = {name: int.from_bytes(letter.encode()) for name, letter in PLAIN.items()}


def sent(kind, intent, symbol):
    """A message of `INBOUND` as bits, its first byte lowest; what it has no value for is blank."""
    side = Mux(intent.side, ord(SELL), ord(BUY))
    values = LETTERS | {"type": ord(kind), "number": intent.number, "side": side}
    values |= {"symbol": symbol, "price": intent.price, "replaces": intent.replaces}
    values |= {"quantity": intent.shares, "appendage": 0}
    if kind == "X":
        values |= {"number": intent.replaces, "quantity": 0}
    parts = []
    for name, field in INBOUND[kind].fields.items():
        blank = int.from_bytes(b" " * field.length)
        value = Signal(8 * field.length, name=f"{kind}_{name}")
        parts.append((value, values.get(name, blank)))
    message = Cat(value[at - 8 : at] for value, _ in parts for at in range(len(value), 0, -8))
    return message, [value.eq(given) for value, given in parts]


class Encoder(wiring.Component):
    """Turns intents into messages, as `tapeout.hdl.ouch.model.order` says.

    Latency is one cycle from an intent to the first word of its message. A message of w words
    takes w cycles (6 of an enter, 5 of a replace, 2 of a cancel); the next intent is taken with the
    last of them.

    Numbers go out as they come in. An exchange wants those of one port to rise strictly: the orders
    of two that number theirs, as host and policy do, need two ports.

    Members
    -------
    i : In(stream of {intent: `INTENT`, symbol: 64})
        `symbol`: eight letters, the first one highest. An intent without an action is taken, and
        nothing is sent.
    o : Out(stream of `BEAT`)
        One message a frame. A word stands until it is taken, and `i` waits.

    Reset breaks off the message; its words keep what they hold and are not shown without `valid`.
    """

    i: In(stream.Signature(Addressed))
    o: Out(stream.Signature(Beat))

    def elaborate(self, platform):
        """The whole message is written into a register, which moves on a word a cycle."""
        m = Module()
        intent, symbol = self.i.payload.intent, self.i.payload.symbol
        message, left = Signal(64 * WORDS_IN, reset_less=True), Signal(range(WORDS_IN))
        count = Signal(4)  # bytes of the last word
        kinds, messages, lengths = [], [], []
        for kind, action in ACTIONS.items():
            bits, filled = sent(kind, intent, symbol)
            m.d.comb += filled
            kinds.append(intent.action == action)
            messages.append(bits)
            lengths.append(INBOUND[kind].length)
        out, last = self.o.payload, left == 0
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | (self.o.ready & last)),
            out.data.eq(message),
            out.count.eq(Mux(last, count, 8)),
            out.last.eq(last),
        ]
        with m.If(self.i.ready):
            m.d.sync += [
                message.eq(chosen(kinds, messages)),
                left.eq(chosen(kinds, [(length - 1) // 8 for length in lengths])),
                count.eq(chosen(kinds, [(length - 1) % 8 + 1 for length in lengths])),
                self.o.valid.eq(self.i.valid & intent.action.any()),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += [message.eq(message[64:]), left.eq(left - 1)]
        return m


#: What is known of a message once it is whole: its type, and whether it may be believed.
Told = data.StructLayout({"types": len(OUTBOUND), "right": 1, "dead": 1})


def found(message, kind, name):
    """The big-endian integer of a field of a message."""
    start, length, _ = OUTBOUND[kind].fields[name]
    return Cat(message.word_select(at, 8) for at in reversed(range(start, start + length)))


class Decoder(wiring.Component):
    """Turns the exchange's messages into reports, as `tapeout.hdl.ouch.model.Decoder` says.

    Latency is three cycles from the last word of a message to its report. A message of w words
    takes w + 2 cycles, and those in which its reports are shown.

    Members
    -------
    i : In(stream of `BEAT`)
        One message a frame. Held back while a message is judged or a report waits.
    o : Out(stream of `REPORT`)
        It stands until it is taken. A replacement that died at once has two: it is open, it left.
    others : Out(32)
        Messages that say nothing of an open order, those of types not in the table among them.
    malformed : Out(32)
        Messages that must not be believed; they never make a report.

    Reset forgets the message and the report, and counts from zero; payload registers keep what they
    hold and are never shown without `valid`.
    """

    i: In(stream.Signature(Beat))
    o: Out(stream.Signature(Report))
    others: Out(32)
    malformed: Out(32)

    def elaborate(self, platform):
        """Collect words, judge, show."""
        m = Module()
        message, told = Signal(64 * WORDS_OUT, reset_less=True), Signal(Told, reset_less=True)
        again = Signal()  # the replacement that is shown died at once
        length, whole = self._collect(m, message)
        judged = Signal()
        m.d.sync += judged.eq(whole)
        m.d.sync += self._judge(m, message, length, told)
        types = dict(zip(OUTBOUND, told.types, strict=True))
        tells = types["E"] | types["C"] | types["U"] | types["J"] | (types["A"] & told.dead)
        with m.If(judged):
            m.d.sync += [
                self.o.valid.eq(told.right & tells),
                again.eq(types["U"] & told.dead),
                self.others.eq(self.others + (told.right & ~tells)),
                self.malformed.eq(self.malformed + ~told.right),
            ]
            m.d.sync += self._report(message, types)
        with m.Elif(self.o.ready & self.o.valid):
            m.d.sync += [
                self.o.valid.eq(again),
                again.eq(0),
                self.o.payload.outcome.eq(Outcome.LEFT),
                self.o.payload.replaces.eq(0),
                self.o.payload.shares.eq(0),
                self.o.payload.price.eq(0),
            ]
        m.d.comb += self.i.ready.eq(~whole & ~judged & ~self.o.valid)
        return m

    def _collect(self, m, message):
        """How long the message is that is whole now; zero if it cannot be right."""
        index, broken = Signal(range(WORDS_OUT + 1)), Signal()
        length, whole, word = Signal(7), Signal(), self.i.payload
        m.d.sync += whole.eq(self.i.valid & self.i.ready & word.last)
        with m.If(self.i.valid & self.i.ready):
            with m.Switch(index):
                for place in range(WORDS_OUT):
                    with m.Case(place):
                        m.d.sync += message.word_select(place, 64).eq(word.data)
            bad = broken | (index == WORDS_OUT) | (word.count > 8)
            bad = bad | Mux(word.last, word.error, word.count != 8)
            m.d.sync += [
                length.eq(Mux(bad, 0, Cat(C(0, 3), index) + word.count)),
                index.eq(Mux(word.last, 0, index + (index != WORDS_OUT))),
                broken.eq(bad & ~word.last),
            ]
        return length, whole

    def _judge(self, m, message, length, told):
        """`Told` of the message, one cycle after it is whole."""
        types, right = [], []
        for kind, layout in OUTBOUND.items():
            fits = length == layout.length
            if "appendage" in layout.fields:
                fits &= ~found(message, kind, "appendage").any()
            if kind in "EU":
                fits &= ~found(message, kind, "price")[PRICE_BITS:].any()
            if kind in "EUC":
                fits &= found(message, kind, "quantity").any()
            types.append(message[:8] == ord(kind))
            right.append(types[-1] & fits)
        known = any_of(types)
        dead = [found(message, kind, "state") == ord(DEAD) for kind in "AU"]
        replaced = types[list(OUTBOUND).index("U")]
        return [
            told.types.eq(Cat(types)),
            told.right.eq(any_of(right) | (~known & length.any())),
            told.dead.eq(Mux(replaced, dead[1], dead[0])),
        ]

    def _report(self, message, types):
        """The report of a message that is known to have one."""
        out, executed, replaced = self.o.payload, types["E"], types["U"]
        left = types["C"] | types["J"] | types["A"]
        outcomes = {Outcome.EXECUTED: executed, Outcome.LEFT: left, Outcome.REPLACED: replaced}
        early = found(message, "E", "number")  # where all have it but a replacement
        shares = [(executed | types["C"], "E"), (replaced, "U")]
        return [
            out.outcome.eq(chosen(outcomes.values(), outcomes)),
            out.number.eq(Mux(replaced, found(message, "U", "number"), early)),
            out.replaces.eq(Mux(replaced, early, 0)),
            out.shares.eq(
                any_of(Mux(bit, found(message, of, "quantity"), 0) for bit, of in shares)
            ),
            out.price.eq(
                chosen((executed, replaced), [found(message, of, "price") for of in "EU"])
            ),
        ]
