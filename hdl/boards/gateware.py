"""The feed handler on an ECPIX-5: its gigabit port is line a, records leave by a serial port.

No board has run this. It is elaborated, placed and routed with open tools; the receiver and the
sender are tested in simulation. The PHY is gigabit Ethernet: 10 gigabit is what the pipeline takes
at its word clock, and no pin of this board brings it.
"""

from amaranth import *
from amaranth.build import Attrs, Clock, Pins, PinsN, Resource, Subsignal
from amaranth.lib import io
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFO
from amaranth.vendor import LatticeECP5Platform

from tapeout.hdl.boards import layout
from tapeout.hdl.net.layout import BEAT
from tapeout.hdl.rgmii.gateware import Receiver
from tapeout.hdl.rgmii.layout import GIGABIT
from tapeout.hdl.top.gateware import FeedHandler
from tapeout.hdl.uart.gateware import Sender

RECORD_BITS = 512
NS_A_CYCLE = 10**9 // layout.CLOCK_HZ
RESET_CYCLES = layout.CLOCK_HZ // 50  # 20 ms, twice what the PHY asks for


def _phy():
    """The pins of the PHY."""
    level, data = Attrs(**layout.LEVEL), Attrs(**layout.LEVEL, PULLMODE="UP")
    pins = layout.PHY
    return Resource(
        "phy", 0,
        Subsignal("rst", PinsN(pins["rst"], dir="o"), level),
        *(Subsignal(name, Pins(pins[name], dir="o"), level)
          for name in ("mdc", "tx_clk", "tx_ctl", "tx_data")),
        Subsignal("rx_clk", Pins(pins["rx_clk"], dir="i"), Clock(layout.PHY_CLOCK_HZ), level),
        Subsignal("rx_ctl", Pins(pins["rx_ctl"], dir="i"), level),
        Subsignal("rx_data", Pins(pins["rx_data"], dir="i"), data),
    )  # fmt: skip


class Ecpix5(LatticeECP5Platform):
    """The board as `tapeout.hdl.boards.layout` says."""

    device, package, speed = layout.DEVICE, layout.PACKAGE, layout.SPEED
    default_clk = "clk100"
    resources = [  # noqa: RUF012
        Resource(
            "clk100", 0, Pins(layout.CLOCK, dir="i"), Clock(layout.CLOCK_HZ), Attrs(**layout.LEVEL)
        ),
        Resource(
            "lamp", 0,
            *(Subsignal(name, PinsN(pin, dir="o")) for name, pin in layout.LAMP.items()),
            Attrs(**layout.LAMP_LEVEL),
        ),
        Resource("serial_out", 0, Pins(layout.SERIAL_OUT, dir="o"), Attrs(**layout.LEVEL)),
        _phy(),
    ]  # fmt: skip
    connectors = []  # noqa: RUF012


class Sampler(Elaboratable):
    """Both halves of the PHY's clock as one byte a cycle of domain `rx`: IDDRX1F behind DELAYG.

    Attributes
    ----------
    byte : Signal(8)
    valid, error : Signal()
        As `i`, `i_valid` and `i_error` of `Receiver`.
    """

    def __init__(self, ctl, data):
        self._ctl, self._data = ctl, data
        self.byte, self.valid, self.error = Signal(8), Signal(), Signal()

    def elaborate(self, platform):
        """Two bits a pin: what the rising edge brought, then the falling one."""
        m = Module()
        m.submodules.ctl = ctl = io.Buffer("i", self._ctl)
        m.submodules.data = data = io.Buffer("i", self._data)
        pins = Cat(data.i, ctl.i)
        rising, falling = Signal(5), Signal(5)
        for k in range(5):
            late = Signal(name=f"late_{k}")
            m.submodules[f"delay_{k}"] = Instance(
                "DELAYG", p_DEL_MODE="SCLK_ALIGNED", p_DEL_VALUE=0, i_A=pins[k], o_Z=late
            )
            m.submodules[f"ddr_{k}"] = Instance(
                "IDDRX1F", i_SCLK=ClockSignal("rx"), i_RST=Const(0), i_D=late,
                o_Q0=rising[k], o_Q1=falling[k],
            )  # fmt: skip
        m.d.comb += [
            self.byte.eq(Cat(rising[:4], falling[:4])),
            self.valid.eq(rising[4]),
            self.error.eq(rising[4] ^ falling[4]),
        ]
        return m


