"""Random draws, one a cell, that depend on nothing but the seed, the stream, the step and the cell's rank.

The generator is Philox4x64-10 (J. K. Salmon and others, Parallel random numbers: as easy as 1, 2, 3, 2011),
whose output is defined by integers alone. NumPy promises its own conversion to floats for one version only,
so the conversion is done here.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.errors import WrongValue

Floats = NDArray[np.float64]

_WORDS = 4  # of 64 bits, that one block of the generator has
_BLOCK = 2**14  # words that are converted while the processor's cache holds them
_UNUSED_BITS = np.uint64(11)  # a float64 between 0 and 1 has 53 bits
_UNIT = 2.0**-53
_NAMED = 2**63
_MOST = 2**64
_ROUNDS = 10
_FACTORS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


def uniform(seed: int, stream: int, step: int, first: int, count: int) -> Floats:
    """Return the draws of the cells with the ranks `first` to ``first + count - 1``.

    The draw of a cell is the upper 53 bits of a word, times 2**-53: the word ``rank % 4`` of the block that
    ``numpy.random.Philox(key=(seed, stream), counter=(rank // 4, 0, step, 0))`` makes first.

    Parameters
    ----------
    seed, stream, step : int
        0 to 2**64 - 1 each.
    first, count : int
        Places of the cells in visiting order, from 0.

    Returns
    -------
    ndarray of float64, shape (count,)
        At least 0 and less than 1, multiples of 2**-53.

    Raises
    ------
    WrongValue
        If a number is out of its range.

    Examples
    --------
    >>> whole = uniform(1, 0, 7, 0, 10)
    >>> bool(np.all(whole[6:9] == uniform(1, 0, 7, 6, 3)))
    True
    """
    for name, value in (
        ("seed", seed),
        ("stream", stream),
        ("step", step),
        ("first", first),
        ("count", count),
    ):
        if not 0 <= value < _MOST:
            raise WrongValue(f"{name} is {value}.", "Give a whole number from 0 to 2**64 - 1.")
    generator, state = _kept()
    state["state"]["counter"][:] = first // _WORDS, 0, step, 0
    state["state"]["key"][:] = seed, stream
    generator.state = state
    if first % _WORDS:
        generator.random_raw(first % _WORDS, output=False)
    draws = np.empty(count)
    for start in range(0, count, _BLOCK):
        some = draws[start : start + _BLOCK]
        words = generator.random_raw(len(some))
        words >>= _UNUSED_BITS
        np.multiply(words.view(np.int64), _UNIT, out=some)  # signed integers become floats faster
    return draws


def uniform_at(seed: int, stream: int, step: int, ranks: NDArray[np.int64]) -> Floats:
    """Return the draws of the cells with these ranks, which ascend: those of `uniform`, one by one.

    >>> bool(np.all(uniform_at(1, 0, 7, np.array([0, 3, 9])) == uniform(1, 0, 7, 0, 10)[[0, 3, 9]]))
    True
    """
    found = np.empty(len(ranks))
    for start in range(0, len(ranks), _BLOCK):
        some = ranks[start : start + _BLOCK]
        blocks, place = np.unique(some // _WORDS, return_inverse=True)
        words = np.stack(_philox(blocks.astype(np.uint64), step, (seed, stream)))[some % _WORDS, place]
        words >>= _UNUSED_BITS
        np.multiply(words.view(np.int64), _UNIT, out=found[start : start + _BLOCK])
    return found


def _philox(blocks: NDArray[np.uint64], step: int, key: tuple[int, int]) -> list[NDArray[np.uint64]]:
    """Return the four words of blocks of Philox4x64-10, with the constants of its authors."""
    # NumPy's generator counts before it computes a block; no rank is so large that this overflows.
    words = [blocks + np.uint64(1), *(np.full_like(blocks, one) for one in (0, step, 0))]
    for number in range(_ROUNDS):
        keys = [np.uint64((one + number * weyl) % _MOST) for one, weyl in zip(key, _WEYL, strict=True)]
        high_0, low_0 = _product(words[0], _FACTORS[0])
        high_1, low_1 = _product(words[2], _FACTORS[1])
        words = [high_1 ^ words[1] ^ keys[0], low_1, high_0 ^ words[3] ^ keys[1], low_0]
    return words


def _product(words: NDArray[np.uint64], factor: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the upper and the lower 64 bits of products."""
    half, mask = np.uint64(32), np.uint64(2**32 - 1)
    low, high = words & mask, words >> half
    factor_low, factor_high = np.uint64(factor % 2**32), np.uint64(factor >> 32)
    middle = high * factor_low + (low * factor_low >> half)
    across = low * factor_high + (middle & mask)
    return high * factor_high + (middle >> half) + (across >> half), words * np.uint64(factor)


def _kept() -> tuple[np.random.Philox, Any]:
    """Return this thread's generator, and a state of it before its first block: to make one takes longer."""
    if not hasattr(_of_this_thread, "kept"):
        generator = np.random.Philox(0)
        _of_this_thread.kept = generator, generator.state
    kept: tuple[np.random.Philox, Any] = _of_this_thread.kept
    return kept


_of_this_thread = threading.local()


def stream_number(name: str) -> int:
    """Return the number of a named stream: 2**63 and more, so that streams without a name are apart.

    >>> stream_number("spread") == stream_number("spread") != stream_number("die")
    True
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") | _NAMED


def choice(draws: Floats, options: ArrayLike, weights: ArrayLike | None = None) -> NDArray[Any]:
    """Return for each draw one of the options.

    Parameters
    ----------
    draws : ndarray of float64, shape (n,)
        At least 0 and less than 1, as `uniform` returns them.
    options : array-like, shape (k,)
        What is chosen from.
    weights : array-like of numbers, shape (k,) or (k, n), optional
        How often each option is chosen, relative to the others (of all cells, or of each cell); equal
        without them.

    Returns
    -------
    ndarray, shape (n,)
        In the type of the options.

    Raises
    ------
    WrongValue
        If there are no options, the weights have another shape, are negative or not finite, or all are 0.

    Notes
    -----
    The weights are added one at a time; chosen is the first option whose sum is more than the draw times the
    sum of all. That takes sums and products only, so it is the same on every machine.

    Examples
    --------
    >>> choice(np.array([0.0, 0.3, 0.9]), ["stay", "go"], [1, 3]).tolist()
    ['stay', 'go', 'go']
    """
    options = np.asarray(options)
    if options.ndim != 1 or not len(options):
        raise WrongValue(f"There are options of the shape {options.shape}.", "Give a list of at least one.")
    if weights is None:
        # A draw is at most 1 - 2**-53, and its product with a whole number rounds to less than the number.
        return options[(draws * len(options)).astype(np.intp)]
    shares = np.asarray(weights, np.float64)
    if shares.shape not in {options.shape, (len(options), len(draws))}:
        raise WrongValue(
            f"The weights have the shape {shares.shape}, for {len(options)} options and {len(draws)} cells.",
            f"Give {len(options)} numbers, or as many rows with a number for each cell.",
        )
    sums = np.cumsum(shares, axis=0)
    if (
        not np.isfinite(shares).all()
        or (shares < 0).any()
        or not np.all((sums[-1] > 0) & np.isfinite(sums[-1]))
    ):
        raise WrongValue(
            "Some weights are negative or not finite, or all weights of a cell are 0.",
            "Give weights from 0 on, at least one of them more than 0.",
        )
    level = draws * sums[-1]
    chosen = np.zeros(len(draws), np.intp)
    for bound in sums[:-1]:
        chosen += level >= bound
    return options[chosen]
