"""Records that wait for the ring, and the telling of those that found no place."""
