"""How values come onto cells; a module of its own, because requests name the methods and load no NumPy."""

from __future__ import annotations

from typing import Literal

Method = Literal["nearest", "bilinear", "mode", "average"]
"""How values come onto cells that are not the same; see `dissmodel.io.onto.onto`."""

EXACT = "exact"
"""What a record has instead of a method, where the cells are the same."""
