"""Live orders by their reference, in block RAM."""
