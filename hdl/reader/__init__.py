"""One line as the arbiter reads it: what stands at its head, against the number waited for."""
