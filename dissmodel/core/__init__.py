"""The clock and the components that it ticks."""

from dissmodel.core.environment import Environment
from dissmodel.core.model import Model

__all__ = ["Environment", "Model"]
