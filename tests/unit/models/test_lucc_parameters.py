"""The parameters of land-use change: published forms, what is inferred, and what is refused."""

import numpy as np
import pytest
from pydantic import ValidationError

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.models.lucc.allocation import DiscreteAllocation
from dissmodel.models.lucc.demand import read_demand
from dissmodel.models.lucc.entries import PotentialEntry
from dissmodel.models.lucc.parameters import ContinuousParameters, DiscreteParameters
from dissmodel.models.lucc.potential import DiscretePotential
from support import lucc_cases

PLAIN = {
    "land_use_types": ["a", "b"],
    "complementar_lu": "a",
    "cell_area": 1,
    "max_difference": 2,
    "demand": [[1, 2], [2, 1]],
}
CLASSES = {name: value for name, value in PLAIN.items() if name != "complementar_lu"}


def continuous(**more):
    return ContinuousParameters.model_validate(PLAIN | more)


def discrete(**more):
    return DiscreteParameters.model_validate(CLASSES | {"transition_matrix": [[[1, 1], [0, 1]]]} | more)


def test_defaults():
    given = continuous()

    assert ("linear", "clue", 1000, None) == (
        given.potential_kind,
        given.allocation_kind,
        given.max_iteration,
        given.cell_correction,
    )
    assert (0.1, 0.001, 1.5) == given.limits().elasticity
    assert [[-1, -1]] == [[one.static for one in row] for row in given.allocation_entries]
    assert 1 == given.end_time


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({"potential": [{"ro": 0.5}, {}]}, ("spatial_lag", "clue")),
        ({"attr_protection": "p"}, ("linear", "saturation")),
        ({"attrProtection": "p"}, ("linear", "saturation")),
        ({"allocation": [{"change_limiar_value": 0.5}, {}]}, ("linear", "saturation")),
        ({"allocation": [{"change_limit": 0.5}, {}], "allocation_kind": "clue"}, ("linear", "clue")),
    ],
)
def test_kinds_follow_from_tables(more, kinds):
    given = continuous(**more)

    assert kinds == (given.potential_kind, given.allocation_kind)


def test_published_forms_are_the_same():
    tables = {
        "land_use_types": {"types": ["a", "b"]},
        "potential_data": [{"lu": "b", "const": 1, "isLog": True}, {"lu": "a"}],
        "allocation_data": [
            {"max_change_above_limiar": 0.5, "change_limiar_value": 0.25},
            {"static": 1},
        ],
        "maxDifference": 2,
        "complementary_lu": "a",
        "driver_columns": {"cols": ["x"]},
    }
    rest = {name: PLAIN[name] for name in ("cell_area", "demand")}
    other = continuous(
        potential=[{"lu": "a"}, {"lu": "b", "const": 1.0, "is_log": True}],
        allocation=[{"change_limit": 0.25, "max_change_above": 0.5, "lu": "a"}, {"lu": "b"}],
        static={"b": 1},
        driver_columns=["x"],
    )

    given = ContinuousParameters.model_validate(tables | rest)

    assert other.potential_entries == given.potential_entries
    assert other.allocation_entries == given.allocation_entries
    assert (other.max_difference, other.columns) == (given.max_difference, given.columns)
    assert given == ContinuousParameters.model_validate(given.model_dump(mode="json"))


def test_a_table_of_scalars():
    given = discrete(allocation={"max_iteration": 7, "factorIteration": 0.5})

    assert (7, 0.5) == (given.max_iteration, given.factor_iteration)


def test_a_table_that_is_not_given_has_no_regions():
    two = [{}, {}, {"region": 2}, {"region": 2}]
    matrix = [[[1, 1], [0, 1]]] * 2

    assert ("r", None) == continuous(potential=two, region_attr="r").region_columns
    given = discrete(potential_kind="neigh", transition_matrix=matrix, region_attr="r")
    assert ((None, "r"), {"r": 2}) == (given.region_columns, given.regions)


def test_regions_are_counted_for_each_table():
    rows = [{"region": 2}, {"region": 2}, {}, {}]
    given = continuous(potential=rows, region_attr="r", region_alloc_attr="s", allocation=[{}, {}])

    assert {"r": 2, "s": 1} == given.regions
    assert {"r": 2} == continuous(potential=rows, region_attr="r", region_alloc_attr="").regions


