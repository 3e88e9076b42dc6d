"""Price levels of every instrument."""
