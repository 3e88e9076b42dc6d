"""`python -m tapeout`."""

from tapeout.cli import main

main()
