import numpy as np
import pytest

from dissmodel.comparison.tally import MAX_CLASSES, MOST_MOVES, ChangeTally, Values
from dissmodel.comparison.verdict import ChangedValue, Move, Tolerance
from dissmodel.errors import UsageError


def part(a, b, *, rtol=None, atol=None, missing=((), ()), classes=()):
    """Return what is counted between two lists of numbers; `missing` are positions without a value."""
    sides = []
    for numbers, gone in zip((a, b), missing, strict=True):
        values = np.asarray(numbers)
        mask = np.zeros(values.shape, dtype=bool)
        mask[list(gone)] = True
        sides.append(Values(values, mask))
    asked = rtol is not None or atol is not None
    tolerance = Tolerance(rtol or 0.0, atol or 0.0, frozenset(classes)) if asked else None
    tally = ChangeTally(tolerance, "x")
    tally.add(*sides, int)
    return tally.part("x", (sides[0].numbers.dtype.name, sides[1].numbers.dtype.name), at)


def at(position):
    return ChangedValue(None, None, feature=position)


def test_what_canonical_numbers_are_is_no_change():
    other_nan = np.array([0x7FF8000000000123], np.uint64).view(np.float64)[0]

    assert 0 == part([np.nan, -0.0, np.inf], [other_nan, 0.0, np.inf]).changed
    assert 0 == part([7.0, 1.0], [-9999.0, 1.0], missing=([0], [0])).changed


@pytest.mark.parametrize(
    ("a", "b", "missing"),
    [
        ([1.0], [np.nextafter(1.0, 2)], ([], [])),
        ([1.0], [np.nan], ([], [])),
        ([np.inf], [-np.inf], ([], [])),
        ([1.0], [1.0], ([0], [])),
        ([1.0], [1.0], ([], [0])),
        ([np.nan], [np.nan], ([], [0])),
        ([2**53], [2**53 + 1], ([], [])),
    ],
)
def test_every_other_one_is_a_change(a, b, missing):
    found = part(a, b, missing=missing)

    assert (1, "different") == (found.changed, found.verdict)


# |a - b| <= atol + rtol * |b|, with numbers that floats hold exactly.
@pytest.mark.parametrize(
    ("a", "b", "rtol", "atol", "beyond"),
    [
        (1.5, 1.0, 0.0, 0.5, 0),
        (np.nextafter(1.5, 2), 1.0, 0.0, 0.5, 1),
        (3.0, 2.0, 0.5, 0.0, 0),  # 1 <= 0.5 * 2
        (2.0, 3.0, 0.25, 0.0, 1),  # 1 > 0.25 * 3
        (3.0, 4.0, 0.25, 0.0, 0),  # 1 <= 0.25 * 4: relative to b, not to a
        (4.0, 3.0, 0.25, 0.0, 1),
        (-3.0, -4.0, 0.25, 0.0, 0),
        (3.0, 2.0, 0.25, 0.5, 0),  # 1 <= 0.5 + 0.25 * 2
        (1.0, 2.0, 0.0, 0.0, 1),
        (np.inf, 1.0, 0.5, 1.0, 1),
        (1.0, np.inf, 0.5, 1.0, 1),  # infinity is not a tolerance
        (np.nan, 1.0, 0.5, 1e300, 1),
    ],
)
def test_a_tolerance_ends_where_its_definition_says(a, b, rtol, atol, beyond):
    found = part([a, 0.5], [b, 0.5], rtol=rtol, atol=atol)  # 0.5 is not a class

    assert (1, beyond, False) == (found.changed, found.beyond, found.exact)
    assert ("different" if beyond else "within-tolerance") == found.verdict


HALF = [0.5, 1.0, np.nan]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_whole_numbers_are_classes_and_no_tolerance_is_for_them(dtype):
    found = part(np.array([5, 3], dtype), np.array([6, 3], dtype), rtol=1.0, atol=1e9)

    assert ("different", True, 1) == (found.verdict, found.exact, found.beyond)
    assert found.first == found.first_beyond == ChangedValue(5, 6, feature=0)


@pytest.mark.parametrize(
    ("a", "b"), [([0.5, 1.0], [1.0, 1.0]), ([1.0, np.inf], [2.0, np.inf]), (HALF, [1, 1, 2])]
)
def test_what_is_whole_on_one_side_only_is_measured(a, b):
    found = part(a, b, atol=1e9)

    assert not found.exact


def test_a_nan_and_what_is_missing_are_no_measured_numbers():
    found = part([5.0, np.nan, 0.25], [6.0, np.nan, 0.25], atol=1e9, missing=([2], [2]))

    assert ("different", True) == (found.verdict, found.exact)


def test_a_piece_that_is_no_whole_number_makes_the_whole_band_measured():
    tally = ChangeTally(Tolerance(atol=1.0))
    none = np.zeros(1, dtype=bool)
    for a, b in ((1.0, 2.0), (0.5, 0.5)):
        tally.add(Values(np.array([a]), none), Values(np.array([b]), none), int)
    found = tally.part("x", ("float64", "float64"), at)

    assert ("within-tolerance", False, 0, None) == (
        found.verdict,
        found.exact,
        found.beyond,
        found.first_beyond,
    )


