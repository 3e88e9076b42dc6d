"""A packet's walk: capture, messages, books, bars, factors, covariance, risk."""
