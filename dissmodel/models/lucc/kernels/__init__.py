"""The loops over cells: `numpy_kernel` and `numba_kernel` yield the same bits, `loops` serves both.

A sum over cells is sequential in visiting order, so it has one order of terms on any number of threads;
threads share classes, not cells.
"""
