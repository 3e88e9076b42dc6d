"""Which pin is what on a LambdaConcept ECPIX-5 with an 85F: LFE5UM5G-85F-8BG554, one gigabit PHY.

All pins here stand in both public descriptions of the board, and agree: amaranth-boards,
`amaranth_boards/ecpix5.py` (commit 6cd33ce), and litex-boards,
`litex_boards/platforms/lambdaconcept_ecpix5.py` (commit 062b899). They differ in the reset button
(AB1, N5), which is not used here, and in how they number the four lamps: the one here is at T23,
R21 and T22. Lamps light when low (litex-boards, `targets/lambdaconcept_ecpix5.py`, commit 00ff61b).

The PHY turns its receive clock against the data by itself, so that no delay is added here: LiteX
runs this board with `rx_delay=0`. It reads its data pins when it leaves reset, as a choice of what
it tells the other end, and wants them high.
"""

DEVICE, PACKAGE, SPEED = "LFE5UM5G-85F", "BG554", "8"
CLOCK, CLOCK_HZ = "K23", 100_000_000
SERIAL_OUT = "R24"  # to the board's USB bridge
LAMP = {"r": "T23", "g": "R21", "b": "T22"}
PHY = {
    "rst": "C13",  # low: reset
    "mdc": "C11",
    "tx_clk": "A12",
    "tx_ctl": "C9",
    "tx_data": "D8 C8 B8 A8",
    "rx_clk": "E11",
    "rx_ctl": "A11",
    "rx_data": "B11 A10 B10 A9",
}
PHY_CLOCK_HZ = 125_000_000  # of a link of one gigabit a second
LEVEL = {"IO_TYPE": "LVCMOS33"}
LAMP_LEVEL = LEVEL | {"PULLMODE": "UP"}
BAUD = 2_000_000
