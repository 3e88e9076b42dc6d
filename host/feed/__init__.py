"""Sources of events: captures and message files, read into records."""
