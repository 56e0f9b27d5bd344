"""Jobs of the service in a Dask cluster and in Slurm, while whatever they need is killed: each ends once."""

import pytest

from faults.test_faults import check, harm
from support.slurm import missing_programs

pytestmark = pytest.mark.slow


def test_twenty_kills_around_a_dask_cluster(tmp_path):
    check(harm(tmp_path / "trial", 1800, queue="sqlite", kills=20, jobs=40, seed=5, engine="dask"), 20)


@pytest.mark.skipif(bool(missing_programs()), reason=f"this machine lacks {', '.join(missing_programs())}")
def test_twenty_kills_around_slurm(tmp_path):
    check(harm(tmp_path / "trial", 1800, queue="sqlite", kills=20, jobs=40, seed=6, engine="slurm"), 20)
