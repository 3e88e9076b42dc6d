"""Random numbers by counting: the same seed gives the same integers on every backend and shard.

Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section
3.3). A draw is a pure function of where it is wanted, so scenarios can be made in any order, on any
number of shards. The layout, for good: key = (seed low, seed high), counter = (path low, path high,
dimension // 4, stream); the four words serve dimensions 4 d to 4 d + 3.
"""

from typing import Any

from tapeout.kernels._kernel import Array, array_namespace, kernel

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = 0xFFFFFFFF
TO_UNIT = 2.0**-32
TAU = 6.283185307179586


def philox(xp: Any, counter: tuple[Array, ...], seed: int) -> tuple[Array, ...]:
    """Four uint64 arrays of 32-bit words for four of counters (uint64, below 2**32)."""
    a, b, c, d = counter
    mask, shift = xp.uint64(MASK), xp.uint64(32)
    low, high = seed & MASK, seed >> 32 & MASK
    for _ in range(ROUNDS):
        left, right = a * xp.uint64(MULTIPLIERS[0]), c * xp.uint64(MULTIPLIERS[1])
        a, b, c, d = (
            right >> shift ^ b ^ xp.uint64(low),
            right & mask,
            left >> shift ^ d ^ xp.uint64(high),
            left & mask,
        )
        low, high = low + WEYL[0] & MASK, high + WEYL[1] & MASK
    return a, b, c, d


def box_muller(xp: Any, radius_word: Array, angle_word: Array) -> tuple[Array, Array]:
    """Two independent standard normals from two 32-bit words.

    G. Box and M. Muller, "A note on the generation of random normal deviates", Annals of
    Mathematical Statistics 29 (1958), 610-611. Words are taken at the middle of their cell, so the
    largest deviate is 6.76.
    """
    radius = xp.sqrt(-2.0 * xp.log((radius_word.astype(xp.float64) + 0.5) * TO_UNIT))
    angle = TAU * ((angle_word.astype(xp.float64) + 0.5) * TO_UNIT)
    return radius * xp.cos(angle), radius * xp.sin(angle)


def four_normals(xp: Any, paths: Array, block: int, seed: int, stream: int) -> tuple[Array, ...]:
    """Standard normals of dimensions 4 `block` to 4 `block` + 3 for each of `paths` (P,) uint64."""
    ones = xp.ones_like(paths)
    counter = (paths & xp.uint64(MASK), paths >> xp.uint64(32), ones * block, ones * stream)
    words = philox(xp, counter, seed)
    return *box_muller(xp, words[0], words[1]), *box_muller(xp, words[2], words[3])


@kernel(static=("dimensions", "seed", "stream"))
def normals(paths: Array, *, dimensions: int, seed: int, stream: int = 0) -> Array:
    """Standard normals of the numbered paths.

    Parameters
    ----------
    paths : (P,) uint64
        Which scenarios: any numbers, in any order.
    dimensions : int
        D, how many normals each scenario needs.
    seed : int
        Up to 64 bits.
    stream : int
        Up to 32 bits; another stream of the same seed is independent.

    Returns
    -------
    (P, D) float64
    """
    xp = array_namespace(paths)
    columns: list[Array] = []
    for block in range(-(-dimensions // 4)):
        columns += four_normals(xp, paths, block, seed, stream)
    return xp.stack(columns[:dimensions], axis=1)
