"""Arrivals that excite each other: a Hawkes process with an exponential kernel, in integers.

Each event has Poisson(n) children, n the branching ratio, each of which follows after an
exponential time of rate beta; events without a parent come at rate mu (A. Hawkes and D. Oakes, "A
cluster process representation of a self-exciting process", Journal of Applied Probability 11
(1974), 493-503). The exponential forgets: of the children still to come only the number matters,
so the process is simulated exactly, one event at a time, without the intensity's real numbers.
"""

from fractions import Fraction
from math import factorial

import numpy as np

from tapeout.kernels._jit import jit
from tapeout.kernels.tape.record import Ints
from tapeout.sim.draws import Words

PER_MILLE = 1_000
BRANCHING_PER_MILLE, DECAY_HZ = 600, 50_000
FRACTION_BITS = 16  # of a unit exponential, and of a nanosecond
NS_MHZ = 10**12  # nanoseconds a period of one millihertz
#: A word's bits: a run of zeros, where in its octave, child or newcomer, how many children.
RUN_BITS, CELL_BITS, BORN_BITS, CHILDREN_BITS = 20, 10, 17, 17
CELL_AT, BORN_AT = RUN_BITS, RUN_BITS + CELL_BITS
CHILDREN_AT = BORN_AT + BORN_BITS
MOST_CHILDREN = 24
NOW, UNBORN = range(2)


def minus_log(p: int, q: int, bits: int) -> int:
    """-ln(p / q) times 2 ** bits, 1/2 <= p / q <= 1: twice the area tangent's series, exactly."""
    one = 1 << bits + 48
    z = one * (q - p) // (q + p)
    total, power, odd = 0, z, 1
    while power:
        total, power, odd = total + power // odd, power * z // one * z // one, odd + 2
    return (2 * total + (1 << 47)) >> 48


LN2 = minus_log(1, 2, FRACTION_BITS)
#: Minus the logarithm in the middle of each cell of [1/2, 1).
CELLS = np.array(
    [
        minus_log(2 * (1 << CELL_BITS) + 2 * cell + 1, 4 << CELL_BITS, FRACTION_BITS)
        for cell in range(1 << CELL_BITS)
    ],
    np.int64,
)


def poisson(mean: Fraction, bits: int) -> Ints:
    """Where a draw of `bits` bits passes from k to k + 1, for k = 0, 1, ..., (MOST_CHILDREN,)."""
    minus_exp = sum(((-mean) ** k / factorial(k) for k in range(64)), Fraction(0))
    below, out = Fraction(0), []
    for k in range(MOST_CHILDREN):
        below += minus_exp * mean**k / factorial(k)
        out.append(int(below * (1 << bits) + Fraction(1, 2)))
    return np.array([*out[:-1], 1 << bits], np.int64)


@jit
def arrivals(
    state: Ints, mu_mhz: int, beta_mhz: int, children: Ints, draws: Words, out: Ints
) -> None:
    """The times of the next events, in ns, one a word of `draws` (E,).

    `state` (2,) is now, in 1/65,536 ns, and how many children are still to come.
    """
    now, unborn = state[NOW], state[UNBORN]
    for event in range(out.size):
        word = np.int64(draws[event] & np.uint64((1 << CHILDREN_AT) - 1))
        zeros = 0
        while zeros < RUN_BITS and word >> zeros & 1 == 0:
            zeros += 1
        wait = zeros * LN2 + CELLS[word >> CELL_AT & (1 << CELL_BITS) - 1]
        rate = mu_mhz + unborn * beta_mhz
        now += wait * NS_MHZ // rate
        if (word >> BORN_AT) * rate >> BORN_BITS < unborn * beta_mhz:
            unborn -= 1
        draw = np.int64(draws[event] >> np.uint64(CHILDREN_AT))
        more = 0
        while draw >= children[more]:
            more += 1
        unborn += more
        out[event] = now >> FRACTION_BITS
    state[NOW], state[UNBORN] = now, unborn


class Hawkes:
    """A stream of arrival times, block by block.

    Parameters
    ----------
    mean_mhz : int
        Events in 1,000 seconds, in the long run: mu / (1 - n).
    start_ns : int
        When the process begins, with no children to come; below 2**46.
    branching_per_mille : int
        n, how many children an event has on average, in 1/1,000; 0 (Poisson) to 950.
    decay_hz : int
        beta, how fast an event's excitement is over.
    """

    def __init__(
        self,
        mean_mhz: int,
        start_ns: int = 0,
        branching_per_mille: int = BRANCHING_PER_MILLE,
        decay_hz: int = DECAY_HZ,
    ) -> None:
        if not 0 <= branching_per_mille <= 950:
            raise ValueError(f"branching_per_mille must be 0 to 950; got {branching_per_mille}")
        self._mu_mhz = max(mean_mhz * (PER_MILLE - branching_per_mille) // PER_MILLE, 1)
        self._beta_mhz = 1_000 * decay_hz
        self._children = poisson(Fraction(branching_per_mille, PER_MILLE), CHILDREN_BITS)
        self._state = np.array([start_ns << FRACTION_BITS, 0], np.int64)

    def times(self, draws: Words) -> Ints:
        """When the next events come, in ns, never running back; one for each word."""
        out = np.zeros(draws.size, np.int64)
        arrivals(self._state, self._mu_mhz, self._beta_mhz, self._children, draws, out)
        return out
