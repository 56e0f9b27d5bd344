"""The condition that ends a run before its last step."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dissmodel.errors import UsageError, did_you_mean

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_TERM = re.compile(r"\s*([^\s<>=!](?:[^<>=!]*[^\s<>=!])?)\s*(>=|<=|==|!=|>|<)\s*([^\s<>=!]+)\s*")
_LONGEST = 1000
_EXAMPLE = 'until = "built >= 500 and burning == 0"'


@dataclass(frozen=True)
class Until:
    """A condition on the measures of a step; it holds where each of its comparisons does.

    >>> until = Until.parse("built >= 500 and burning == 0")
    >>> until.holds({"built": 600, "burning": 1}), until.holds({"built": 600, "burning": 0})
    (False, True)
    """

    terms: tuple[tuple[str, str, float], ...]

    @classmethod
    def parse(cls, text: str) -> Until:
        """Return the condition that a text is: ``METRIC OPERATOR NUMBER``, several joined by ``and``.

        Raises
        ------
        UsageError
            If the text is no such condition.
        """
        terms = []
        for part in re.split(r"\s+and\s+", text[:_LONGEST]):
            found = _TERM.fullmatch(part)
            number = _number(found[3]) if found is not None else None
            if found is None or number is None or len(text) > _LONGEST:
                raise UsageError(
                    f"until = {text[:80]!r}: {part.strip()[:80]!r} compares no metric with a number.",
                    f"Write METRIC OPERATOR NUMBER: {_EXAMPLE}",
                    code="until",
                )
            terms.append((found[1], found[2], number))
        return cls(tuple(terms))

    def holds(self, measures: Mapping[str, float]) -> bool:
        """Return whether the measures of a step meet the condition.

        Raises
        ------
        UsageError
            If a metric is not among them.
        """
        for name, _, _ in self.terms:
            if name not in measures:
                raise UsageError(
                    f"until: the model measures no {name!r} at a step.",
                    did_you_mean(name, [one for one in measures if one != "step"]),
                    code="until",
                )
        return all(_COMPARE[sign](measures[name], number) for name, sign, number in self.terms)


class EndingSteps:
    """The steps of a run as a ``range`` has them; iterating over them ends once `ended` is set."""

    def __init__(self, steps: range) -> None:
        self.ended = False
        self._steps = steps

    def __iter__(self) -> Iterator[int]:
        for step in self._steps:
            if self.ended:
                return
            yield step

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> int:
        return self._steps[index]

    def __getattr__(self, name: str) -> int:
        return int(getattr(self._steps, name))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
