"""The whole pipeline, from the pins of two lines to book records."""
