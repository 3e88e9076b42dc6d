"""Which of several words counts."""
