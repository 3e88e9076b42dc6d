"""The market's vocabulary: books, events, bars, messages."""
