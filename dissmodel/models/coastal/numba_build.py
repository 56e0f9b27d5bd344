"""How functions are compiled: options that keep every bit, and a cache folder of our own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from llvmlite import ir
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])
OPTIONS = {"_nrt": False, "nogil": True, "fastmath": False, "error_model": "numpy"}


def inlined(function: F) -> F:
    return cast("F", numba.njit(**OPTIONS)(function))


def cached(function: F) -> F:
    return cast("F", numba.njit(cache=False, **OPTIONS)(function))


@intrinsic
def bits_of(_typing: Any, number: Any) -> Any:
    """Return the bits of a float64 as an int64."""
    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))
    return numba.types.int64(number), code
