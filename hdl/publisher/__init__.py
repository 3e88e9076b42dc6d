"""What the pipeline found out, as 64-byte book records."""
