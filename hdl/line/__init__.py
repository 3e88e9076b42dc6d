"""One line of the feed: frames in, numbered records out."""
