"""Op tapes: a capture converted once, and any instrument of it replayed from then on."""