WRONG = {
    "an unknown key": ({"cel_area": 1}, "cel_area"),
    "two names, two values": ({"maxDifference": 3}, "max_difference = 2 and maxDifference = 3 are the same"),
    "one class": ({"land_use_types": ["a"]}, "land_use_types"),
    "a class twice": ({"land_use_types": ["a", "a"]}, "land_use_types has a more than once"),
    "an unknown complement": ({"complementar_lu": "c"}, "complementar_lu: 'c' is no class"),
    "no complement": ({"complementar_lu": None}, "complementar_lu is missing"),
    "an unknown class of no data": ({"land_use_no_data": "c"}, "land_use_no_data: 'c' is no class"),
    "no area": ({"cell_area": 0}, "cell_area"),
    "a demand below 0": ({"demand": [[1, -1]]}, "demand"),
    "an infinite demand": ({"demand": [[1, float("inf")]]}, "demand"),
    "a short demand": ({"demand": [[1, 2], [1]]}, "demand: 1 values for 2 classes"),
    "two demands": ({"demand_csv": "d.csv"}, "only one of them"),
    "elasticities": ({"initial_elasticity": 2}, "initial_elasticity = 2 is not from 0.001 to 1.5"),
    "a class without a row": ({"potential": [{"lu": "a"}]}, "potential: class b has no row for region 1"),
    "a class with two rows": (
        {"potential": [{"lu": "a"}, {"lu": "b"}, {"lu": "a"}]},
        "potential: class a has two rows for region 1",
    ),
    "more rows than classes": ({"potential": [{}, {}, {}]}, "potential: region 1 has more rows"),
    "a row of an unknown class": ({"potential": [{"lu": "c"}, {}]}, "potential: 'c' is no class"),
    "a row that is no table": ({"potential": [1, 2]}, "potential: each row is a table"),
    "an unknown key in a row": ({"potential": [{"cnst": 1}, {}]}, "cnst"),
    "a region without a column": ({"potential": [{}, {}, {"region": 2}, {"region": 2}]}, "no region_attr"),
    "ro and elasticity": (
        {"potential": [{"ro": 1}, {"elasticity": 1}]},
        "ro, of spatial_lag, and elasticity",
    ),
    "a share above 1": ({"allocation": [{"max_change": 1.5}, {}]}, "max_change"),
    "bounds": ({"allocation": [{"min_value": 0.5, "max_value": 0.25}, {}]}, "min_value = 0.5 exceeds"),
    "two statics": (
        {"allocation": [{"static": 0}, {}], "static": {"a": 1}},
        "static.a = 1 and allocation has 0",
    ),
    "a static of no class": ({"static": {"c": 1}}, "static: 'c' is no class"),
    "two scalars": (
        {"allocation": {"max_difference": 3}},
        "max_difference = 2 and allocation.max_difference = 3",
    ),
    "years": (
        {"demand": {"kind": "two_dates", "start_year": 5, "final_year": 5, "final": ["x", "y"]}},
        "final_year = 5 has to follow start_year = 5",
    ),
    "final columns": (
        {"demand": {"kind": "two_dates", "start_year": 5, "final_year": 6, "final": ["x"]}},
        "demand: 1 values for 2 classes",
    ),
    "a class of a taken name": ({"land_use_types": ["a", "row"]}, "row can't be the name"),
    "a driver that is a class": ({"potential": [{"betas": {"b": 1}}, {}]}, "b can't be the name"),
    "a driver that is a result": ({"attr_protection": "a_start"}, "a_start can't be the name"),
    "regions that differ": (
        {"region_attr": "r", "potential": [{}, {}, {"region": 2}, {"region": 2}], "allocation": [{}, {}]},
        "r: one table has 2 regions, and another has 1",
    ),
    "no steps": ({"n_steps": 0}, "n_steps"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parameters(name):
    more, message = WRONG[name]

    with pytest.raises(ValidationError) as raised:
        continuous(**more)

    assert message in str(raised.value)


WRONG_OF_CLASSES = {
    "no matrix": ({"transition_matrix": None}, "'clue_s' needs a transition_matrix"),
    "its shape": ({"transition_matrix": [[[1, 1]]]}, "transition_matrix of region 1: 2 rows of 2 values"),
    "its values": ({"transition_matrix": [[[1, 2], [0, 1]]]}, "transition_matrix"),
    "a matrix of a region without a column": (
        {"transition_matrix": [[[1, 1], [0, 1]]] * 2},
        "transition_matrix has a region 2, and no region_attr",
    ),
    "neighbours": ({"potential_kind": "neigh_attract"}, "needs perc_neighbors_use of each class"),
    "no part": (
        {"potential_kind": "neigh_attract", "potential": [{"perc_neighbors_use": 0}, {}]},
        "perc_neighbors_use",
    ),
    "ties": ({"ties": "lua"}, "ties"),
}


@pytest.mark.parametrize("name", WRONG_OF_CLASSES)
def test_wrong_parameters_of_classes(name):
    more, message = WRONG_OF_CLASSES[name]

    with pytest.raises(ValidationError) as raised:
        discrete(**more)

    assert message in str(raised.value)


def test_an_unknown_kind():
    with pytest.raises(UsageError, match="The model has no potential 'logistc'"):
        discrete(potential_kind="logistc")


def test_neigh_needs_no_table():
    assert [{}] == [row[0].betas for row in discrete(potential_kind="neigh").potential_entries]


def test_a_package_brings_a_potential_and_an_allocation(region_of_classes, numpy_kernel):
    from support import lucc

    class Far(DiscretePotential):
        kind = "far_of_a_test"

        class Entry(PotentialEntry):
            power: float = 1.0

        def suitability(self, lu, use):
            return self.cells.drivers["x1"] ** self.entries[0][lu].power

    class First(DiscreteAllocation):
        kind = "first_of_a_test"

        def allocate(self, step, potential, use):
            from dissmodel.models.lucc.allocation import Tries

            tries = Tries(step, self.limits)
            tries.accepts_error(0.0)
            return potential.argmax(axis=0), tries.outcome(step.demand)

    case = lucc_cases.DISCRETE | {
        "potential_kind": "far_of_a_test",
        "allocation_kind": "first_of_a_test",
        "potential": [{"power": 4.0}, {"power": 3.0}, {"power": 2.0}, {"power": 0.5}],
    }
    run = lucc.start(region_of_classes, DiscreteParameters.model_validate(case), numpy_kernel)

    lucc.steps(run)

    inside = (region_of_classes["x1"] > 0) & (region_of_classes["x1"] < 1)
    assert (run.use[inside] == 3).all()


@pytest.fixture
def region_of_classes():
    from support import lucc

    return lucc.region(6, 9)[1]


@pytest.fixture
def numpy_kernel():
    from dissmodel.models.lucc.kernels.numpy_kernel import NumpyKernel

    return NumpyKernel()


def test_a_table_of_demand(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("\ufeffyear, b,a\n2000,1,2\n\n2001,3,4.5\n", encoding="utf-8")

    np.testing.assert_array_equal([[2, 1], [4.5, 3]], read_demand(path, ("a", "b")))


WRONG_TABLES = {
    "no class": ("a,c\n1,2", "there is no column b"),
    "near": ("a,bb\n1,2", "no column b; did you mean 'bb'"),
    "a class too many": ("a,b,c\n1,2,3", "the column 'c' is no class"),
    "a column twice": ("a,b,b\n1,2,3", "the column 'b' is no class, or there twice"),
    "text": ("a,b\n1,x", "row 2"),
    "a short row": ("a,b\n1", "row 2 has 1 values, the header 2"),
    "below 0": ("a,b\n1,-2", "row 2: b = -2 is no area"),
    "not a number": ("a,b\n1,nan", "row 2: b = nan is no area"),
    "years": ("year,a,b\n2000,1,2\n2002,1,2", "year 2002 comes after 2000, not 2001"),
    "nothing": ("", "there is no column a, b"),
}


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_wrong_tables_of_demand(tmp_path, name):
    text, message = WRONG_TABLES[name]
    path = tmp_path / "d.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InvalidInput, match=r"demand_csv = d\.csv: ") as raised:
        read_demand(path, ("a", "b"))

    assert message in raised.value.message


def test_no_table_of_demand(tmp_path):
    with pytest.raises(InvalidInput, match="No such file"):
        read_demand(tmp_path / "none.csv", ("a", "b"))
