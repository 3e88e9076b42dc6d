"""Everything outside our box, played: the exchange, the wire, the capture, the simulator."""

if __name__ != "tapeout.sim":
    raise ImportError(f"the folder sim/ is the package tapeout.sim, not {__name__}")
