"""What a capture comes to: streams, and op tapes, converted once and replayed from then on."""
