"""The register window: an AXI4-Lite slave made of the card's table."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.card.layout import REGISTERS, Access
from tapeout.hdl.registers.layout import (
    ADDRESS,
    ASKED,
    COUNTED,
    HALF,
    HAPPENED,
    KEPT,
    OKAY,
    READ_DATA,
    RESPONSE,
    SETTINGS,
    SHOWN,
    SLVERR,
    WHOLE,
    WRITE_DATA,
)

Address, WriteData = data.StructLayout(ADDRESS), data.StructLayout(WRITE_DATA)
ReadData, Response = data.StructLayout(READ_DATA), data.StructLayout(RESPONSE)


def _struct(members):
    """A struct of structs and plain numbers."""
    return data.StructLayout(
        {
            name: data.StructLayout(each) if isinstance(each, dict) else each
            for name, each in members.items()
        }
    )


Settings, Shown = _struct(SETTINGS), _struct(SHOWN)
Statistics, Happened = data.StructLayout(COUNTED), data.StructLayout(HAPPENED)

WORD = 32
GROUP = 3  # the lowest bits of a word's number: they choose in the first stage of a read


def _initial():
    """What the settings are after reset: field of field -> value."""
    found = {}
    for name, fields in SETTINGS.items():
        halves = [half for half, (stem, _) in HALF.items() if stem == name]
        if halves:
            low, high = (REGISTERS[half].init for half in halves)
            found[name] = high << WORD | low
            continue
        left, found[name] = REGISTERS[name].init, {}
        for field, bits in fields.items():
            found[name][field] = left & (1 << bits) - 1
            left >>= bits
    return found


class Registers(wiring.Component):
    """Answers reads and writes of the host, as `tapeout.hdl.registers.model.Registers` does.

    A read is answered three cycles after its address is taken; what it shows is of the cycle after
    that. A write is answered three cycles after the later of its address and its data is taken, in
    any order, and has done then what it does; one to `listen`, `limit_write` or `order_send` when
    what was asked for is taken. One read and one write at a time: an address or data is taken when
    the answer before it is.

    Members
    -------
    write_address : In(stream of `ADDRESS`)
    write_data : In(stream of `WRITE_DATA`)
    write_response : Out(stream of `RESPONSE`)
        AXI4-Lite's AW, W and B. A write without all four strobes, of a register that is only read,
        or of no register at all does nothing and is answered by SLVERR.
    read_address : In(stream of `ADDRESS`)
    read_data : Out(stream of `READ_DATA`)
        AXI4-Lite's AR and R. A read of no register gives zero and SLVERR.
    settings : Out(`SETTINGS`)
        What the host has written: of each register a struct of its fields; a number of 64 bits
        is one, under its one name.
    shown : In(`SHOWN`)
        What stands in the registers that are only read. Reading the lower half of `now` keeps its
        upper half of the same cycle for the next read of that.
    statistics : In(`COUNTED`)
        All counters; a write to `snapshot` keeps them, and reads show what was kept.
    happened : In(`HAPPENED`)
        In a cycle with a bit of it, that bit of `errors` is set, even if it is just taken back.
    adjusted : Out(1)
        For one cycle: the upper half of `adjust` was written, and `settings.adjust` stands.
    restart : Out(1)
        For one cycle: `reset` was written.
    listen, limit_write, order_send : Out(streams of their fields)
        What was asked for. `settings` does not change while one waits.

    Reset gives the settings their first values, clears errors and what was kept, and forgets a
    transaction that is going on: it is the reset of the bus, too. That register `reset` changes
    nothing here. The bus's channels are named from the host's side: Arm IHI 0022, "AMBA AXI and
    ACE Protocol Specification", chapter B1.
    """

    def __init__(self):
        super().__init__(
            {
                "write_address": In(stream.Signature(Address)),
                "write_data": In(stream.Signature(WriteData)),
                "write_response": Out(stream.Signature(Response)),
                "read_address": In(stream.Signature(Address)),
                "read_data": Out(stream.Signature(ReadData)),
                "settings": Out(Settings, init=_initial()),
                "shown": In(Shown),
                "statistics": In(Statistics),
                "happened": In(Happened),
                "adjusted": Out(1),
                "restart": Out(1),
                **{
                    name: Out(stream.Signature(data.StructLayout(REGISTERS[name].fields)))
                    for name in ASKED
                },
            }
        )

    def elaborate(self, platform):
        """Both ways have nothing in common but the registers."""
        m = Module()
        self._errors = Signal(len(HAPPENED))
        self._kept = Signal(Statistics)
        self._uppers = {name: Signal(WORD, name=f"upper_{name}") for name in KEPT}
        self._news = Value.cast(self.happened)
        m.d.sync += [
            self._errors.eq(self._errors | self._news),
            self.adjusted.eq(0),
            self.restart.eq(0),
        ]
        self._read(m)
        self._write(m)
        return m

    def _read(self, m):
        """Address; the word of each group of eight; the group."""
        channel, answer = self.read_address, self.read_data
        at, busy, steps = Signal(12), Signal(), Signal(2)
        taken = channel.valid & channel.ready
        m.d.comb += channel.ready.eq(~busy)
        m.d.sync += steps.eq(Cat(taken, steps))
        with m.If(taken):
            m.d.sync += [at.eq(channel.payload.addr), busy.eq(1)]
        for name, upper in self._uppers.items():
            with m.If(steps[0] & (at == REGISTERS[f"{name}_low"].at)):
                m.d.sync += upper.eq(self.shown[name][WORD:])
        words = {each.at: self._word(name) for name, each in REGISTERS.items()}
        groups = {}
        for number in sorted({place >> GROUP + 2 for place in words}):
            group = {k: words.get((number << GROUP | k) << 2) for k in range(1 << GROUP)}
            some = {k: Cat(word, C(1)) for k, word in group.items() if word is not None}
            groups[number] = picked = Signal(WORD + 1, name=f"group_{number}", reset_less=True)
            m.d.sync += picked.eq(_picked(some, at[2 : 2 + GROUP]))
        aligned = Signal()
        m.d.sync += aligned.eq(~at[:2].any())
        chosen = Signal(WORD + 1)
        m.d.comb += chosen.eq(Mux(aligned, _picked(groups, at[2 + GROUP :]), 0))
        with m.If(steps[1]):
            m.d.sync += [
                answer.payload.data.eq(chosen[:WORD]),
                answer.payload.resp.eq(Mux(chosen[WORD], OKAY, SLVERR)),
                answer.valid.eq(1),
            ]
        with m.If(answer.valid & answer.ready):
            m.d.sync += [answer.valid.eq(0), busy.eq(0)]

    def _word(self, name):
        """What a register reads as."""
        register = REGISTERS[name]
        stem, upper = HALF.get(name, (name, 0))
        half = slice(upper * WORD, upper * WORD + WORD)
        if register.access is Access.DO:
            return C(0, WORD)
        if register.access is Access.CLEAR:
            return _wide(self._errors)
        if register.access is Access.WRITE:
            return _wide(Value.cast(self.settings[stem])[half])
        if name.startswith("statistics_"):
            return self._kept[name.removeprefix("statistics_")]
        if register.init:
            return C(register.init, WORD)
        if stem in KEPT and upper:
            return self._uppers[stem]
        return _wide(Value.cast(self.shown[stem])[half])

    def _write(self, m):
        """Address and data, in any order; which register; what it does; the answer."""
        at, word, whole = Signal(12), Signal(WORD), Signal()
        channels = {"address": self.write_address, "data": self.write_data}
        held = {name: Signal(name=f"held_{name}") for name in channels}
        for name, channel in channels.items():
            m.d.comb += channel.ready.eq(~held[name])
            with m.If(channel.valid & channel.ready):
                m.d.sync += held[name].eq(1)
        with m.If(self.write_address.ready):
            m.d.sync += at.eq(self.write_address.payload.addr)
        with m.If(self.write_data.ready):
            payload = self.write_data.payload
            m.d.sync += [word.eq(payload.data), whole.eq(payload.strobe == WHOLE)]
        hits = {
            name: Signal(name=f"hit_{name}")
            for name, each in REGISTERS.items()
            if each.access is not Access.READ
        }
        m.d.sync += [hit.eq((at == REGISTERS[name].at) & whole) for name, hit in hits.items()]
        asked = Cat(hits[name] & _wanted(name, word) for name in ASKED)
        gone = [getattr(self, name).valid & getattr(self, name).ready for name in ASKED]
        with m.FSM():
            with m.State("TAKE"), m.If(held["address"] & held["data"]):
                m.next = "DO"
            with m.State("DO"):
                known = Cat(hits.values()).any()
                m.d.sync += self.write_response.payload.resp.eq(Mux(known, OKAY, SLVERR))
                for name, hit in hits.items():
                    with m.If(hit):
                        self._do(m, name, word)
                m.next = "ANSWER"
                with m.If(asked.any()):
                    m.next = "WAIT"
            with m.State("WAIT"), m.If(Cat(gone).any()):
                m.d.sync += [getattr(self, name).valid.eq(0) for name in ASKED]
                m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += self.write_response.valid.eq(1)
                with m.If(self.write_response.ready):
                    m.d.sync += [one.eq(0) for one in held.values()]
                    m.next = "TAKE"

    def _do(self, m, name, word):
        """What a write of a register does."""
        access = REGISTERS[name].access
        stem, upper = HALF.get(name, (name, 0))
        if name in ASKED:
            channel = getattr(self, name)
            bits = Value.cast(channel.payload)
            m.d.sync += [channel.valid.eq(_wanted(name, word)), bits.eq(word)]
        elif name == "snapshot":
            with m.If(_wanted(name, word)):
                m.d.sync += self._kept.eq(self.statistics)
        elif name == "reset":
            m.d.sync += self.restart.eq(_wanted(name, word))
        elif access is Access.CLEAR:
            m.d.sync += self._errors.eq((self._errors & ~word) | self._news)
        else:
            bits = Value.cast(self.settings[stem])
            m.d.sync += bits[upper * WORD : upper * WORD + WORD].eq(word)
            if name == "adjust_high":
                m.d.sync += self.adjusted.eq(1)


def _wanted(name, word):
    """Whether a write asks for anything: a register of the one bit `all` says so by it."""
    return word[0] if "all" in REGISTERS[name].fields else C(1)


def _wide(bits):
    """As a word: zeros above."""
    return Cat(bits, C(0, WORD - len(bits))) if len(bits) < WORD else bits


def _picked(words, select):
    """The word of that number, or zeros: a tree of choices between two."""
    words = {number: word for number, word in words.items() if word is not None}
    if not words:
        return C(0, WORD + 1)
    if not len(select):
        return words[0]
    halves = [
        _picked({n >> 1: w for n, w in words.items() if n & 1 == half}, select[1:])
        for half in range(2)
    ]
    return Mux(select[0], halves[1], halves[0])
