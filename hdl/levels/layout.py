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
