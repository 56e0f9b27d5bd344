"""Warnings for a user, kept until they are reported."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from dissmodel.errors import DissmodelWarning


@contextmanager
def keeping_warnings(told: list[str]) -> Iterator[None]:
    """Add what the block warns a user of to `told`; other warnings are raised again.

    >>> told = []
    >>> with keeping_warnings(told):
    ...     warnings.warn("mind the tide", DissmodelWarning, stacklevel=1)
    >>> told
    ['mind the tide']
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DissmodelWarning)
        yield
    for warning in caught:
        if issubclass(warning.category, DissmodelWarning):
            told.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
