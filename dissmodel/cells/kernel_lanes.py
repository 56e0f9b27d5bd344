"""Instructions of the processor that numba has no function for; for compiled functions only.

Lanes are neighbouring cells of a row that one instruction computes at once: eight float64, or 32 bytes. The
compiler makes such vectors of a loop by itself, but it first tests whether the arrays overlap, and that takes
longer than a short loop.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 8
"""How many float64 are computed at once."""

SPAN = 32
"""How many bytes are computed at once, and how many cells of a row are skipped or computed together."""

_compiled: Callable[[Any], Any] = cast("Any", intrinsic)


class Lanes(types.Type):
    """Values of one kind, one a cell."""

    def __init__(self, kind: types.Type, size: int) -> None:
        self.kind, self.size = kind, size
        super().__init__(name=f"Lanes({kind}, {size})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        vector = ir.VectorType(manager[lanes.kind].get_value_type(), lanes.size)
        super().__init__(manager, lanes, vector)  # type: ignore[no-untyped-call]


def _lanes(kind: Any) -> Lanes:
    return Lanes(kind, LANES if kind == types.float64 else SPAN)


def _let(operation: Any, instruction: str, *how: str) -> None:
    """Let compiled functions apply an operator to two lanes; a comparison (`how`) yields a mask."""

    @infer_global(operation)  # type: ignore[no-untyped-call]
    class _Template(AbstractTemplate):
        def generic(self, arguments: Any, _keywords: Any) -> Any:
            lanes = arguments[0]
            if not isinstance(lanes, Lanes) or arguments[-1] != lanes:
                return None
            result = Lanes(types.boolean, lanes.size) if how else lanes
            return signature(result, *arguments)  # type: ignore[no-untyped-call]

    @lower_builtin(operation, Lanes, Lanes)  # type: ignore[no-untyped-call, untyped-decorator]
    def _lower(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return getattr(builder, instruction)(*how, *values)


_let(operator.add, "fadd")
_let(operator.truediv, "fdiv")
_let(operator.le, "fcmp_ordered", "<=")
_let(operator.lt, "fcmp_ordered", "<")
_let(operator.or_, "or_")
_let(operator.and_, "and_")
_let(operator.lshift, "shl")


def _pointer(context: Any, builder: Any, kinds: Any, values: Any, target: Any) -> Any:
    """Return where a cell of a row is."""
    array = context.make_array(kinds[0])(context, builder, values[0])
    return builder.bitcast(builder.gep(array.data, [values[1]]), target.as_pointer())


@_compiled
def load(_typing: Any, row: Any, cell: Any) -> Any:
    """Return the lanes of a row from a cell on."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        pointer = _pointer(context, builder, sig.args, values, context.get_value_type(sig.return_type))
        return builder.load(pointer, align=row.dtype.bitwidth // 8)

    return _lanes(row.dtype)(row, cell), generate


@_compiled
def store(_typing: Any, row: Any, cell: Any, lanes: Any) -> Any:
    """Write lanes to a row from a cell on."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        pointer = _pointer(context, builder, sig.args, values, values[2].type)
        builder.store(values[2], pointer, align=row.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(row, cell, lanes), generate


@_compiled
def lowest_bits(_typing: Any, row: Any, cell: Any) -> Any:
    """Return the lowest bits of `LANES` bytes of a row from a cell on, as a mask."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        pointer = _pointer(context, builder, sig.args, values, ir.VectorType(ir.IntType(8), LANES))
        return builder.trunc(builder.load(pointer, align=1), context.get_value_type(sig.return_type))

    return Lanes(types.boolean, LANES)(row, cell), generate


@_compiled
def fetch(_typing: Any, row: Any, cell: Any) -> Any:
    """Ask for the cache line of a cell."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        number = ir.IntType(32)
        pointer = _pointer(context, builder, sig.args, values, ir.IntType(8))
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(ask, [pointer, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.none(row, cell), generate


@_compiled
def where(_typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """Return the lanes of `yes` where the mask is set and those of `no` elsewhere."""

    def generate(_context: Any, builder: Any, _sig: Any, values: Any) -> Any:
        return builder.select(*values)

    return yes(mask, yes, no), generate


@_compiled
def all_of(_typing: Any, value: Any) -> Any:
    """Return lanes of one value, a float64 or a byte."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        vector = context.get_value_type(sig.return_type)
        single = builder.insert_element(vector(ir.Undefined), values[0], ir.IntType(32)(0))
        return builder.shuffle_vector(single, single, ir.VectorType(ir.IntType(32), vector.count)(None))

    return _lanes(value)(value), generate


@_compiled
def together(_typing: Any, lanes: Any) -> Any:
    """Return the bits that any of some bytes has, or whether any of a mask is set."""

    def generate(_context: Any, builder: Any, _sig: Any, values: Any) -> Any:
        vector = values[0].type
        name = f"llvm.vector.reduce.or.v{vector.count}{vector.element.intrinsic_name}"
        kind = ir.FunctionType(vector.element, [vector])
        return builder.call(builder.module.declare_intrinsic(name, (), kind), values)

    return lanes.kind(lanes), generate


@_compiled
def bits_of(_typing: Any, number: Any) -> Any:
    """Return the bits of a float64 as an int64."""

    def generate(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(sig.return_type))

    return types.int64(number), generate
