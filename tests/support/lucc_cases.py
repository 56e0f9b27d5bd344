"""Runs on the region of `support.lucc`, with what LuccME's own program found."""


def _rows(*values, **more):
    return [{"lu": lu, **value, **more} for lu, value in zip("fcun", values, strict=True)]


def _with(rows, **by_class):
    return [row | by_class.get(row["lu"], {}) for row in rows]


LINEAR = _rows(
    {"const": 0.5, "betas": {"x1": -0.2, "x2": 0.1}},
    {"const": 0.35, "betas": {"x1": -0.3, "x2": 0.15}},
    {"const": 0.05, "betas": {"x1": 0.12, "x3": -5e-05}},
    {"const": 0.0},
)
LAG = _rows(
    {"const": 0.03, "ro": 0.9, "betas": {"x2": 0.02, "prot": 0.05}},
    {"const": 0.02, "ro": 0.88, "betas": {"x1": -0.02, "x2": 0.01, "prot": -0.08}},
    {"const": 0.004, "ro": 0.9, "betas": {"x1": 0.006}},
    {"const": 0.0, "ro": 0.0},
)
LOGISTIC = _rows(
    {"const": 0.8, "elasticity": 0.2, "betas": {"x1": 0.3, "x2": -0.2}},
    {"const": -0.4, "elasticity": 0.4, "betas": {"x1": -2.0, "x2": 0.9}},
    {"const": -2.5, "elasticity": 0.5, "betas": {"x1": 1.8, "x3": -0.0008}},
    {"const": 0.01, "elasticity": 1.0},
)
NEAR = _rows(
    {"const": 0.7, "betas": {"x2": 0.6}},
    {"const": 0.6, "betas": {"dist": 200.0}},
    {"const": 0.4, "betas": {"dist": 300.0}},
    {"const": 0.01},
)
FREE = _rows({"static": -1}, {"static": -1}, {"static": -1}, {"static": 1})
MATRIX = [[1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
TWO_LINEAR = LINEAR + [
    row | {"region": 2, "const": const}
    for row, const in zip(LINEAR, (0.6, 0.24999999999999997, 0.07, 0.0), strict=True)
]
TWO_FREE = FREE + [row | {"region": 2} for row in _with(FREE, c={"static": 0}, u={"max_change": 0.01})]
TWO_LOGISTIC = LOGISTIC + [row | {"region": 2, "const": row["const"] * 0.5} for row in LOGISTIC]
SLOW = _with(FREE, **{lu: {"change_limit": 0.4, "max_change_above": 0.01} for lu in "fcu"})


BASE = {
    "land_use_types": ["f", "c", "u", "n"],
    "land_use_no_data": "n",
    "complementar_lu": "f",
    "cell_area": 4.0,
    "max_difference": 25.0,
    "potential_kind": "linear",
    "potential": LINEAR,
    "allocation": FREE,
    "demand": [
        [6627.84, 1218.39, 302.22, 579.55],
        [6594.41, 1242.76, 311.28, 579.55],
        [6560.97, 1267.13, 320.35, 579.55],
        [6527.54, 1291.5, 329.41, 579.55],
        [6494.11, 1315.87, 338.48, 579.55],
        [6460.67, 1340.23, 347.55, 579.55],
    ],
}
LAGGED = BASE | {"potential_kind": "spatial_lag", "potential": LAG}
SATURATED = LAGGED | {"allocation": SLOW, "attr_protection": "prot"}
DISCRETE = {
    "land_use_types": ["f", "c", "u", "n"],
    "land_use_no_data": "n",
    "cell_area": 1.0,
    "max_difference": 5.0,
    "max_iteration": 2000,
    "potential_kind": "logistic",
    "potential": LOGISTIC,
    "transition_matrix": [MATRIX],
    "demand": [[1635 - 16 * k, 381 + 12 * k, 84 + 4 * k, 82] for k in range(6)],
}
ORDERED = DISCRETE | {"allocation_kind": "ordering"}
LIMITED = _with(
    FREE,
    f={"min_value": 0.1, "max_value": 0.95},
    c={"static": 0, "min_change": 0.002, "max_change": 0.02, "max_value": 0.5},
    u={"max_change": 0.004},
)
FAST = [[6627.84 - 120 * k, 1218.39 + 100 * k, 302.22 + 20 * k, 579.55] for k in range(6)]
THIN = [
    [1588.5489784048657 - 8 * k, 301.93830909283156 + 6 * k, 71.06968611367849 + 2 * k, 178.44302638862285]
    for k in range(6)
]
LOG = _with(LINEAR, u={"const": -1.6, "betas": {"x1": 0.6, "x2": -0.1}, "is_log": True})
LOG_LAG = _with(LAG, c={"const": -0.02, "ro": 0.97, "betas": {"x1": -0.01, "x2": 0.03}, "is_log": True})
BOUNDED = _with(FREE, f={"min_value": 0.1, "max_value": 0.9}, c={"max_value": 0.4})
WITHIN = _with(
    LAG,
    f={"min_reg": 0.012, "max_reg": 0.9},
    c={"min_reg": 0.012, "max_reg": 0.5},
    u={"min_reg": 0.012, "max_reg": 0.5},
)
ABOUT = _with(
    NEAR,
    f={"const": 0.5, "betas": {"dist": 1.0}},
    c={"const": 0.3, "betas": {"dist": 20.0, "x3": -1.0}},
    u={"const": 0.2, "betas": {"dist": 50.0}},
)
TIGHT = {"min_elasticity": 0.08, "max_elasticity": 0.12}
CORRECTED = {"cell_correction": True}
TWO = BASE | {
    "potential": TWO_LINEAR,
    "allocation": TWO_FREE,
    "max_difference": 30.0,
    "region_attr": "region",
}
NO_TRIES = [0, 0, 0, 0, 0, 0]

SHARES = {  # case: (parameters, iterations of each step, digest of the shares after the last)
    "base": (BASE, [0, 142, 144, 143, 142, 141], "98e35d32375acc3e"),
    "correction": (BASE | CORRECTED, [0, 135, 334, 181, 173, 171], "3acd3bbb1bcdf18e"),
    "constraints": (
        BASE | {"allocation": LIMITED, "max_difference": 40.0},
        [0, 91, 94, 95, 95, 95],
        "1e140dd0a5b19e70",
    ),
    "elasticity": (
        BASE | {"initial_elasticity": 0.4, "min_elasticity": 0.09, "max_elasticity": 0.5},
        [0, 23, 24, 24, 90, 23],
        "3d062edf28f364b6",
    ),
    "static 0": (
        BASE | {"min_elasticity": 0.08, "allocation": _with(FREE, c={"static": 0})},
        [0, 101, 122, 124, 121, 119],
        "72eb109ecd57e231",
    ),
    "lag": (LAGGED, NO_TRIES, "277e797e704ee485"),
    "lag and saturation": (SATURATED, NO_TRIES, "3b8d74a800581b2c"),
    "two regions": (TWO, [0, 59, 60, 60, 59, 59], "57a9dcbce3860434"),
    "two regions, constants change": (TWO | TIGHT, [0, 6, 6, 6, 7, 6], "ae4e86795f04f2bf"),
    "lag within limits, constants change": (
        LAGGED | {"potential": WITHIN, "max_difference": 8.0, "min_elasticity": 0.09, "max_elasticity": 0.12},
        [0, 611, 603, 601, 605, 55],
        "95445599191e59d1",
    ),
    "doubling": (BASE | {"max_iteration": 200}, [0, 101, 101, 101, 101, 101], "dc1d8e21cf061fdd"),
    "halving": (
        SATURATED | {"max_difference": 6.0, "max_iteration": 200},
        [0, 101, 101, 101, 101, 100],
        "92c5b0d163d9247d",
    ),
    "least change": (
        BASE | {"demand": FAST, "max_difference": 60.0, "allocation": _with(FREE, c={"min_change": 0.03})},
        [0, 31, 30, 28, 25, 23],
        "2e7bb73fbdaad5b8",
    ),
    "negative rest": (BASE | {"complementar_lu": "u"}, [0, 142, 202, 202, 203, 202], "7e633342f6a44aba"),
    "correction within bounds": (
        BASE | CORRECTED | {"max_difference": 80.0, "allocation": BOUNDED},
        [0, 29, 62, 152, 62, 84],
        "ad0d91bab47b6fc2",
    ),
    "thin": (LAGGED | {"demand": THIN, "max_difference": 10.0}, [0, 59, 54, 50, 47, 43], "9ecc5bca7682a53f"),
}
LOGARITHMS = {  # case: (parameters, iterations, area of each class after the last step)
    "linear": (
        BASE | TIGHT | {"potential": LOG},
        [0, 10, 10, 10, 9, 9],
        [6461.449340545604, 1337.5837311270327, 349.4199476567024, 579.5469806706533],
    ),
    "lag": (
        LAGGED | {"potential": LOG_LAG, "max_difference": 12.0},
        [0, 47, 54, 44, 33, 20],
        [6459.366634601669, 1342.929941655261, 346.1564430724129, 579.5469806706533],
    ),
}
USES = {  # case: (parameters, iterations of each step, digest of the classes after the last)
    "clue_s": (DISCRETE, [0, 105, 350, 327, 339, 343], "60000a7ce236bbeb"),
    "attract": (
        DISCRETE
        | {
            "max_difference": 15.0,
            "potential_kind": "neigh_attract",
            "potential": [row | {"perc_neighbors_use": 0.3} for row in LOGISTIC],
        },
        [0, 0, 0, 50, 89, 131],
        "eb417e5527a8af6e",
    ),
    "two regions": (
        DISCRETE
        | {
            "max_difference": 8.0,
            "potential": TWO_LOGISTIC,
            "region_attr": "region",
            "transition_matrix": [MATRIX, [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]],
        },
        [0, 93, 80, 325, 323, 359],
        "d77a0365112c6b45",
    ),
    "ordering": (ORDERED, NO_TRIES, "b47fe5d265e827f3"),
    "ordering by neighbours": (
        ORDERED | {"potential_kind": "neigh", "potential": []},
        NO_TRIES,
        "1af0edd14117e28d",
    ),
    "ordering by neighbours, Lua's sort": (
        ORDERED | {"potential_kind": "neigh", "potential": [], "ties": "luccme"},
        NO_TRIES,
        "36591cc1550070ea",
    ),
    "ordering by neighbours and distance": (
        ORDERED
        | {"potential_kind": "neigh_inverse", "potential": ABOUT, "ties": "luccme", "max_difference": 60.0},
        NO_TRIES,
        "3d849c36ef0120fb",
    ),
    "clue_s by distance": (
        DISCRETE | {"potential_kind": "inverse_distance", "potential": NEAR, "max_difference": 3000.0},
        NO_TRIES,
        "cd9728e753148e4c",
    ),
    "clue_s by neighbours and distance": (
        DISCRETE | {"potential_kind": "neigh_inverse", "potential": NEAR, "max_difference": 3000.0},
        NO_TRIES,
        "c530ae1475037b2c",
    ),
}
