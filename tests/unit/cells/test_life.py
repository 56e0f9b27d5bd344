"""Numbers of the Game of Life: from its rule, and from what Gardner and Gosper's group published of it."""

import numpy as np
import pytest

from dissmodel.errors import UsageError
from dissmodel.models.game_of_life import GameOfLife

R_PENTOMINO = ((0, 1), (0, 2), (1, 0), (1, 1), (2, 1))


def board(shape, cells, row=0, col=0):
    alive = np.zeros(shape, np.uint8)
    for down, right in cells:
        alive[row + down, col + right] = 1
    return alive


def by_definition(alive):
    """One step by the text of the rule, cell by cell."""
    rows, cols = alive.shape
    after = np.zeros_like(alive)
    for row in range(rows):
        for col in range(cols):
            around = alive[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2]
            near = int(around.sum()) - int(alive[row, col])
            after[row, col] = near == 3 or (near == 2 and alive[row, col])
    return after


def test_a_blinker_turns(raster, run):
    source = raster(alive=board((5, 5), [(2, 1), (2, 2), (2, 3)]), dtype="uint8", nodata=None)

    turned = run(GameOfLife, source, end_time=1).bands["alive"]
    again = run(GameOfLife, source, "two.tif", end_time=2).bands["alive"]

    assert np.argwhere(turned == 1).tolist() == [[1, 2], [2, 2], [3, 2]]
    assert np.argwhere(again == 1).tolist() == [[2, 1], [2, 2], [2, 3]]


def test_a_glider_moves_one_cell_down_and_right_in_four_steps(raster, run):
    glider = [(0, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    source = raster(alive=board((12, 12), glider, 1, 1), dtype="uint8", nodata=None)

    after = run(GameOfLife, source, end_time=4).bands["alive"]

    assert np.array_equal(after, board((12, 12), glider, 2, 2))


def test_steps_are_those_of_the_definition(raster, run):
    alive = (np.random.default_rng(4).random((23, 31)) < 0.4).astype(np.uint8)
    after = run(GameOfLife, raster(alive=alive, dtype="uint8", nodata=None), end_time=5).bands["alive"]
    for _ in range(5):
        alive = by_definition(alive)

    assert np.array_equal(after, alive)


@pytest.mark.slow
def test_the_r_pentomino_ends_with_116_cells_after_1103_steps(raster, run):
    """It is stable from step 1103 on: 116 cells, six gliders among them (Gosper's group, 1970)."""
    source = raster(alive=board((620, 620), R_PENTOMINO, 310, 310), dtype="uint8", nodata=None)

    population = run(GameOfLife, source, end_time=1105).record.step_metrics["alive_alive"]

    assert population[:6] == [6, 7, 9, 8, 9, 12]
    assert population[1102:] == [116, 116, 116]
    assert population[1101] != 116


def test_another_rule(raster, run):
    """In B2/S (Seeds) every cell dies and one with two neighbours is born."""
    source = raster(alive=board((4, 4), [(1, 1), (1, 2)]), dtype="uint8", nodata=None)

    after = run(GameOfLife, source, end_time=1, rule="B2/S").bands["alive"]

    assert np.argwhere(after == 1).tolist() == [[0, 1], [0, 2], [2, 1], [2, 2]]


def test_a_rule_that_is_none(raster, run):
    source = raster(alive=np.eye(3), nodata=None)

    with pytest.raises(UsageError, match="rule = '3/23' is not a rule of life") as error:
        run(GameOfLife, source, rule="3/23")

    assert error.value.hint == "--param rule=B3/S23"


def test_populations_are_those_of_the_published_table(raster, run):
    """The pattern of ten cells that grows without end, and its population by generation: OEIS A164936."""
    rows = ["00000010", "00001011", "00001010", "00001000", "00100000", "10100000"]
    pattern = [
        (down, right) for down, row in enumerate(rows) for right, cell in enumerate(row) if cell == "1"
    ]
    published = [14, 13, 19, 16, 21, 20, 26, 24, 28, 30, 26, 34, 32, 29, 36, 22, 19, 18, 19, 21, 22, 26, 27]
    published += [38, 38, 46, 52, 54, 55, 58, 58, 51, 63, 38, 43, 36, 38, 41, 42, 39, 38, 36, 42, 47, 58, 60]

    source = raster(alive=board((160, 160), pattern, 75, 75), dtype="uint8", nodata=None)
    run_of_it = run(GameOfLife, source, end_time=len(published))

    assert run_of_it.record.step_metrics["alive_alive"] == published
