"""Faults planted where blocks are joined, and in what they tell, and the test that catches each."""

NET, TOP = "hdl/net/gateware.py", "hdl/top/gateware.py"
BOOKS, PUBLISHER = "hdl/books/gateware.py", "hdl/publisher/gateware.py"
WHOLE = "tests/hdl/test_feed_handler.py::test_"
AWAY = WHOLE + "a_host_that_looks_away_loses_frames_and_is_told"
LOSSY = WHOLE + "what_one_line_has_is_delivered_and_what_none_has_is_told[0]"
RECORDS = "tests/hdl/test_books.py::test_records_are_the_models[amaranth-0.5]"
FULL = "tests/hdl/test_books.py::test_a_full_table_loses_orders_and_says_so"

#: Module, what is broken, its text, the text instead, the test that fails.
MUTATIONS = [
    (
        BOOKS,
        "messages are taken although records have no place",
        "hold.eq(~(self.publisher.room & ",
        "hold.eq(~(",
        AWAY,
    ),
    (
        TOP,
        "words are let in although their messages have no place",
        "messages.level <= MESSAGES - ON_THE_WAY",
        "messages.level <= MESSAGES",
        AWAY,
    ),
    (
        PUBLISHER,
        "a gap is not published",
        "(due.off & aside.tells)",
        "(due.off & aside.tells & ~aside.front.gap)",
        LOSSY,
    ),
    (
        PUBLISHER,
        "an order without a place is not told",
        "printing | due.level | due.full |",
        "printing | due.level |",
        FULL,
    ),
    (
        PUBLISHER,
        "what a replace brings in is told as what it takes out",
        "order = (due.level & ~due.enters)",
        "order = due.level",
        RECORDS,
    ),
    (
        PUBLISHER,
        "messages lost make nobody stale",
        "lost.eq(lost | gap)",
        "lost.eq(0)",
        LOSSY,
    ),
    (
        NET,
        "any checksum will do",
        'found["bad_checksum"] &= ~intact',
        'found["bad_checksum"] &= 0',
        "tests/hdl/test_line.py::test_a_frame_is_counted_for_what_is_wrong_with_it[bad_checksum]",
    ),
]
