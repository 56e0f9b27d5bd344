"""Two datasets → a verdict, per band or column; no record is needed."""

from __future__ import annotations

from dissmodel.comparison.datasets import compare
from dissmodel.comparison.verdict import Comparison, Move, Part, Place, Tolerance, Verdict

__all__ = ["Comparison", "Move", "Part", "Place", "Tolerance", "Verdict", "compare"]
