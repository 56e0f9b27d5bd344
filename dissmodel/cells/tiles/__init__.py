"""A raster that is larger than memory: its arrays lie in files, and steps are done tile by tile.

A tile is a number of whole rows. A round advances every tile by several steps: its rows are read with a halo,
as many rows above and below as the steps can see, and its own rows are written to files that the next round
reads. After a round a journal says which files hold the state, so that a run that was killed goes on there.

- `plan` chooses rows and steps by the memory that is given, `examine` finds out whether a rule can be run so;
- `files` has the arrays, `folder` where they lie, `journal` what of them is finished;
- `task` is the unit of work, `advance_tile(task) -> Done`: a function of paths and numbers that any process
  on the same disk can call;
- `rule` is what a tile does with the rule of a model, on the cells of `space`, and `measures` what is
  measured, in parts that add up to the bits of the whole;
- `run` does the rounds.
"""
