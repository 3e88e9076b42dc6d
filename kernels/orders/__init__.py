"""Live orders by reference: in a slot each, or in a ring of buckets; what fits neither, stashed."""
