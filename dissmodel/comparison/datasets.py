"""Two files → a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dissmodel import progress
from dissmodel.comparison.verdict import Comparison, Layers, Tolerance, judge
from dissmodel.errors import InvalidInput, StorageError
from dissmodel.io.content import may_be_dataset
from dissmodel.io.locate import Located, companions, existing, locate
from dissmodel.record.digest import sha256_file

_NO_DATASET = frozenset({"no_dataset", "no_geometry"})


def compare(
    a: Path, b: Path, tolerance: Tolerance | None = None, *, layers: Layers = (None, None)
) -> Comparison:
    """Compare the results in two files; where they differ, where and by how much.

    The verdict is ``identical-content`` exactly where the digests of `dissmodel.io.content` are equal.

    Parameters
    ----------
    a, b : pathlib.Path
        Local files: rasters or vector layers, zips of one, or any other files, which are compared by their
        bytes.
    tolerance : Tolerance, optional
        Ask for ``within-tolerance``; measured numbers only, see there. It also allows another type of the
        same numbers.
    layers : tuple of (str or None, str or None)
        Which layer or archive member to read, where there are several.

    Returns
    -------
    Comparison
        The verdict, and each band or column.

    Raises
    ------
    InvalidInput
        If a file is missing, damaged, not what its name says, or has several datasets to choose from.
    StorageError
        If one can't be read.
    """
    a, b = existing(a), existing(b)
    progress.current().phase("compare")
    if layers[0] == layers[1] is None and _same_bytes(a, b):
        return Comparison("identical-file", tolerance=tolerance)
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(_located(path, layer)) for path, layer in zip((a, b), layers, strict=True)
        )
        if one is None and other is None:
            why = ("The bytes differ; neither file is a dataset, so nothing more can be compared.",)
            return Comparison("different", why=why, tolerance=tolerance)
        if one is None or other is None:
            which = a if one is None else b
            return Comparison("not-comparable", why=(f"{which} is not a dataset.",), tolerance=tolerance)
        if one.kind != other.kind:
            why = (f"A holds {one.kind} data, B {other.kind} data.",)
            return Comparison("not-comparable", why=why, tolerance=tolerance)
        if one.kind == "raster":
            from dissmodel.comparison.raster import compare_rasters  # noqa: PLC0415  (it loads GDAL)

            return judge("raster", compare_rasters(one, other, tolerance), tolerance)
        from dissmodel.comparison.vector import compare_vectors  # noqa: PLC0415  (only vectors need it)

        return judge("vector", compare_vectors(one, other, tolerance), tolerance)


@contextmanager
def _located(path: Path, layer: str | None) -> Iterator[Located | None]:
    """Find the dataset in a file; None if it holds none."""
    with ExitStack() as stack:
        found = None
        if may_be_dataset(path):
            try:
                found = stack.enter_context(locate(path, layer=layer))
            except InvalidInput as error:
                if error.code not in _NO_DATASET:
                    raise
        yield found


def _same_bytes(a: Path, b: Path) -> bool:
    """Whether the files are the same, and the files that belong to them too, such as a mask."""
    ones, others = _files(a), _files(b)
    try:
        return ones.keys() == others.keys() and all(
            one.stat().st_size == others[end].stat().st_size and sha256_file(one) == sha256_file(others[end])
            for end, one in ones.items()
        )
    except OSError as error:
        raise StorageError(
            f"{error.filename or a} could not be read: {error.strerror or error}.",
            "Check the rights of the file and of its folders.",
        ) from error


def _files(path: Path) -> dict[str, Path]:
    """Return a file and its companions, each by what follows the stem that they share."""
    return {one.name[len(path.stem) :].lower(): one for one in companions(path)} | {"": path}
