"""What crosses the pins of the level rows: what one change of one level did to the row it is in."""

#: Levels a row holds.
LEVELS = 8

#: Least significant bits first. `at` is the place of the changed level, best first, `LEVELS` where
#: it is beyond the row; `levels` counts those known; `incomplete` says that deeper ones exist and a
#: refill has not brought them yet; `best_changed` that the best price or its lots did. A side that
#: is empty has zero lots at price zero.
UPDATE = {
    "at": 4,
    "levels": 4,
    "incomplete": 1,
    "best_changed": 1,
    "best_price": 32,
    "best_lots": 32,
    "level_lots": 32,
}

#: One level of a row; what is not `known` is zero.
LEVEL = {"price": 32, "lots": 32, "known": 1}

ROW_BITS = 9

#: Asked of a row by the refill. `look`: show it, and watch from now on whether what lies beyond it
#: changes. `append`: this level comes next; `none`: no level does; neither counts if what lies
#: beyond has changed since the look. `overflowed`: the lots are wrong, they needed more bits.
REFILL = {
    "row": ROW_BITS,
    "look": 1,
    "append": 1,
    "none": 1,
    "overflowed": 1,
    "price": 32,
    "lots": 32,
}


def row_of(instrument: int, side: int) -> int:
    """Where the row of one side of one instrument is; `side` is 1 for asks."""
    return 2 * instrument + side
