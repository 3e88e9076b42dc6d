"""The page of the contract is made of its tables, and leaves none of their lines out."""

from pathlib import Path

import pytest

from tapeout.hdl.card import prose
from tapeout.hdl.card.layout import DECISION_PLACE, ERRORS, REGISTERS, STATISTICS, STATUS
from tapeout.hdl.card.page import page
from tapeout.hdl.pretrade.layout import GLOBAL_LIMITS, LIMITS, Reason
from tapeout.hdl.top.layout import BOOK_RECORD

PAGE = Path(__file__).parents[2] / "docs" / "device.md"


@pytest.mark.skipif(not PAGE.parent.exists(), reason="the docs are not beside the tests")
def test_the_page_says_what_the_tables_say_now():
    said = "docs/device.md is old: run python -m tapeout.hdl.card.page docs/device.md"
    assert PAGE.read_text() == page(), said


def test_every_register_stands_with_its_address_and_fields():
    text = page()
    for name, register in REGISTERS.items():
        rows = [line for line in text.splitlines() if f"| 0x{register.at:03X} | `{name}` |" in line]
        assert len(rows) == 1, name
        if not name.startswith("statistics_"):
            assert all(f"`{field}` " in rows[0] for field in register.fields)
            assert rows[0].endswith(f"| {register.what} |")


def test_every_entry_status_error_counter_and_limit_has_its_words():
    assert list(prose.FIELD) == list(BOOK_RECORD)
    assert list(prose.REMEDY) == list(ERRORS)
    assert set(prose.LIMIT) == set(LIMITS) | set(GLOBAL_LIMITS)
    assert set(prose.COUNTED) == {name for name in STATISTICS if not name.startswith("gate_")}
    text = page()
    for what in (*STATUS.values(), *ERRORS.values(), *prose.REMEDY.values()):
        assert f"| {what} |" in text
    for reason in Reason:
        assert f"{int(reason)} {reason.name}" in text
    for name, (field, bit) in DECISION_PLACE.items():
        assert f"| `{name}` | `{field}` | {bit} and up |" in text


def test_entries_are_drawn_in_whole_bytes():
    assert all(bits % 8 == 0 for bits in BOOK_RECORD.values())
    assert sum(BOOK_RECORD.values()) == 8 * 64
    assert "| 40 | 4 | `price` |" in page()


def test_a_table_has_as_many_cells_in_each_line():
    tables = [line for line in page().splitlines() if line.startswith("|")]
    widths, before = [], None
    for line in tables:
        cells = line.count("|") - 1
        if set(line) <= set("|- "):
            widths.append(cells)
            assert before == cells
        before = cells
    assert len(widths) >= 9
