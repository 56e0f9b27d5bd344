"""A model of cells is its fields, its parameters and its rule; the kit does the rest."""

from dissmodel.cells.fields import Classes, Numbers, Parameter
from dissmodel.cells.model import CellModel
from dissmodel.cells.space import CellSpace

__all__ = ["CellModel", "CellSpace", "Classes", "Numbers", "Parameter"]