class Ecpix5Top(Elaboratable):
    """Gigabit port to records on a serial port, at 100 MHz from the board's own oscillator.

    The receiver runs in the PHY's clock. That clock stops and changes with the cable, so nothing
    else depends on it: words cross into the board's clock through a FIFO of eight places, one of
    which is taken every eight cycles of 125 MHz and given back in the next few of 100 MHz. The
    pipeline takes one word a cycle, six times what a gigabit brings.

    Instruments are learned from the directory, the first come first. Records are 64 bytes at
    2,000,000 baud (8N1), 3,125 a second: with more the pipeline stops, its buffers fill, and what
    is lost then is told as a gap. Whoever joins late finds the start of a record by `number`.

    The lamp is green while there is a link of a gigabit, and red once anything was lost; blue while
    the PHY is in reset.

    Parameters
    ----------
    parameters
        Of `FeedHandler`.
    """

    def __init__(self, **parameters):
        self.feed = FeedHandler(**parameters)

    def elaborate(self, platform):
        """Reset of the PHY, receiver, pipeline, serial port, lamp."""
        m = Module()
        phy = platform.request("phy", dir="-")
        resetting = self._reset(m, phy)
        status = self._receive(m, phy)
        m.submodules.feed = feed = self.feed
        m.submodules.sender = sender = Sender(RECORD_BITS, layout.CLOCK_HZ // layout.BAUD)
        m.submodules.serial = serial = io.Buffer("o", platform.request("serial_out", dir="-"))
        m.d.comb += [
            feed.enable.eq(0b01),
            feed.learn.eq(1),
            sender.i.payload.eq(feed.o.payload),
            sender.i.valid.eq(feed.o.valid),
            feed.o.ready.eq(sender.i.ready),
            serial.o.eq(sender.o),
        ]
        m.d.sync += feed.now_ns.eq(feed.now_ns + NS_A_CYCLE)
        self._light(m, platform, status, resetting)
        return m

    def _reset(self, m, phy):
        """Hold the PHY in reset after power-up, and say nothing to it; whether it is."""
        left = Signal(range(RESET_CYCLES + 1), init=RESET_CYCLES)
        resetting = Signal(init=1)
        m.d.sync += [left.eq(left - (left != 0)), resetting.eq(left != 0)]
        m.submodules.rst = rst = io.Buffer("o", phy.rst)
        m.d.comb += rst.o.eq(resetting)
        for name in ("mdc", "tx_clk", "tx_ctl", "tx_data"):
            m.submodules[name] = quiet = io.Buffer("o", getattr(phy, name))
            m.d.comb += quiet.o.eq(0)
        return resetting

    def _receive(self, m, phy):
        """Words of line a, in the board's clock; the state of the link in that of the PHY."""
        m.domains.rx = ClockDomain("rx", reset_less=True)
        m.submodules.rx_clk = clock = io.Buffer("i", phy.rx_clk)
        m.submodules.sampler = sampler = Sampler(phy.rx_ctl, phy.rx_data)
        m.submodules.receiver = receiver = DomainRenamer("rx")(Receiver())
        m.submodules.crossing = crossing = AsyncFIFO(
            width=sum(BEAT.values()), depth=8, w_domain="rx", r_domain="sync"
        )
        m.d.comb += [
            ClockSignal("rx").eq(clock.i),
            receiver.i.eq(sampler.byte),
            receiver.i_valid.eq(sampler.valid),
            receiver.i_error.eq(sampler.error),
            crossing.w_data.eq(receiver.o),
            crossing.w_en.eq(receiver.o_valid),
            self.feed.a.payload.eq(crossing.r_data),
            self.feed.a.valid.eq(crossing.r_rdy),
            crossing.r_en.eq(1),
        ]
        return receiver.status

    def _light(self, m, platform, status, resetting):
        """What an eye can see."""
        lamp, told = platform.request("lamp", dir="-"), self.feed.statistics
        up, lost = Signal(), Signal()
        m.submodules.up = FFSynchronizer(status.link & (status.clock == GIGABIT), up)
        with m.If(told.gaps.any() | told.a.cut.any() | told.a.dropped.any()):
            m.d.sync += lost.eq(1)
        for name, lit in (("r", lost), ("g", up), ("b", resetting)):
            m.submodules[f"lamp_{name}"] = pin = io.Buffer("o", getattr(lamp, name))
            m.d.comb += pin.o.eq(lit)


BOARDS = {"ecpix5": (Ecpix5, Ecpix5Top)}


def plan(board: str, **parameters: int) -> dict[str, str]:
    """What a board's build starts from: the text of its RTLIL, "top.il", and pins, "top.lpf"."""
    platform, top = BOARDS[board]
    made = platform().prepare(top(**parameters), "top")
    return {name: str(made.files[name]) for name in ("top.il", "top.lpf")}
