"""Two datasets → a verdict, per band or column; no record is needed."""

from __future__ import annotations

from dissmodel.comparison.datasets import compare
from dissmodel.comparison.verdict import ChangedValue, Comparison, Move, Part, Tolerance, Verdict

__all__ = ["ChangedValue", "Comparison", "Move", "Part", "Tolerance", "Verdict", "compare"]
