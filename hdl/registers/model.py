"""The register window as a plain object: what every read and write must answer."""

from tapeout.hdl.card.layout import ERRORS, REGISTERS, STATISTICS, Access
from tapeout.hdl.registers.layout import HALF, KEPT, OKAY, SLVERR, WHOLE

AT = {register.at: name for name, register in REGISTERS.items()}
HALF_WORD = (1 << 32) - 1


class Registers:
    """The registers, without a bus: `read` and `write` one word each.

    Attributes
    ----------
    settings : name -> int
        What the host has written, by register; `setting` joins halves.
    shown : name -> int
        What stands in the read-only registers, a number of 64 bits under its one name; what is
        not here reads as zero.
    statistics : name -> int
        The counters as they are now.
    errors : int
        Bits of `ERRORS`, lowest first.
    done : list of (name, int)
        What was asked for by writes to registers that do something, oldest first: "adjust" with
        the number of 64 bits when its upper half is written, "reset", "listen", "limit_write",
        "order_send".
    """

    def __init__(self) -> None:
        self.settings = {
            name: each.init for name, each in REGISTERS.items() if each.access is Access.WRITE
        }
        self.shown: dict[str, int] = {}
        self.statistics = dict.fromkeys(STATISTICS, 0)
        self.errors = 0
        self.done = list[tuple[str, int]]()
        self._snapshot = dict(self.statistics)
        self._upper = dict.fromkeys(KEPT, 0)

    def setting(self, name: str) -> int:
        """What the host has set, by the name of a register or of a number of two."""
        if f"{name}_low" in HALF:
            return self.settings[f"{name}_high"] << 32 | self.settings[f"{name}_low"]
        return self.settings[name]

    def happen(self, *names: str) -> None:
        """Set bits of `errors`."""
        for name in names:
            self.errors |= 1 << list(ERRORS).index(name)

    def read(self, at: int) -> tuple[int, int]:
        """The word at an address, and `OKAY`; or zero and `SLVERR`."""
        name = AT.get(at)
        if name is None:
            return 0, SLVERR
        register = REGISTERS[name]
        if register.access is Access.READ:
            return self._shown(name), OKAY
        if register.access is Access.CLEAR:
            return self.errors, OKAY
        return self.settings.get(name, 0), OKAY

    def write(self, at: int, value: int, strobe: int = WHOLE) -> int:
        """Write a word: `OKAY`; or `SLVERR`, and nothing is done."""
        name = AT.get(at)
        access = REGISTERS[name].access if name else Access.READ
        if name is None or access is Access.READ or strobe != WHOLE:
            return SLVERR
        value &= (1 << sum(REGISTERS[name].fields.values())) - 1
        if access is Access.CLEAR:
            self.errors &= ~value
        elif access is Access.DO:
            self._do(name, value)
        else:
            self.settings[name] = value
            if name == "adjust_high":
                self.done.append(("adjust", self.setting("adjust")))
        return OKAY

    def _do(self, name: str, value: int) -> None:
        if "all" in REGISTERS[name].fields and not value:
            return  # its one bit says whether
        if name == "snapshot":
            self._snapshot = dict(self.statistics)
        else:
            self.done.append((name, value))

    def _shown(self, name: str) -> int:
        if name.startswith("statistics_"):
            return self._snapshot[name.removeprefix("statistics_")]
        if init := REGISTERS[name].init:
            return init
        if name not in HALF:
            return self.shown.get(name, 0)
        stem, upper = HALF[name]
        number = self.shown.get(stem, 0)
        if stem in KEPT and not upper:
            self._upper[stem] = number >> 32
        high = self._upper[stem] if stem in KEPT else number >> 32
        return high if upper else number & HALF_WORD
