"""Gateware, the tables it shares with software, and the golden models. Models need no Amaranth."""

if __name__ != "tapeout.hdl":
    raise ImportError(f"the folder hdl/ is the package tapeout.hdl, not {__name__}")
