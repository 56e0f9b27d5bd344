import json
import math
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from dissmodel.record.plain import MAX_TEXT, plain


class Colour(Enum):
    RED = "red"


class Rude:
    def __str__(self):
        raise RuntimeError("no")


class Wordy:
    def __str__(self):
        return "x" * 5000


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (1.5, np.float64(1.5)),
        (0.5, np.float32(0.5)),
        (7, np.int16(7)),
        (True, np.bool_(1)),
        ("alt", np.str_("alt")),
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
        (["NaN", 1.0], np.array([np.nan, 1.0])),
        ([None, 2], np.ma.masked_array([1, 2], [True, False])),
        ("NaN", math.nan),
        ("Infinity", math.inf),
        ("-Infinity", np.float64(-math.inf)),
        ("2026-11-20T12:00:00Z", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20", date(2026, 11, 20)),
        ("out/result.tif", Path("out/result.tif")),
        (["a", "b"], {"b", "a"}),
        ([1, 2], (1, 2)),
        (
            {"1": "x", "null": 2, "false": 3},
            {1: "x", None: 2, np.bool_(0): 3},
        ),
        ({"a": 1}, OrderedDict(a=1)),
        ("red", Colour.RED),
        ("1.10", Decimal("1.10")),
        ("<Rude>", Rude()),
        ("a\\udcffb", "a\udcffb"),
        ("<class 'int'>", int),
        ("<ndarray float64 (200, 100)>", np.zeros((200, 100))),
    ],
)
def test_foreign_values(expected, value):
    assert expected == plain(value)
    assert type(expected) is type(plain(value))


def test_foreign_texts_are_short():
    assert MAX_TEXT == len(plain(Wordy()))


def test_a_huge_integer_becomes_a_text():
    assert f"0x1{'0' * (MAX_TEXT - 4)}…" == plain(16**5000)
    assert 2**100 == plain(2**100)


def test_a_structure_that_holds_itself_ends():
    loop = {"name": "loop"}
    loop["self"] = loop

    assert {"name": "loop", "self": "<dict, nested too deep>"} == plain(loop)


def test_a_deep_structure_ends():
    deep = []
    for _ in range(5000):
        deep = [deep]

    json.dumps(plain(deep))


def test_longdouble_has_no_smaller_form_of_its_own():
    assert plain(np.longdouble("0.5")) in (0.5, "0.5")
