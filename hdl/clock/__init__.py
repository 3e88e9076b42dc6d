"""The card's clock: nanoseconds, at a rate and from a start that the host sets."""
