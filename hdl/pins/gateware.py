"""A component behind few pins of an ECP5: registers shift inputs in, a tree folds outputs."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Pins(wiring.Component):
    """Lets a block be placed and timed that has more ports than a package has pins.

    Every input comes from a register and every output goes to one, so all that is timed is inside.
    None of these registers is reset. The block's are, by the part's own network (`SGSR`): it takes
    every register to its first value, and no wires from the fabric.

    Members
    -------
    serial_in : In(1)
        Moves through a register of all input bits, one a cycle.
    serial_out : Out(1)
        The parity of all output bits, some cycles later.
    """

    serial_in: In(1)
    serial_out: Out(1)

    def __init__(self, block: object) -> None:
        self.block = block
        members = [
            (member.flow, Value.cast(value))
            for _, member, value in block.signature.flatten(block)
            if not isinstance(value, Const)
        ]
        self._inputs = [value for flow, value in members if flow == In]
        self._outputs = [value for flow, value in members if flow == Out]
        self._levels = [max(1, sum(map(len, self._outputs)))]
        while self._levels[-1] > 1:
            self._levels.append(-(-self._levels[-1] // 4))
        super().__init__()

    @property
    def cells(self):
        """What of a result is not the block: flip-flops, and the LUTs of the tree."""
        inputs = sum(map(len, self._inputs))
        return {"ff": inputs + sum(self._levels), "lut": sum(self._levels[1:])}

    def elaborate(self, platform):
        """Shift in, fold four to one a stage."""
        m = Module()
        m.domains.block = ClockDomain(reset_less=True)
        m.d.comb += ClockSignal("block").eq(ClockSignal())
        m.submodules.reset = Instance("SGSR", i_CLK=ClockSignal(), i_GSR=~ResetSignal())
        m.submodules.block = DomainRenamer("block")(self.block)
        shift = Signal(max(1, sum(map(len, self._inputs))), reset_less=True)
        m.d.sync += shift.eq(Cat(self.serial_in, shift[:-1]))
        m.d.comb += Cat(self._inputs).eq(shift)
        stage = Signal(self._levels[0], name="outputs", reset_less=True)
        m.d.sync += stage.eq(Cat(self._outputs))
        for width in self._levels[1:]:
            folded = Signal(width, name=f"parity_{width}", reset_less=True)
            m.d.sync += folded.eq(Cat(stage[4 * k : 4 * k + 4].xor() for k in range(width)))
            stage = folded
        m.d.comb += self.serial_out.eq(stage)
        return m
