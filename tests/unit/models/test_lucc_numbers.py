"""The numbers of land-use change, by every kernel: of a made-up region and of LuccME's own examples."""

import numpy as np
import pyogrio
import pytest

from dissmodel.models.lucc.allocation import DemandNotMet
from dissmodel.models.lucc.kernels.numba_kernel import NumbaKernel
from dissmodel.models.lucc.kernels.numpy_kernel import NumpyKernel
from support import lucc, lucc_cases

LONG = {"correction", "halving", "lag within limits, constants change"}
KERNELS = {"numpy": NumpyKernel(), "numba": NumbaKernel(1)}
ACRE = {
    "land_use_types": ["f", "d", "outros"],
    "land_use_no_data": "outros",
    "complementar_lu": "f",
    "cell_area": 25.0,
    "max_difference": 1643,
    "static": {"outros": 1},
}
LINEAR = ACRE | {
    "potential_kind": "linear",
    "potential": [
        {
            "const": 0.7392,
            "betas": {
                "assentamen": -0.2193,
                "uc_us": 0.1754,
                "uc_pi": 0.09708,
                "ti": 0.1207,
                "dist_riobr": 2.388e-7,
                "fertilidad": -0.1313,
            },
        },
        {
            "const": 0.267,
            "betas": {
                "rodovias": -9.922e-7,
                "assentamen": 0.2294,
                "uc_us": -0.09867,
                "dist_riobr": -3.216e-7,
                "fertilidad": 0.1281,
            },
        },
        {},
    ],
}
LAG = ACRE | {
    "potential_kind": "spatial_lag",
    "attr_protection": "uc_pi",
    "potential": [
        {
            "const": 0.05266679,
            "ro": 0.9124615,
            "betas": {"uc_us": 0.03789872, "uc_pi": 0.04141921, "ti": 0.04455667},
        },
        {
            "const": 0.01431553,
            "ro": 0.9019253,
            "betas": {
                "assentamen": 0.0443537,
                "uc_us": -0.01454847,
                "fertilidad": 0.01701601,
                "dist_riobr": -2.262071e-8,
            },
        },
        {"ro": 0.0},
    ],
}
MOJU_DRIVERS = ("media_decl", "dist_area_", "dist_br", "dist_curua", "dist_rios_", "dist_estra")
MOJU = {
    "land_use_types": ["f", "d", "o"],
    "land_use_no_data": "o",
    "cell_area": 1,
    "max_difference": 10,
    "potential_kind": "logistic",
    "transition_matrix": [[[1, 1, 0], [0, 1, 0], [0, 0, 1]]],
    "demand": [
        [5706, 205, 3],
        [5658, 253, 3],
        [5611, 300, 3],
        [5563, 348, 3],
        [5516, 395, 3],
        [5468, 443, 3],
    ],
    "potential": [
        {
            "const": -2.34187976925989,
            "betas": dict(
                zip(
                    MOJU_DRIVERS,
                    (
                        *(-0.0272710076327129, 4.30977432375496, 3.10319957497883),
                        *(0.445414024051873, 47.3556329553235, 38.4966894254506),
                    ),
                    strict=True,
                )
            ),
        },
        {
            "const": -0.100351497277102,
            "elasticity": 0.6,
            "betas": dict(
                zip(
                    MOJU_DRIVERS,
                    (
                        *(0.0581358851690861, -0.974998890251365, -2.51650696123426),
                        *(-1.26742746441679, -40.3646901047482, -23.0841140199094),
                    ),
                    strict=True,
                )
            ),
        },
        {"const": 0.01, "elasticity": 0.5},
    ],
}
MOJU_ORDERED = MOJU | {
    "allocation_kind": "ordering",
    "potential_kind": "neigh_inverse",
    "max_difference": 106,
    "potential": [
        {"const": 0.01, "betas": {"dist_estra": -0.3, "dist_br": -0.3}},
        {"const": 0.01, "betas": {"dist_estra": 0.3, "dist_br": 0.3}},
        {"const": 0.01},
    ],
}


@pytest.fixture(scope="module")
def region():
    return lucc.region()


@pytest.fixture(params=KERNELS, scope="module")
def kernel(request):
    return KERNELS[request.param]


@pytest.fixture(scope="module")
def columns_of(shared):
    """Return the columns of a shapefile of the public data by name."""

    def read(name):
        table = pyogrio.read_dataframe(f"/vsizip/{shared(name)}", read_geometry=False)
        return {column: table[column].to_numpy() for column in table}

    return read


def test_the_region_is_the_published_one(region):
    shares, classes = region

    assert shares["row"].size == 2182
    assert lucc.h64(np.stack([shares[name] for name in "fcun"])) == "8608892751900d5e"
    assert lucc.h16(np.stack([classes[name] for name in "fcun"]).argmax(axis=0)) == "7b58530bbb2fc86e"


@pytest.mark.parametrize(
    ("kernel_name", "name"),
    [
        pytest.param(kernel, name, marks=pytest.mark.slow if kernel == "numpy" and name in LONG else ())
        for name in lucc_cases.SHARES
        for kernel in KERNELS
    ],
)
def test_shares(region, kernel_name, name):
    case, iterations, digest = lucc_cases.SHARES[name]
    columns = lucc.thin(region[0]) if name == "thin" else region[0]
    run = lucc.start(columns, lucc.parameters_of(case), KERNELS[kernel_name])

    found, _ = lucc.steps(run)

    assert iterations == [one.iterations for one in found]
    assert digest == lucc.h64(run.shares.now)


