"""Two lines of one feed in, one stream in sequence out."""
