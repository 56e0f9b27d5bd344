"""The kernels: what computes one step of a coastal model on a cell space. All of them yield the same bits.

=====================  =============================  =====================================
Cell space             NumPy: small runs, no numba    numba: compiled, on several threads
=====================  =============================  =====================================
pixels                 `numpy_pixels.NumpyKernel`     `numba_pixels.NumbaKernel`
cells with neighbours  `numpy_cells.CellsKernel`      `numba_cells.NumbaCellsKernel`
=====================  =============================  =====================================

`step` is their interface, `choice` selects one of them by the size of the run. The rules of a step are
written twice: in `numpy_rules` (classes of cells), and compiled in `numba_flood` (elevations) and
`numba_classes` (land use and soil). `numba_spans` tells what a step may skip, `numba_measures` counts;
`dissmodel.cells.kernel_lanes` and `kernel_build` are about the compiler.

The same bits
-------------
A sum of floats depends on the order of its terms. The order here is the visiting order of the cells that
send water: each cell adds the shares of its neighbours and its own share one at a time, each at its place in
that order. So every cell can be computed alone, on any thread, in any block, with the same result.

- "No share" is -0.0: adding it keeps every bit, also the sign of an elevation of -0.0.
- The elevation outside the space is NaN: every comparison with it is false, so no cell there takes part.
- Elevations are summed as whole numbers (of 2^-50 m), so their sum does not depend on any order.
- fastmath is off: the compiler adds as it is written.

The row pipeline (`numba_pixels`)
---------------------------------
What a cell becomes depends on the state before the step of the cells up to two rows and columns away: its
neighbours' shares, and for each share the heights around that neighbour. Rows are read from north to south,
each of them once. Row k of the old state is kept at place k modulo 4 of small rings of four rows, so the
state itself can be written in place, two rows behind the reading:

    row k - 3   old   its shares go into row k - 2
    row k - 2   mid   written now: land use and soil, elevations, counts
    row k - 1   last  its shares are computed now, from the heights of the rows k - 2, k - 1 and k
    row k       new   read now: heights into the ring, and one byte of traits a cell
    row k + 1         asked for ahead, so that the processor has it in its cache

- Traits: the rules look at a cell once and keep the answers as bits (is under water, may drown, …); what a
  cell becomes is then a few operations on the bytes of nine cells, and a look at its elevation where any.
- Bands: threads share the rows of the space as bands. Before any band begins, each of them copies the two
  rows above it and the two below it (its halo), because other threads overwrite these rows.
- Lanes: eight elevations, or 32 bytes of traits, are one vector. Rows of the rings are padded by cells
  outside the space, and masks select instead of branching.
- A visiting order other than row-major: the nine shares that a cell hears are sorted by the ranks of their
  senders, by a sorting network, before they are added.

What a step skips (`numba_spans`)
---------------------------------
A span is 32 cells of a row. Its flags, the traits that any of its cells has, are kept from step to step, and
before a step they become its marks:

- Water may come where a cell in the span or in the eight around it is under water, even one that lies too low
  to send: it may rise. Elsewhere no elevation changes, but by accretion on mangrove soil.
- Land use or soil may change where a cell may become what a span around sends.
- A span without such a mark, and none around, is not even read. Its flags stay as they are.

Flags hold whatever the elevations and the sea level are, which may fall as well as rise. A span that is read
gets the flags of its cells before the step; where a class changed, all flags, so that the next step looks
again. Totals are those of the step before and the differences in the spans that changed; the first step on a
state counts all of it. So between steps only the kernel may write a state: what others wrote is a new
`CoastalState`.

Cells with neighbours (`numba_cells`)
-------------------------------------
Two passes over ranges of cells, one range a thread. `send` writes the height, the traits and the share of
each cell; when all threads are done, `receive` lets each cell add what its neighbours send. Cells are in
visiting order and the neighbours of each cell ascend, so its own share comes between two of them.
"""
