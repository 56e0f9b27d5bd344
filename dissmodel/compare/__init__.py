"""Two datasets → a verdict, per band or column; no record is needed."""

from __future__ import annotations

from dissmodel.compare.datasets import compare
from dissmodel.compare.verdict import Comparison, Move, Part, Place, Tolerance, Verdict

__all__ = ["Comparison", "Move", "Part", "Place", "Tolerance", "Verdict", "compare"]
