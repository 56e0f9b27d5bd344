"""The draws of the kit by their definition: NumPy's Philox, one block for each cell."""

import numpy as np


def draw(seed, step, rank, stream=0):
    """Return the draw of the cell with this place in visiting order: the upper 53 bits of its word."""
    block = np.random.Philox(key=[seed, stream], counter=[rank // 4, 0, step, 0]).random_raw(4)
    return float(int(block[rank % 4]) >> 11) / 2**53
