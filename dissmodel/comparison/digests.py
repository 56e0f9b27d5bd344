"""Compare two results by their content digests, where one of them no longer exists."""

from __future__ import annotations

from dissmodel.comparison.verdict import Comparison, Tolerance, match_names
from dissmodel.record.schema import ContentDigest

_NO_DIGEST = "The bytes differ; without content digests of both, nothing more can be compared."
_NO_COUNT = "A no longer exists: digests show what differs, not where or by how much."


def compare_digests(
    a: ContentDigest | None, b: ContentDigest | None, tolerance: Tolerance | None = None
) -> Comparison:
    """Compare the results in two files of different bytes by their content digests alone.

    Without values there is no ``within-tolerance`` and no `dissmodel.comparison.Part`.

    Parameters
    ----------
    a, b : ContentDigest or None
        None: the file is not a dataset, or nobody digested it.
    tolerance : Tolerance, optional
        What was asked for.

    Examples
    --------
    >>> a, b = (
    ...     ContentDigest(version=1, kind="raster", digest=alt, grid="0", parts={"alt": alt, "uso": "2"})
    ...     for alt in "34"
    ... )
    >>> compare_digests(a, b).verdict, compare_digests(a, b).why[0]
    ('different', "'alt' differs.")
    """
    if a is None or b is None or a.version != b.version:
        return Comparison("different", why=(_NO_DIGEST,), tolerance=tolerance)
    if a.kind != b.kind:
        why = (f"A holds {a.kind} data, B {b.kind} data.",)
        return Comparison("not-comparable", why=why, tolerance=tolerance)
    if a.grid != b.grid:
        what = "grid" if a.kind == "raster" else "number of features or the CRS"
        return Comparison("not-comparable", a.kind, (f"The {what} differs.", _NO_COUNT), (), tolerance)
    if a.digest == b.digest:
        return Comparison("identical-content", a.kind, tolerance=tolerance)
    what = "band" if a.kind == "raster" else "column"
    names, lacking, ordered = match_names(list(a.parts), list(b.parts), what)
    changed = [f"{name!r} differs." for name in names if a.parts[name] != b.parts[name]]
    notes = [] if ordered else [f"The {what}s are in another order."]
    return Comparison("different", a.kind, (*changed, *lacking, *notes, _NO_COUNT), (), tolerance)
