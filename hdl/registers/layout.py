"""What crosses the pins of the register window: AXI4-Lite, and what the registers hold.

All of it is made of `tapeout.hdl.card.layout.REGISTERS`. Two registers that are halves of one
number of 64 bits cross as that number.
"""

from tapeout.hdl.card.layout import ERRORS, REGISTERS, STATISTICS, Access

ADDRESS = {"addr": 12}
WRITE_DATA = {"data": 32, "strobe": 4}
READ_DATA = {"data": 32, "resp": 2}
RESPONSE = {"resp": 2}
OKAY, SLVERR = 0b00, 0b10
WHOLE = 0b1111  # the one strobe that writes: a register is written whole

#: Half of a number of 64 bits -> its name, and whether it is the upper one.
HALF = {
    f"{stem}_{half}": (stem, upper)
    for stem in (name.removesuffix("_low") for name in REGISTERS)
    for upper, half in enumerate(("low", "high"))
    if f"{stem}_low" in REGISTERS and REGISTERS[f"{stem}_low"].fields == {stem: 32}
}

#: Numbers whose upper half is kept when the lower one is read.
KEPT = ("now",)

#: Registers whose writes wait until somebody takes what was written.
ASKED = ("listen", "limit_write", "order_send")


def _members(access: Access) -> dict[str, dict[str, int] | int]:
    """Register -> its fields, or number of two -> its 64 bits; constants are no members."""
    found: dict[str, dict[str, int] | int] = {}
    for name, register in REGISTERS.items():
        if register.access is not access or name.startswith("statistics_"):
            continue
        if access is Access.READ and register.init:
            continue
        stem = HALF.get(name, (name, 0))[0]
        found[stem] = 64 if name in HALF else register.fields
    return found


#: What the host has set, and what it is shown: name -> fields, lowest bits first.
SETTINGS = _members(Access.WRITE)
SHOWN = _members(Access.READ)
HAPPENED = dict.fromkeys(ERRORS, 1)
COUNTED = dict.fromkeys(STATISTICS, 32)
