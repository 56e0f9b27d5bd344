"""What a program may ask of a run."""

import pytest

from dissmodel.errors import UsageError
from dissmodel.running.prepare import RunRequest


def test_a_seed_below_zero_is_refused():
    assert RunRequest(model="coastal_raster", input="grid.tif", seed=0).seed == 0
    with pytest.raises(UsageError, match="seed=-1"):
        RunRequest(model="coastal_raster", input="grid.tif", seed=-1)
