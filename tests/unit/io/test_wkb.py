"""WKB in one form, whatever holds the coordinate and wherever it lies; shapely writes what is expected."""

import math
import struct

import numpy as np
import pytest
import shapely

from dissmodel.io import vector_write
from dissmodel.io.content_vector import canonical_wkbs

TEXTS = (
    # Those of one and of several parts: the coordinates begin elsewhere in each.
    "POINT (1 2)",
    "LINESTRING (1 2, 3 4, 5 6)",
    "POLYGON ((0 0, 9 1, 9 9, 0 0))",
    "POLYGON ((0 0, 9 1, 9 9, 0 0), (1 1, 2 2, 1 2, 1 1), (3 3, 4 4, 3 4, 3 3))",
    "MULTIPOINT (1 2)",
    "MULTIPOINT (1 2, 3 4, 5 6)",
    "MULTILINESTRING ((1 2, 3 4))",
    "MULTILINESTRING ((1 2, 3 4), (5 6, 7 8), (9 1, 2 3))",
    "MULTIPOLYGON (((0 0, 9 1, 9 9, 0 0)))",
    "MULTIPOLYGON (((0 0, 9 1, 9 9, 0 0), (1 1, 2 2, 1 2, 1 1)))",
    "MULTIPOLYGON (((0 0, 9 1, 9 9, 0 0)), ((1 1, 2 2, 1 2, 1 1), (3 3, 4 4, 3 4, 3 3)))",
    "GEOMETRYCOLLECTION (POINT (1 2), POLYGON ((0 0, 9 1, 9 9, 0 0)), MULTIPOINT (3 4, 5 6))",
    "GEOMETRYCOLLECTION (GEOMETRYCOLLECTION (LINESTRING (1 2, 3 4)))",
    "POLYGON EMPTY",
    "GEOMETRYCOLLECTION EMPTY",
)
ODD = {
    bytes(7) + b"\x80": bytes(8),  # -0.0
    **{
        bits.to_bytes(8, "little"): struct.pack("<d", math.nan)
        for bits in (0xFFF8 << 48, 0x7FF8000000000001, 0xFFF0000000000001)
    },
}


@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("text", TEXTS)
def test_each_coordinate_is_found(text, depth, flavor):
    # A third more, so that no other eight bytes are those of a coordinate.
    shape = shapely.transform(shapely.from_wkt(text), lambda xy: xy + 1 / 3)
    shape = shapely.force_3d(shape, z=5 + 1 / 7) if depth == 3 else shape
    written = {
        one: shapely.to_wkb(shape, byte_order=1, output_dimension=depth, flavor=one)
        for one in (flavor, "iso")
    }
    given, expected = [b"", written[flavor]], [b"", written["iso"]]
    for value in np.unique(shapely.get_coordinates(shape, include_z=depth == 3)):
        for odd, plain in ODD.items():
            given.append(written[flavor].replace(struct.pack("<d", value), odd))
            expected.append(written["iso"].replace(struct.pack("<d", value), plain))

    found = canonical_wkbs(given)

    assert expected == found
    assert found == canonical_wkbs(found)


SQUARES = shapely.box([0, 1, 2], [0.5, -0.0, 1], [1, 2, 3], [1, 2, 4])


@pytest.mark.parametrize(
    ("geometries", "alike"),
    [
        (SQUARES, True),
        (SQUARES[::-1], True),
        (shapely.transform(SQUARES, lambda xy: xy * [1, 3e300]), True),
        (shapely.force_3d(SQUARES, 7), False),
        (np.array([*SQUARES, None]), False),
        (np.array([*SQUARES, shapely.Polygon()]), False),
        (np.array([*SQUARES, shapely.from_wkt(TEXTS[2])]), False),
        (np.array([*SQUARES, shapely.MultiPolygon([SQUARES[0]])]), False),
        (np.array([shapely.from_wkt(TEXTS[3])] * 2), False),
    ],
)
def test_cells_become_wkb_together_and_as_shapely_writes_them(monkeypatch, geometries, alike):
    expected, made, own = shapely.to_wkb(geometries, flavor="iso").tolist(), [], shapely.to_wkb
    monkeypatch.setattr(shapely, "to_wkb", lambda *given, **options: made.append(1) or own(*given, **options))
    pyarrow = pytest.importorskip("pyarrow")

    found = vector_write._wkb(geometries, pyarrow)

    assert (expected, alike) == (found.to_pylist(), not made)
