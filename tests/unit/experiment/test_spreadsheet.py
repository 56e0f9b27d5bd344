"""CSV that a spreadsheet opens."""

import csv
import io

import pytest

from dissmodel.experiment.spreadsheet import as_csv
from dissmodel.experiment.steps import StepTable
from dissmodel.experiment.steps import as_csv as steps_as_csv


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_begins_a_formula(begin):
    text = f"{begin}1+1,A1"
    (row,) = csv.reader(io.StringIO(as_csv([(text, "a")])))
    (head, *_) = csv.reader(io.StringIO(steps_as_csv(StepTable((1,), {text: (2,)}))))

    for cell in (row[0], head[1]):
        assert cell.startswith("'")
        assert cell.endswith("1+1,A1")


def test_numbers_stay_numbers_and_other_texts_what_they_are():
    row = (-1, -0.1, 1e-300, 3, "a-1", "São\u00a0Luís", '"', "a,b", "")

    (read,) = csv.reader(io.StringIO(as_csv([row])))

    assert [str(one) for one in row] == read


def test_a_row_is_a_line():
    assert ["a\\nb,\\x1b[2J"] == as_csv([("a\nb", "\x1b[2J")]).splitlines()
