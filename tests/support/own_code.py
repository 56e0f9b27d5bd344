"""Dissmodel's own code, looked at once for all tests, and not for each of their runs anew."""

import functools
from pathlib import Path

import pytest

import dissmodel
from dissmodel.record import identity

ROOT = Path(dissmodel.__file__).parent


@functools.cache
def _observed():
    return {name: getattr(identity, name)(ROOT) for name in ("_of_package", "checkout_of")}


@pytest.fixture(autouse=True)
def own_code(monkeypatch):
    """Runs in this process take dissmodel's modules and checkout as they were; other code they look at."""

    def either(found, observe):
        return lambda root: found if root == ROOT else observe(root)

    for name, found in _observed().items():
        monkeypatch.setattr(identity, name, either(found, getattr(identity, name)))
