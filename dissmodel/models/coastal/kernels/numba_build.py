"""Instructions of the processor that numba has no function for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.extending import intrinsic


def _fetch(_typing: Any, row: Any, cell: Any) -> Any:
    """Ask for the cache line of a cell; for compiled functions only."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(ask, [pointer, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return numba.types.none(row, cell), generate


fetch: Callable[[Any, int], None] = cast("Any", intrinsic)(_fetch)


def _bits_of(_typing: Any, number: Any) -> Any:
    """Return the bits of a float64 as an int64; for compiled functions only."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return numba.types.int64(number), generate


bits_of: Callable[[Any], Any] = cast("Any", intrinsic)(_bits_of)
