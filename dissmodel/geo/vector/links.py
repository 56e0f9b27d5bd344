"""Neighbours that a model brings itself, label by label."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dissmodel.errors import InvalidInput, MissingFile, StorageError
from dissmodel.geo.vector.sparse import Neighborhood, distinct, from_links

if TYPE_CHECKING:
    import pandas as pd

Links = Mapping[Any, Iterable[Any]]

_MOST_BYTES = 2**30


def from_given(index: pd.Index, given: Links | str | os.PathLike[str]) -> Neighborhood:
    """Return the neighbours that a mapping, or a JSON file of one, holds.

    Raises
    ------
    ValueError
        If it is neither. As InvalidInput: the file is missing or no JSON object of lists, or a neighbour is
        none of the labels.
    StorageError
        If the file can't be read.
    """
    if isinstance(given, Mapping):
        return linked(index, given)
    if not isinstance(given, (str, os.PathLike)):
        raise ValueError(f"neighbors_dict is a {type(given).__name__}, neither a mapping nor a path.")  # noqa: TRY004  (a published error)
    # All labels are text in JSON.
    return linked(index.map(str), _read(Path(given)))


def linked(index: pd.Index, links: Links) -> Neighborhood:
    """Return the neighbours that a mapping holds; a cell may be its own, and none counts twice.

    >>> import pandas as pd
    >>> linked(pd.Index(["a", "b"]), {"a": ["b", "b"]}).count.tolist()
    [1, 0]
    """
    neighbors = [list(links.get(label, ())) for label in index]
    flat = [label for of_one in neighbors for label in of_one]
    there = index.get_indexer_for(flat)  # type: ignore[arg-type]  # it takes any list
    if (there < 0).any():
        unknown = flat[int(np.argmax(there < 0))]
        raise InvalidInput(
            f"{np.count_nonzero(there < 0)} of {len(flat)} neighbours are not features; "
            f"the first is {unknown!r}.",
            "Check that labels have one type (text or numbers) and come from the same layer.",
        )
    here = np.repeat(np.arange(len(index)), [len(of_one) for of_one in neighbors])
    return from_links(len(index), distinct(here * len(index) + there))


def _read(path: Path) -> Links:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidInput(f"{path} is larger than {_MOST_BYTES} bytes.", "Give a smaller file.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"{path} does not exist.", "Check the path.") from None
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror}.", "Check the rights.") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path} is not JSON: {error}.", "Write it with json.dump.") from error
    if not isinstance(found, dict) or not all(isinstance(of_one, list) for of_one in found.values()):
        raise InvalidInput(
            f"{path} holds no neighbours.", 'Write an object of lists: {"0-0": ["0-1"], "0-1": ["0-0"]}.'
        )
    return {cell: [str(label) for label in of_one] for cell, of_one in found.items()}