def test_classes_that_are_named_are_exact_however_they_are_stored():
    values = ([1.5, 2.0], [1.25, 2.0])

    assert ("within-tolerance", False) == (part(*values, atol=1.0).verdict, part(*values, atol=1.0).exact)
    assert "different" == part(*values, atol=1.0, classes=["x"]).verdict
    assert not part(*values, classes=["x"]).exact  # nothing was asked for


def test_no_tolerance_admits_a_cell_without_data():
    assert 1 == part([1.0], [1.0], atol=1e300, missing=([0], [])).beyond


@pytest.mark.parametrize("wrong", [{"rtol": -1.0}, {"atol": float("nan")}, {"atol": float("inf")}])
def test_a_tolerance_is_a_number_of_0_or_more(wrong):
    with pytest.raises(UsageError, match="a tolerance is a number of 0 or more"):
        Tolerance(**wrong)


def test_differences_are_of_all_pairs_of_finite_numbers():
    found = part([1.0, 2.0, np.nan, 5.0, 9.0, np.inf], [1.0, 5.0, 1.0, 4.0, 0.0, 1.0], missing=([4], []))

    assert (3.0, 4 / 3) == (found.max_abs, found.mean_abs)  # of 0, 3 and 1


def test_differences_of_integers_do_not_overflow():
    ends = np.iinfo(np.int64)

    assert 2.0**64 == part([ends.min], [ends.max]).max_abs
    assert 255.0 == part(np.array([0, 255], "uint8"), np.array([255, 255], "uint8")).max_abs
    assert 1.0 == part(np.array([2**64 - 1], "uint64"), np.array([2**64 - 2], "uint64")).max_abs
    assert 255.0 == part(np.array([-128], "int8"), np.array([127], "int8")).max_abs


def test_the_first_is_the_first_whatever_is_counted_first():
    tally = ChangeTally(Tolerance(atol=1.0))
    none = np.zeros(2, dtype=bool)
    tally.add(Values(np.array([0.25, 0.0]), none), Values(np.array([0.25, 5.0]), none), lambda i: 10 + i)
    tally.add(Values(np.array([0.0, 0.0]), none), Values(np.array([0.5, 0.0]), none), lambda i: 2 + i)
    found = tally.part("x", ("float64", "float64"), at)

    assert (ChangedValue(0.0, 0.5, feature=2), ChangedValue(0.0, 5.0, feature=11)) == (
        found.first,
        found.first_beyond,
    )
    assert (4, 2, 1) == (found.cells, found.changed, found.beyond)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
def test_classes_have_their_changes_counted_the_largest_first(dtype):
    a, b = np.array([3, 3, 1, 5, 5, 5], dtype), np.array([4, 4, 1, 5, 2, 9], dtype)

    found = part(a, b, missing=([], [5]))

    assert (Move(3, 4, 2), Move(5, 2, 1), Move(5, None, 1)) == found.moves


@pytest.mark.parametrize(
    "values",
    [np.arange(MAX_CLASSES + 1), np.array([0.5, 1.0]), np.array([np.inf, 1.0])],
    ids=["many", "half", "inf"],
)
def test_what_has_no_classes_has_no_table(values):
    changed = values.copy()
    changed[-1] = 0

    found = part(values, changed)

    assert (1, ()) == (found.changed, found.moves)


def test_so_many_classes_are_classes():
    values = np.arange(MAX_CLASSES)

    assert (Move(255, 0, 1),) == part(values, np.where(values == 255, 0, values)).moves


def test_classes_are_those_of_the_whole_band():
    tally = ChangeTally(None)
    for values in (np.array([1.0, 2.0]), np.array([0.5, 2.0])):
        none = np.zeros(2, dtype=bool)
        tally.add(Values(values, none), Values(values + np.array([0, 1]), none), int)

    assert () == tally.part("x", ("float64", "float64"), at).moves


def test_a_table_has_an_end_and_says_so():
    values = np.arange(30)
    found = part(values, values + 1)

    assert (MOST_MOVES, 30 - MOST_MOVES) == (len(found.moves), found.more_moves)


def test_texts_are_classes_and_long_ones_are_cut():
    tally = ChangeTally(None)
    tally.add_encoded([b"a", b"a", None, "é".encode()], [b"b", b"b", b"", b"x" * 300], text=True)
    found = tally.part("name", ("text", "text"), at)

    assert (4, ChangedValue("a", "b", feature=0)) == (found.changed, found.first)
    assert Move("a", "b", 2) == found.moves[0]
    assert {(None, ""), ("é", "x" * 200 + "…")} == {(move.before, move.after) for move in found.moves[1:]}


def test_equal_numbers_of_another_type_are_no_identical_content():
    a, b = np.array([1, 2], "uint8"), np.array([1, 2], "int16")

    assert (0, "different") == (part(a, b).changed, part(a, b).verdict)
    assert "within-tolerance" == part(a, b, atol=0.0).verdict
