"""Pages for people: one file each, no address of anything outside it."""