@pytest.mark.parametrize("name", lucc_cases.LOGARITHMS)
def test_shares_by_logarithms_which_depend_on_the_c_library(region, kernel, name):
    case, iterations, areas = lucc_cases.LOGARITHMS[name]

    found, finals = lucc.steps(lucc.start(region[0], lucc.parameters_of(case), kernel))

    assert iterations == [one.iterations for one in found]
    assert areas == pytest.approx(finals[-1], rel=1e-9)


def test_errors_and_areas_before_and_after_the_complement(region, kernel):
    found, finals = lucc.steps(lucc.start(region[0], lucc.parameters_of(lucc_cases.BASE), kernel))

    assert [
        0.004763345854712497,
        24.987095422084167,
        24.80462064618314,
        24.865002225821627,
        24.90867388407787,
        24.95104776483913,
    ] == [one.error for one in found]
    assert [6435.718952235161, 1341.9062582550937, 347.72427376132276, 579.5469806706533] == found[-1].areas
    assert [6458.822487312945, 1341.9062582550937, 347.72427376132276, 579.5469806706533] == finals[-1]


def test_a_demand_that_is_not_met(region, kernel):
    case = lucc_cases.BASE | {"max_difference": 15.0, "max_iteration": 40}

    with pytest.raises(DemandNotMet) as raised:
        lucc.steps(lucc.start(region[0], lucc.parameters_of(case), kernel))

    assert raised.value.outcome.error == pytest.approx(87.9996081221, abs=1e-10)
    assert str(raised.value) == (
        "step 1: demand not met after 40 iterations; class f: demand 6594.41, allocated 6506.410392, "
        "off by 87.99960812, allowed 15 (30 after iteration 20)"
    )


@pytest.mark.parametrize("name", lucc_cases.USES)
def test_classes(region, kernel, name):
    case, iterations, digest = lucc_cases.USES[name]
    run = lucc.start(region[1], lucc.parameters_of(case), kernel)

    found, _ = lucc.steps(run)

    assert iterations == [one.iterations for one in found]
    assert digest == lucc.h16(run.use)


def test_the_first_laboratory_of_luccme(columns_of, shared, kernel):
    case = LINEAR | {"demand_csv": str(shared("lucc/lab1_demand.csv"))}
    run = lucc.start(columns_of("lucc/csAC.zip"), lucc.parameters_of(case), kernel)
    digests = [lucc.h64(run.shares.past)]
    errors = []
    for number in range(7):
        errors.append(run.step(number).error)
        digests.append(lucc.h64(run.after))

    assert ["4ab5a6d4d8348c7e", "cc0feb8f2c129bbe", "6397cef2c34e0646"] == [digests[i] for i in (0, 2, 3)]
    assert [1138.4125251856, 1633.341418966] == pytest.approx(errors[1:3], abs=1e-9)
    theirs = columns_of("lucc/LUCCME_Lab1_2014.zip")
    assert np.abs(theirs["d_out"] - run.shares.now[1]).max() <= 1e-12


def test_the_first_laboratory_with_correction(columns_of, shared, kernel):
    case = LINEAR | {"demand_csv": str(shared("lucc/lab1_demand.csv")), "cell_correction": True}
    run = lucc.start(columns_of("lucc/csAC.zip"), lucc.parameters_of(case), kernel)

    found, _ = lucc.steps(run)

    assert [0, 0, 0, 50, 39, 36, 33] == [one.iterations for one in found]
    assert lucc.h64(run.shares.now) == "3eb3750edf1b46b3"


def test_the_third_laboratory_of_luccme(columns_of, shared, kernel):
    case = LAG | {"demand_csv": str(shared("lucc/lab1_demand.csv"))}
    run = lucc.start(columns_of("lucc/csAC.zip"), lucc.parameters_of(case), kernel)

    found, _ = lucc.steps(run)

    assert run.allocation.kind == "saturation"
    assert [
        0.0104003500,
        203.9372570531,
        286.9715687820,
        357.8242992102,
        387.6942477416,
        407.2066338123,
        417.1858948840,
    ] == pytest.approx([one.error for one in found], abs=1e-9)
    assert lucc.h64(run.shares.now) == "c233014be271069a"


def test_moju_by_clue_s(columns_of, kernel):
    run = lucc.start(columns_of("lucc/cs_moju.zip"), lucc.parameters_of(MOJU), kernel)

    found, finals = lucc.steps(run)

    assert [0, 67, 56, 56, 61, 61] == [one.iterations for one in found]
    assert [205, 244, 291, 341, 388, 442] == [areas[1] for areas in finals]
    assert lucc.h16(run.use) == "0728d1a43e377b2e"


@pytest.mark.parametrize("ties", ["order", "luccme"])
def test_moju_by_ordering(columns_of, kernel, ties):
    run = lucc.start(
        columns_of("lucc/cs_moju.zip"), lucc.parameters_of(MOJU_ORDERED | {"ties": ties}), kernel
    )

    lucc.steps(run)

    assert lucc.h16(run.use) == "31f56175bef5bb96"


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(region, threads):
    case = lucc_cases.BASE | {"max_iteration": 5, "max_difference": 1e9}
    shares, _ = lucc.region(400, 300)
    digests = set()
    for count in (1, threads):
        run = lucc.start(shares, lucc.parameters_of(case), NumbaKernel(count))
        found, _ = lucc.steps(run)
        digests.add((lucc.h64(run.shares.now), tuple(found[-1].areas)))

    assert len(digests) == 1
