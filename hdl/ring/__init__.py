"""The ring of records in the host's memory, and who writes it."""
