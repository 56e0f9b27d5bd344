"""What a rule calls whose last bits differ between machines: found in its source, which is not run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from dissmodel.cells.mistakes import tree_of
from dissmodel.executor.findings import Finding

_LIBRARIES = ("math", "numpy", "scipy")
_FUNCTION = re.compile(
    r"exp2?|expm1|log(2|10|1p)?|logaddexp2?|(float_)?power|pow|hypot|cbrt|sinc|(a|arc)?(sin|cos|tan)h?"
    r"|(a|arc)tan2|erfc?|lgamma|expit|logit|softmax|logsumexp"
)
_DRAW = re.compile(
    r"(standard_|log|multivariate_)?normal|randn|gauss|\w+variate|(standard_)?(exponential|gamma)|beta|poisson"
    r"|(negative_)?binomial|geometric|chisquare|weibull|pareto|rayleigh|gumbel|laplace|logistic|dirichlet"
    r"|vonmises|triangular"
)


def findings(rule: Callable[..., object], model: str) -> Iterator[Finding]:
    """Yield a warning that names what a rule, and what it calls in its file, uses, with the lines."""
    lines: dict[str, set[int]] = {}
    for line, what in sorted(_uses(rule)):
        lines.setdefault(what, set()).add(line)
    listed = [
        f"{what} (line{'s' * (len(at) > 1)} {', '.join(map(str, sorted(at)))})" for what, at in lines.items()
    ]
    if listed:
        yield Finding(
            "warning",
            model,
            f"The rule uses {', '.join(listed)}: the last bits of the results differ between machines.",
            "On another machine, compare with a tolerance: dissmodel reproduce RECORD --atol 1e-9",
        )


def _uses(rule: Callable[..., object]) -> Iterator[tuple[int, str]]:
    """Yield each line and what it uses."""
    code = rule.__code__
    tree = tree_of(code.co_filename)
    functions: dict[str, list[ast.FunctionDef]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            functions.setdefault(node.name, []).append(node)
    bound = {"pow", *_bound(tree)}
    seen = [one for one in functions.get(code.co_name, ()) if _first_line(one) == code.co_firstlineno]
    for function in seen:  # which grows
        for node in ast.walk(function):
            seen += [one for one in functions.get(_name(node), ()) if one not in seen]
            what = _inexact(node, bound)
            if what:
                yield node.lineno, what  # type: ignore[attr-defined]  # what is an expression has a line


def _inexact(node: ast.AST, bound: set[str]) -> str:
    """Return what an expression itself uses; empty if nothing."""
    if isinstance(getattr(node, "op", None), ast.Pow):
        numbers = [isinstance(getattr(node, side, None), ast.Constant) for side in ("left", "right")]
        return "" if all(numbers) else "**"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return f".{node.func.attr}()" if _DRAW.fullmatch(node.func.attr) else ""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return _name(node) if _FUNCTION.fullmatch(_name(node)) and _name(root) in bound else ""


def _bound(tree: ast.Module) -> Iterator[str]:
    """Yield the names that imports of the libraries bind."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for one in node.names:
                if (getattr(node, "module", None) or one.name).partition(".")[0] in _LIBRARIES:
                    yield one.asname or one.name.partition(".")[0]


def _first_line(function: ast.FunctionDef) -> int:
    return min([function.lineno, *(one.lineno for one in function.decorator_list)])


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
