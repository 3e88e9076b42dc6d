"""What crosses the pins of the arbiter beside its streams: which messages it lets through."""

#: Types that change a book, are a trade or a state, or name an instrument. The others are numbered
#: like all, and go no further.
WANTED = frozenset("AFECXDUPQBHIRS")
