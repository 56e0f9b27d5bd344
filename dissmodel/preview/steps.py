"""The states of a run that were kept as files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

File = TypeVar("File")


def step_files(files: Mapping[str, File]) -> dict[int, File]:
    """Return the files of kept states by step, from those of a result by name.

    >>> step_files({"output": "r.tif", "step_10": "r.step0010.tif"})
    {10: 'r.step0010.tif'}
    """
    found = {re.fullmatch(r"step_(\d{1,9})", name): file for name, file in files.items()}
    return {int(match[1]): file for match, file in found.items() if match}
