import math

import pytest
from pydantic import ValidationError

from dissmodel.models.coastal.parameters import CoastalParameters


def test_defaults():
    expected = {
        "end_time": 88,
        "sea_level_rise_rate": 0.011,
        "tide_height": 6.0,
        "accretion_enabled": False,
        "resolution": None,
        "crs": None,
        "snapshots": None,
        "every": None,
    }

    assert expected == CoastalParameters().model_dump()


def test_published_names_are_accepted_and_canonical_ones_come_back():
    given = {"taxa_elevacao": 0.5, "altura_mare": 2, "acrecao_ativa": True}

    dumped = CoastalParameters.model_validate(given).model_dump(exclude_unset=True)

    assert {"sea_level_rise_rate": 0.5, "tide_height": 2.0, "accretion_enabled": True} == dumped


@pytest.mark.parametrize("value", [10, 10.0])
def test_a_whole_number_of_steps(value):
    assert 10 == CoastalParameters.model_validate({"end_time": value}).end_time


@pytest.mark.parametrize(
    "given",
    [
        {"end_time": 10.5},
        {"end_time": "ten"},
        {"end_time": "10"},
        {"end_time": True},
        {"end_time": 0},
        {"end_time": math.inf},
        {"sea_level_rise_rate": -0.1},
        {"sea_level_rise_rate": math.nan},
        {"sea_level_rise_rate": math.inf},
        {"sea_level_rise_rate": False},
        {"taxa_elevacao": math.nan},
        {"tide_height": math.inf},
        {"tide_height": "6"},
        {"accretion_enabled": "perhaps"},
        {"resolution": 0},
        {"resolution": -30.0},
        {"resolution": math.nan},
        {"resolution": "30"},
        {"crs": "no such system"},
        {"crs": 31983},
        {"rate": 1.0},
    ],
)
def test_what_is_refused(given):
    with pytest.raises(ValidationError) as caught:
        CoastalParameters.model_validate(given)

    assert next(iter(given)) in str(caught.value)


def test_two_names_with_different_values_are_an_error():
    with pytest.raises(ValidationError, match=r"tide_height = 6 and altura_mare = 5"):
        CoastalParameters.model_validate({"tide_height": 6, "altura_mare": 5})


def test_two_names_with_one_value_are_fine():
    given = {"tide_height": 5, "altura_mare": 5.0}

    assert 5.0 == CoastalParameters.model_validate(given).tide_height
    assert 2 == len(given)


def test_none_and_a_crs():
    parameters = CoastalParameters.model_validate({"resolution": None, "crs": "EPSG:31983"})

    assert (None, "EPSG:31983") == (parameters.resolution, parameters.crs)
