"""Every planted fault can be planted, and the runner tells a fault caught from one that is not."""

import importlib.util
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("mutate", Path(__file__).with_name("mutate.py"))
mutate = importlib.util.module_from_spec(spec)
sys.modules["mutate"] = mutate
spec.loader.exec_module(mutate)

pytestmark = pytest.mark.skipif(
    not (mutate.ROOT / "setup.py").exists(), reason="the sources are not beside the tests"
)


@pytest.mark.parametrize("mutation", mutate.mutations(), ids=lambda one: one.what)
def test_a_fault_can_be_planted_and_its_test_exists(mutation):
    source = mutate.planted(mutation)
    compile(source, mutation.module, "exec")
    assert source != (mutate.ROOT / mutation.module).read_text()
    file, _, name = mutation.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (mutate.ROOT / file).read_text()


def test_a_text_that_stands_elsewhere_too_is_refused():
    mutation = mutate.mutations()[0]._replace(old="self.i.payload")
    with pytest.raises(ValueError, match=r"must hold 'self.i.payload' once; it holds it \d+ times"):
        mutate.planted(mutation)


@pytest.mark.parametrize(
    ("code", "said", "verdict"),
    [
        (0, "1 passed", "MISSED"),
        (1, "E       AssertionError: x\n1 failed", "caught"),
        (1, "E       assert [1] == [2]\n1 failed", "caught"),
        (1, "E   RuntimeError: o must hold word 3 until it is taken; in cycle 9 it", "caught"),
        (
            1,
            "E       NameError: name 'x' is not defined",
            "not run: NameError: name 'x' is not defined",
        ),
        (2, "E   SyntaxError: invalid syntax", "not run: SyntaxError: invalid syntax"),
        (4, "ERROR: not found: x", "not run: ERROR: not found: x"),
        (-1, "no end within 900 s", "not run: no end within 900 s"),
    ],
)
def test_only_a_test_that_failed_by_what_it_asserts_has_caught_a_fault(code, said, verdict):
    assert mutate.judged(code, said) == verdict


def test_the_table_has_a_line_for_each_fault():
    one = mutate.mutations()[0]
    page = mutate.table([(one, "caught"), (one._replace(what="a | b"), "MISSED")])
    assert "1 of 2 are caught" in page
    assert f"| {one.what} | `{one.test}` | caught |" in page
    assert r"| a \| b |" in page
    assert page.count("\n| ") == 3


#: What must be planted somewhere, in words of the faults.
KINDS = {
    "missing forwarding": "the last result is not recalled",
    "off-by-one byte lane": "one candidate lane too far",
    "lost back-pressure": "messages are taken although records have no place",
    "wrong priority on replace": "an order stays out although its replacement was refused",
    "dropped stale mark": "an order that found no room makes nobody stale",
    "gap not told": "a gap is not published",
    "duplicate delivered": "delivered on one line, not noticed on the other",
    "checksum ignored": "any checksum will do",
    "VLAN offset wrong": "a second tag is not looked behind",
    "overflow not reported": "an order without a place is not told",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_is_planted(kind):
    assert KINDS[kind] in {mutation.what for mutation in mutate.mutations()}
