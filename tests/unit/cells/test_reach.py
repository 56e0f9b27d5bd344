"""How far a rule sees, and what needs the whole space."""

import random

import numpy as np
import pytest

from dissmodel.cells import CellModel, Classes, Numbers, Parameter
from dissmodel.cells.reach import find_reach, reach_of, watch
from dissmodel.errors import DissmodelWarning
from dissmodel.executor import ExecutorRegistry, wire
from dissmodel.executor.host import Reach
from support.growth import Growth

TABLE = np.array([0.0, 1, 5, 2, 3, 4, 5, 6, 7, 8])


def reach_of_rule(rule, **parameters):
    class Made(CellModel):
        name = "made_of_a_test"
        built = Classes({0: "open", 1: "built"})
        share = Numbers(ge=0, le=1)
        amount = Numbers(ge=-10, le=10)
        radius: int = Parameter(1, ge=1)
        step = rule

    ExecutorRegistry._executors.pop("made_of_a_test")
    return find_reach(Made, Made.Parameters(**parameters))


def alone(self, cells, now):
    self.next.built = 1 - self.built
    self.next.share = np.sqrt(self.share) * np.clip(self.share, 0, 1)


def drawn(self, cells, now):
    self.next.built = np.where(cells.random() < cells.random("fire"), 1, self.built)
    self.next.share[:] = cells.choice([0, 1], weights=[self.share, 1 - self.share])


def in_some_cells(self, cells, now):
    chosen = self.built == 1
    self.next.share[chosen] = self.share[chosen] * 0.5
    self.next.share[~chosen] *= 0.5


def neighbours(self, cells, now):
    self.next.share = self.share + 0.1 * (cells.neighbors(self.share).mean() - self.share)


def added(self, cells, now):
    self.next.amount += 0.1 * cells.neighbors(self.built == 1).sum()


def looked_up(self, cells, now):
    self.next.amount = TABLE[cells.neighbors(self.built == 1).sum()]


def selected(self, cells, now):
    near = cells.neighbors(self.amount).max()
    self.next.amount = np.select([self.share < 0.2, np.isin(self.built, [1])], [1, near], self.amount)


def in_a_mask(self, cells, now):
    ready = np.zeros(cells.size, bool)
    ready[self.share > 0.5] = True
    self.next.built[ready & cells.neighbors(ready).any()] = 1


def of_neighbours(self, cells, now):
    self.next.built[cells.neighbors(cells.neighbors(self.built == 1).sum() > 2).any()] = 1


def of_the_next_state(self, cells, now):
    self.next.built[cells.neighbors(self.built == 1).any()] = 1
    self.next.share[cells.neighbors(self.next.built == 1).any()] = 0


def by_places(self, cells, now):
    self.next.amount = np.clip((cells.x - cells.y) / 1000, -10, 10) + cells.area * 0


def weighted(self, cells, now):
    cell, other = cells.links().T
    east, north = cells.way(cell, other)
    weights = (self.share[cell] + self.share[other]) / np.sqrt(east * east + north * north)
    self.next.amount = np.clip(cells.neighbors(self.share, weights=weights).sum(), -10, 10)


def along_links(self, cells, now):
    cell, other = cells.links(kind="von_neumann").T
    lit = (self.built[cell] == 0) & (self.built[other] == 1)
    spared = np.ones(cells.size)
    np.multiply.at(spared, cell[lit], 1 - self.share[other[lit]])
    self.next.built[cells.random() > spared] = 1


def links_of_all(self, cells, now):
    _ = cells.links()
    self.next.share = self.share * cells.mean(self.share)


def by_distance(self, cells, now):
    self.next.amount[cells.distance_to(self.built == 1) < 60] = 1


def by_zones(self, cells, now):
    zones = cells.zones(self.built)
    self.next.share = zones.on_cells(zones.mean(self.share))


def by_a_parameter(self, cells, now):
    self.next.built[cells.neighbors(self.built == 1, kind="circle", radius=self.radius + 0.5).any()] = 1


@pytest.mark.parametrize(
    ("rule", "cells"),
    [
        *((rule, 0) for rule in (alone, drawn, in_some_cells, by_places)),
        *(
            (rule, 1)
            for rule in (neighbours, added, looked_up, selected, in_a_mask, by_a_parameter, along_links)
        ),
        *((rule, 2) for rule in (of_neighbours, of_the_next_state, weighted)),
    ],
)
def test_the_reach_follows_from_the_neighbours_of_neighbours(rule, cells):
    assert reach_of_rule(rule) == Reach(cells)


def test_the_reach_is_that_of_the_parameters_given():
    assert reach_of_rule(by_a_parameter, radius=3) == Reach(3)
    too_far = reach_of_rule(by_a_parameter, radius=50)
    assert (too_far.cells, too_far.whole) == (None, False)
    assert "50 cells away" in too_far.why


