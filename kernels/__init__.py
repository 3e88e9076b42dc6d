"""Arrays in, arrays out: the numerics, and the CPU twin of the gateware."""

if __name__ != "tapeout.kernels":
    raise ImportError(f"the folder kernels/ is the package tapeout.kernels, not {__name__}")
