"""Random numbers of cells: Philox4x64-10, a draw for each place in the visiting order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORDS = 4


def uniform(seed: int, stream: int, step: int, first: int, count: int) -> NDArray[np.float64]:
    """Return the draws from 0 to 1 (without 1) of the ranks `first` and up, float64, shape (count,).

    The key is (seed, stream), the counter (rank // 4, 0, step, 0) as `numpy.random.Philox` takes it, and the
    word rank % 4; its upper 53 bits are the draw's.
    """
    bits = np.random.Philox(
        key=np.array([seed, stream], np.uint64), counter=np.array([first // _WORDS, 0, step, 0], np.uint64)
    )
    raw = bits.random_raw(first % _WORDS + count)[first % _WORDS :]
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
