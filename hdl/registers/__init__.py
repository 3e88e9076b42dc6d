"""The register window of the card: what its table says, as an AXI4-Lite slave."""
