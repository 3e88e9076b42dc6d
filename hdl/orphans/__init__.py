"""Orders that wait to replace one that is gone."""
