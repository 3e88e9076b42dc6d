"""What a gigabit PHY brings: a byte a cycle, between frames its state (RGMII 2.0; IEEE 802.3-2018).

RGMII 2.0 brings the low half of a byte on the rising edge of its clock and the high half on the
falling one, and with them whether there is a byte (RX_DV), and whether that differs from whether it
is bad (RX_ER). At 125 MHz that is a gigabit a second.
"""

#: In front of each frame (IEEE 802.3, 3.2.1 and 3.2.2); a PHY may swallow some of the first.
PREAMBLE, START = 0x55, 0xD5
#: Behind each frame: a CRC-32 of all its bytes, lowest byte first (3.2.9).
FCS_BYTES = 4
#: A frame with fewer bytes, those of the check counted, is a fragment (4.2.3.3).
LEAST_BYTES = 64

#: The polynomial of 3.2.9, bits reversed: the first bit on the wire is the lowest of a byte.
POLYNOMIAL = 0xEDB88320
#: What the register holds behind every frame with a right check, before it is inverted.
RESIDUE = 0xDEBB20E3

#: What the PHY brings between frames (RGMII 2.0), least significant bits first: whether
#: there is a link, its clock (0: 2.5 MHz, 1: 25 MHz, 2: 125 MHz), full duplex.
STATUS = {"link": 1, "clock": 2, "duplex": 1}
GIGABIT = 2
