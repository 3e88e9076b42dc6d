"""The market's vocabulary: books, events, bars, prices."""