def total(self, cells, now):
    self.next.built[cells.random() < cells.total(self.share) / cells.size] = 1


def reduced(self, cells, now):
    self.next.share = self.share / self.share.max()


def reduced_by_a_ufunc(self, cells, now):
    self.next.share = self.share / np.maximum.reduce(self.share)


def decided(self, cells, now):
    if self.built == 1:
        self.next.built = 0


def sorted_(self, cells, now):
    self.next.built[np.argsort(self.share)[:10]] = 1


def rolled(self, cells, now):
    self.next.share = np.roll(self.share, 1)


def placed(self, cells, now):
    self.next.built[np.where(self.share > 0.5)] = 1


def at_a_place(self, cells, now):
    self.next.share[3] = 1


def looped(self, cells, now):
    self.next.built = [1 if share > 0.5 else 0 for share in self.share]


def pictured(self, cells, now):
    self.next.share = cells.grid(self.share).ravel()


def other_cells(self, cells, now):
    self.next.share[self.built == 1] = self.share[self.built == 0][0]


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (total, "cells.total(…)"),
        (reduced, ".max"),
        (reduced_by_a_ufunc, "np.maximum.reduce(…)"),
        (decided, "the truth of all cells"),
        (sorted_, "np.argsort(…)"),
        (rolled, "np.roll(…)"),
        (placed, "np.where(…)"),
        (at_a_place, "cells by their position"),
        (looped, "a loop over cells"),
        (pictured, "cells.grid(…)"),
        (other_cells, "cells by their position"),
        (by_distance, "cells.distance_to(…)"),
        (links_of_all, "cells.mean(…)"),
        (by_zones, "cells.zones(…)"),
    ],
)
def test_what_needs_the_whole_space_is_named_with_its_line(rule, what):
    found = reach_of_rule(rule)

    line = rule.__code__.co_firstlineno + 1 + (rule is links_of_all)
    assert (found.cells, found.whole) == (None, True)
    assert found.why.endswith(f"test_reach.py, line {line}: {what}")


def hidden(self, cells, now):
    self.next.share = self.share / np.array(self.share).max()


def hidden_in_classes(self, cells, now):
    self.next.built = np.array(self.built).max()


def numbered(self, cells, now):
    self.next.built[np.arange(len(cells)) % 2 == 0] = 1


def drawn_elsewhere(self, cells, now):
    self.next.built[np.random.random(cells.size) < 0.5] = 1  # noqa: NPY002


@pytest.mark.parametrize("rule", [hidden, hidden_in_classes, numbered, drawn_elsewhere])
def test_what_watched_arrays_do_not_see_shows_in_tiles(rule):
    found = reach_of_rule(rule)

    assert (found.cells, found.whole) == (None, True)
    assert "other values" in found.why


def test_a_rule_that_fails_or_warns_or_draws_leaves_everything_as_it_was(recwarn):
    def fails(self, cells, now):
        random.random()
        np.random.random()  # noqa: NPY002
        cells.neighbors(self.share[:]).mean()
        np.log(self.amount)
        raise ZeroDivisionError("no land")

    random.seed(1), np.random.seed(1)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(1), np.random.seed(1)  # noqa: NPY002
    found = reach_of_rule(fails)

    assert (found.cells, found.whole) == (None, False)
    assert found.why.endswith("ZeroDivisionError: no land")
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    assert not [one for one in recwarn if issubclass(one.category, DissmodelWarning)]


def test_a_rule_that_ends_the_program_ends_nothing():
    def leaves(self, cells, now):
        raise SystemExit(3)

    assert "SystemExit: 3" in reach_of_rule(leaves).why


def test_a_function_of_its_own_says_how_far_it_reaches():
    def compiled(self, cells, now):
        result = np.asarray(cells.neighbors(self.share).max())
        self.next.share = watch(result, reach_of(self.share) + 2)

    assert reach_of_rule(compiled) == Reach(2)


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (Reach(1), "reach: 1 cell"),
        (Reach(0), "reach: 0 cells"),
        (
            Reach(None, "growth.py, line 3: np.roll(…)", whole=True),
            "needs the whole space: growth.py, line 3",
        ),
        (Reach(None, "the rule failed"), "reach not known: the rule failed"),
    ],
)
def test_a_reach_in_words(reach, said):
    assert reach.said.startswith(said)


def test_a_reach_is_told_by_another_process():
    for reach in (Reach(1), Reach(None, "np.roll(…)", whole=True), None):
        assert wire.from_wire(Reach | None, wire.to_wire(reach)) == reach


def test_the_model_of_the_docs_sees_one_cell():
    assert Growth.step_reach({"needed": 2}) == Reach(1)
