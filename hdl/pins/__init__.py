"""What stands for the pins of a block that is placed alone."""
