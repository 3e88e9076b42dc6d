"""From a component to files, to a netlist with a clock rate, and to a proof."""
