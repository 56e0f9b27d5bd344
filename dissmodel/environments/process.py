"""Where `dissmodel.process` was; nothing new is to import it from here."""

from dissmodel.process import Ended, finished

__all__ = ["Ended", "finished"]
