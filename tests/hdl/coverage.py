"""What the test streams meet of the whole gateware: types, lanes, hazards; lines and toggles.

`make coverage` compiles the feed handler with Verilator's counters, plays every stream of
`tapeout.sim.whole.streams` through it, holds its records to the golden model's, and prints two
tables: what the streams brought, and what each block saw of it. Then the same of the whole card,
whose streams, troubles and orders are those of `tests/host/card_plays.py`; `--card` leaves the feed
handler alone out. `--missed` names what nothing met.
"""

import argparse
import importlib.util
import tempfile
from pathlib import Path

from tapeout.sim.bench.coverage import by_module, covered
from tapeout.sim.whole.functional import Functional
from tapeout.sim.whole.play import model
from tapeout.sim.whole.streams import ROWS, STREAMS

PLAYS = Path(__file__).parents[1] / "host" / "card_plays.py"
SEED = 1
KINDS = ("line", "branch", "toggle")


def met(of, seed=SEED, folder=None):
    """What all streams brought; each is played, held to the model, and covers what it covers."""
    found = Functional()
    for name, make in STREAMS.items():
        stream = make(seed)
        options = {"coverage": folder / f"{name}.dat"} if folder else {}
        made, done = stream.held_to_the_model(of, **options)
        for frame in stream.frames:
            found.frame(frame)
        found.saw(done.plain["met"])
        print(f"{name}: {len(stream.messages):,} messages, {len(made):,} records the model's,"
              f" {done.cycles:,} cycles, seed {seed}")  # fmt: skip
    return found


def told(found, missed):
    """Functional coverage as lines of text."""
    for name, count, of, lacking in found.table():
        yield f"{name:<34} {count:>5} of {of:<5} {100 * count / of:6.1f} %"
        if lacking and missed:
            yield from (f"    not met: {one}" for one in lacking)


def verilator(files, missed):
    """What Verilator counted, a line a block, as lines of text."""
    yield f"{'block':<44}" + "".join(f"{kind:>9}" for kind in KINDS)
    modules = {name.lstrip("\\"): kinds for name, kinds in by_module(*files).items()}
    for name, kinds in (*modules.items(), ("all", covered(*files))):
        said = (f"{kinds[kind].percent:8.1f}%" if kind in kinds else " " * 9 for kind in KINDS)
        yield f"{name:<44}{''.join(said)}"
        for kind in ("line", "branch") if missed and kind_of(kinds) and name != "all" else ():
            yield from (f"    {kind} {place}" for place in kinds[kind].missed)


def card(seed, file):
    """What is played on the whole card, as lines of text; all of it covers what it covers."""
    from tapeout.sim.card.lockstep import Lockstep
    from tapeout.sim.card.world import small

    class Counted(Lockstep):
        make, counted = staticmethod(small), "both"

    spec = importlib.util.spec_from_file_location("card_plays", PLAYS)
    plays = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plays)
    board = Counted()
    for said in plays.everything(board, seed):
        yield f"card: {said}, seed {seed}"
    board.covered(file)
    board.close()


def kind_of(kinds):
    """Whether lines and branches are among what was counted."""
    return {"line", "branch"} <= {*kinds}


def main(arguments=None):
    """Play all streams and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--missed", action="store_true", help="name what nothing met")
    parser.add_argument("--short", action="store_true", help="not what Verilator counts")
    parser.add_argument("--card", action="store_true", help="only of the whole card")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as aside:
        if not asked.card:
            folder = None if asked.short else Path(aside)
            of = model(ROWS, None if asked.short else "both")
            print(*told(met(of, asked.seed, folder), asked.missed), sep="\n")
            if folder:
                print(*verilator([*folder.glob("*.dat")], asked.missed), sep="\n")
        if not asked.short:
            file = Path(aside, "card")
            for said in card(asked.seed, file):
                print(said, flush=True)
            print(*verilator([file], asked.missed), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
