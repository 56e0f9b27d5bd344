"""The rules of the coastal models in plain Python, cell by cell as they are written: the tests' oracle."""

from dissmodel.models.coastal.parameters import FloodParameters, MangroveParameters

FLOODED = {3, 6, 7, 9, 10}
FLOODED_AS = {1: 9, 8: 9, 2: 10, 4: 7, 5: 6}


def moore(cells):
    """Return {(row, col): its neighbours among `cells`}."""
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    return {
        (row, col): [(row + i, col + j) for i, j in around if (row + i, col + j) in cells]
        for row, col in cells
    }


def flood(old, new, order, beside, r, level):
    """Flood `new`, which is {cell: [uso, solo, alt]} as `old` is; return the number of sources."""
    sources = 0
    for i in order:
        uso, _, alt = old[i]
        if uso not in FLOODED or not alt >= 0:
            continue
        sources += 1
        share = r / (1 + sum(old[j][2] <= alt for j in beside[i]))
        new[i][2] += share
        for j in beside[i]:
            if old[j][2] <= alt:
                new[j][2] += share
            if old[j][2] <= level and old[j][0] not in FLOODED:
                new[j][0] = FLOODED_AS[old[j][0]]
    return sources


def mangrove(old, new, order, beside, reach):
    for i in order:
        for j in beside[i]:
            uso, solo, alt = old[j]
            if old[i][1] in {0, 3, 9} and uso in {2, 5} and solo != 9 and alt <= reach:
                new[j][1] = 9
            if old[i][0] in {1, 8} and uso in {2, 5} and solo in {3, 9} and alt <= reach:
                new[j][0] = 8


def step(old, order, beside, t, parameters):
    """Return {cell: [uso, solo, alt]} after step `t` of the models with these parameters, and the sources.

    `order` lists the cells as they are visited, `beside` holds the neighbours of each.
    """
    level = t * parameters.sea_level_rise_rate
    new = {cell: list(values) for cell, values in old.items()}
    sources = 0
    if not isinstance(parameters, MangroveParameters):
        sources = flood(old, new, order, beside, parameters.sea_level_rise_rate, level)
    if not isinstance(parameters, FloodParameters):
        mangrove(old, new, order, beside, parameters.tide_height + level)
        if parameters.accretion_enabled:
            for i in order:
                if old[i][1] in {3, 9} and old[i][0] not in FLOODED:
                    new[i][2] += 1.693 / 1000 + 0.939 * level
    return new, sources
