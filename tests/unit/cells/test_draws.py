"""Draws against Philox4x64-10 as its paper defines it, written here with Python's integers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissmodel.cells.draws import choice, stream_number, uniform
from dissmodel.errors import WrongValue

WORD = 2**64
# Salmon and others 2011, and the known answers of their library Random123 (kat_vectors, philox4x64 10).
MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
PI = 0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)),
    (
        (WORD - 1,) * 4,
        (WORD - 1,) * 2,
        (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
    ),
    (
        PI,
        (0x452821E638D01377, 0xBE5466CF34E90C6C),
        (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
    ),
]


def philox(counter, key):
    """Ten rounds: two products of 64 by 64 bits, their halves mixed and exchanged; the key moves on."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(MULTIPLIERS[0] * c0, WORD)
        high1, low1 = divmod(MULTIPLIERS[1] * c2, WORD)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + WEYL[0]) % WORD, (k1 + WEYL[1]) % WORD
    return c0, c1, c2, c3


def draw(seed, stream, step, rank):
    """The draw of one cell; NumPy adds one to the counter, a number of 256 bits, before each block."""
    words = philox((rank // 4 + 1, 0, step, 0), (seed, stream))
    return Fraction(words[rank % 4] >> 11, 2**53)


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_the_generator_of_this_file_gives_the_known_answers(counter, key, words):
    assert words == philox(counter, key)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, WORD - 1),
    st.integers(0, WORD - 1),
    st.integers(0, WORD - 1),
    st.integers(0, 2**40),
    st.integers(0, 9),
)
def test_a_draw_is_the_one_of_the_definition(seed, stream, step, first, count):
    expected = [draw(seed, stream, step, first + number) for number in range(count)]

    found = uniform(seed, stream, step, first, count)

    assert found.dtype == np.float64
    assert expected == [Fraction(value) for value in found.tolist()]


@pytest.mark.parametrize("rank", [0, 3, 2**14 - 1, 2**14, 2**14 + 1, 3 * 2**14 + 2, 99_999])
def test_a_draw_in_a_later_block_is_the_one_of_the_definition(rank):
    assert draw(5, 6, 7, rank) == Fraction(float(uniform(5, 6, 7, 0, 100_000)[rank]))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 40_000), st.integers(0, 40_000))
def test_any_part_has_the_same_draws(one, other):
    first, last = sorted((one, other))

    assert np.array_equal(uniform(1, 2, 3, 0, 40_000)[first:last], uniform(1, 2, 3, first, last - first))


def test_threads_have_the_same_draws():
    starts = range(0, 100_000, 777)

    with ThreadPoolExecutor(4) as threads:
        parts = threads.map(lambda start: uniform(9, 8, 7, start, min(777, 100_000 - start)), starts)

    assert np.array_equal(uniform(9, 8, 7, 0, 100_000), np.concatenate(list(parts)))


@pytest.mark.parametrize(
    "wrong", [(-1, 0, 0, 0, 1), (WORD, 0, 0, 0, 1), (0, -1, 0, 0, 1), (0, 0, -1, 0, 1), (0, 0, 0, -1, 1)]
)
def test_a_number_out_of_range_is_refused(wrong):
    with pytest.raises(WrongValue, match=r"is -1|is 18446744073709551616"):
        uniform(*wrong)


def test_named_streams_are_apart_from_each_other_and_from_numbers():
    names = [stream_number(f"stream {number}") for number in range(1000)]

    assert 1000 == len(set(names))
    assert all(2**63 <= name < WORD for name in names)
    # The first 8 bytes of SHA-256 of "abc" (FIPS 180-2, appendix B.1), whose upper bit is set.
    assert 0xBA7816BF8F01CFEA == stream_number("abc")


LARGEST = 1 - 2**-53


@pytest.mark.parametrize("options", [1, 2, 3, 5, 7, 10, 1000, 2**20 - 1])
def test_the_largest_draw_chooses_the_last_option_and_the_smallest_the_first(options):
    assert [0, options - 1] == choice(np.array([0.0, LARGEST]), np.arange(options)).tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any), st.floats(0, LARGEST))
def test_an_option_is_chosen_by_its_share(weights, draw_):
    expected, total = 0, 0
    for number, weight in enumerate(weights):
        total += weight
        # A product is rounded once, as a float.
        if draw_ * float(sum(weights)) < total:
            expected = number
            break

    found = int(choice(np.array([draw_]), np.arange(len(weights)), weights)[0])

    assert expected == found
    assert weights[found] > 0


def test_an_option_without_weight_is_never_chosen():
    draws = np.array([0.0, 0.1, LARGEST])

    assert ["b", "b", "b"] == choice(draws, ["a", "b", "c"], [0.0, 0.7, 0.0]).tolist()


def test_cells_have_weights_of_their_own():
    assert [5, 6, 5] == choice(np.array([0.6, 0.6, 0.9]), [5, 6], [[1, 0, 9], [0, 1, 1e-9]]).tolist()


@pytest.mark.parametrize(
    "weights", [[1], [1, -1], [0, 0], [np.nan, 1], [np.inf, 1], [[1, 0], [1, 0]], [[1.0], [1.0], [1.0]]]
)
def test_wrong_weights_are_refused(weights):
    with pytest.raises(WrongValue, match="weights"):
        choice(np.array([0.5, 0.5]), [1, 2], weights)


def test_no_options_are_refused():
    with pytest.raises(WrongValue, match="options of the shape"):
        choice(np.array([0.5]), [])
