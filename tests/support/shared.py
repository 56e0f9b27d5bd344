"""The public data beside a checkout, which the project may not hold."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared_file(name):
    """Return the path of a file of the public data; skip the test where it isn't there."""
    if not (DATA / name).exists():
        pytest.skip(f"the public data isn't beside this checkout: ../shared/data/{name}")
    return DATA / name
