"""What crosses the pins of the ring: AXI4 bursts that write the host's memory."""

ADDRESS = {"addr": 64, "length": 8}  # AW: bytes; beats of the burst, less one
WORD = {"data": 64, "strobe": 8, "last": 1}  # W: one beat, the lowest byte at the lowest address
RESPONSE = {"resp": 2}  # B; errors have the upper bit set

BEATS = 8  # of a record
OUTSTANDING = 8  # bursts that may wait for their response
