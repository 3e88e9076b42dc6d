"""What moves together and what comes next: factors over panels of bars."""
