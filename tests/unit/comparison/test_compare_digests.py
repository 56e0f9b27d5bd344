import pytest

from dissmodel.comparison.digests import compare_digests
from dissmodel.record import ContentDigest


def digest(*, kind="raster", grid="g", version=1, **parts):
    parts = parts or {"uso": "1", "alt": "2"}
    return ContentDigest(version=version, kind=kind, grid=grid, parts=parts, digest=f"{grid}{parts}")


def test_one_content_in_other_bytes():
    assert ("identical-content", ()) == (
        compare_digests(digest(), digest()).verdict,
        compare_digests(digest(), digest()).why,
    )


@pytest.mark.parametrize(
    ("other", "verdict", "why"),
    [
        (digest(uso="1", alt="3"), "different", "'alt' differs."),
        (digest(uso="1"), "different", "B has no band 'alt'."),
        (digest(alt="2", uso="1"), "different", "The bands are in another order."),
        (digest(grid="h"), "not-comparable", "The grid differs."),
        (digest(kind="vector"), "not-comparable", "A holds raster data, B vector data."),
        (digest(version=2), "different", "without content digests of both"),
        (None, "different", "without content digests of both"),
    ],
)
def test_what_differs_is_said_as_far_as_digests_know(other, verdict, why):
    found = compare_digests(digest(), other)

    assert (verdict, ()) == (found.verdict, found.parts)
    assert why in found.why[0]
