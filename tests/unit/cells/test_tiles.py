"""A run in tiles has the bits of the run in memory: its result, its measures, the states that it keeps."""

import hashlib
import json
import math
import pickle

import numpy as np
import pytest

from dissmodel.cells import CellModel, Classes, Neighbors, Numbers, Parameter, Value, draws, kernel
from dissmodel.cells.mistakes import ModelMistake
from dissmodel.cells.tiles import examine, journal, run, task
from dissmodel.cells.tiles import plan as plans
from dissmodel.cells.tiles.plan import Plan
from dissmodel.errors import UsageError
from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.executor.config import RunContext, within
from dissmodel.executor.host import Reach
from dissmodel.models.fire_spread import FireSpread
from dissmodel.models.game_of_life import GameOfLife
from dissmodel.models.urban_growth import UrbanGrowth

SHAPE = (23, 14)


class Heat(CellModel):
    """Means of floats, draws with a name and without, a field with a default, measures of many kinds."""

    name = "tiled_heat"
    heat = Numbers(ge=-10, le=10)
    rate = Numbers(changes=False)
    kind = Classes({0: "cold", 3: "warm"}, default=0)

    def step(self, cells, now):
        near = cells.neighbors(self.heat).mean()
        drawn = cells.random("noise") - 0.5
        self.next.heat = self.heat + self.rate * (near - self.heat) + drawn * now * cells.random()
        self.next.kind = np.where(near > 0.5, 3, 0)
        self.next.kind[cells.random() < 0.1] = 0

    def measure(self, cells):
        warm = cells.count(self.kind == 3)
        return {
            "share": warm / cells.size,
            "mean": cells.mean(self.heat),
            "total": cells.total(self.heat * cells.area),
            "edge": cells.count(cells.neighbors(self.kind == 3).any()),
            "drawn": cells.mean(cells.random()),
        }


@kernel
def next_fire(fire: Value, near: Neighbors, draw: Value, chance: float) -> int:
    if fire == 2:
        return 3
    return 2 if fire == 1 and draw < chance * near.count(2) else fire


class CompiledFire(CellModel):
    name = "tiled_fire"
    fire = Classes({0: "bare", 1: "fuel", 2: "burning", 3: "burnt"})
    chance: float = Parameter(0.3)

    def step(self, cells, now):
        self.next.fire = next_fire(cells, self.fire, cells.neighbors(self.fire), cells.random(), self.chance)


class Twice(CellModel):
    """Neighbours of neighbours: a reach of 2."""

    name = "tiled_twice"
    wet = Classes({0: "dry", 1: "wet"})

    def step(self, cells, now):
        crowded = cells.neighbors(self.wet == 1).sum() > 2
        self.next.wet = cells.neighbors(crowded).sum() > cells.random() * 6


def pictures(model):
    draw = np.random.default_rng(5)
    codes = {
        Heat: {},
        CompiledFire: {"fire": [0, 1, 1, 1, 2]},
        Twice: {"wet": [0, 1], "other": [0, 1, 7]},
        GameOfLife: {"alive": [0, 1]},
        FireSpread: {"fire": [1, 2, 2, 3], "vegetation": [0, 1, 2, 3], "density": [1, 2, 3]},
    }[model]
    found = {name: draw.choice(some, SHAPE).astype(float) for name, some in codes.items()}
    if model is Heat:
        found |= {"heat": draw.random(SHAPE), "rate": draw.random(SHAPE)}
    if model is FireSpread:
        found["elevation"] = 50 * draw.random(SHAPE)
    return found


@pytest.fixture
def lifecycle(tmp_path, monkeypatch):
    """Return a function that runs a model, with a plan in tiles: bytes by name, measures, the record."""
    monkeypatch.setattr(examine, "_bytes_per_cell", lambda *_: 50)

    def lifecycle(
        model, source, plan=None, *, resume=False, memory=10**9, threads=None, until="", **parameters
    ):
        record = ExperimentRecord(
            model_name=model.name,
            source={"uri": str(source)},
            parameters={"end_time": 5, **parameters},
            output_path=str(tmp_path / "out.tif"),
            seed=4,
            until=until,
        )
        if plan is None:
            execute_lifecycle(model(), record)
        else:
            rows, steps = plan
            monkeypatch.setattr(
                run, "choose", lambda *given: Plan(rows, steps, given[2].step.cells, given[2].measure)
            )
            context = RunContext(
                tmp_path, threads=threads, memory=memory, tiles=tmp_path / "tiles", resume=resume
            )
            with within(context):
                execute_lifecycle(model(), record)
            assert record.tiles.rows == plan[0]
        files = {one.name: one.read_bytes() for one in tmp_path.glob("out.*")}
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        for name in files:
            (tmp_path / name).unlink()
        return digests, record.step_metrics, record

    return lifecycle


def _holes(bands, share):
    hole = np.random.default_rng(1).random(SHAPE) < share
    return {name: np.where(hole, -9999.0, band) for name, band in bands.items()}, hole


def _shuffled(hole, step):
    order = np.full(SHAPE, -9999.0)
    numbers = np.random.default_rng(2).permutation(step * (~hole).sum())
    order[~hole] = numbers[: (~hole).sum()] - (step - 1)
    return order


def _source(raster, model, share, step):
    """Write a raster with holes; with `step` in an order whose numbers have such gaps."""
    bands, hole = _holes(pictures(model), share)
    if step:
        bands["order"] = _shuffled(hole, step)
    return raster(**bands)


def _emptied(folder):
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("model", "share", "step", "plan"),
    [
        (Heat, 0.2, 0, (6, 2)),
        (Heat, 0.0, 1, (9, 5)),
        (CompiledFire, 0.2, 0, (6, 2)),
        (Twice, 0.2, 3, (4, 3)),
        (GameOfLife, 0.0, 0, (1, 1)),
        (FireSpread, 0.2, 0, (6, 2)),
    ],
)
def test_a_result_has_the_bits_of_memory(model, share, step, plan, raster, lifecycle):
    source = _source(raster, model, share, step)

    assert lifecycle(model, source, every=2)[:2] == lifecycle(model, source, plan, every=2)[:2]


@pytest.mark.slow
@pytest.mark.parametrize("model", [Heat, CompiledFire, Twice, GameOfLife, FireSpread])
@pytest.mark.parametrize(("share", "step"), [(0.0, 0), (0.2, 0), (0.2, 1), (0.2, 3)])
def test_any_tiles_give_these_bits(model, share, step, raster, lifecycle, tmp_path):
    source = _source(raster, model, share, step)
    expected = lifecycle(model, source, every=3)

    for rows, steps, threads in ((1, 1, 1), (1, 5, 2), (5, 2, 1), (9, 4, 2), (23, 5, 1)):
        found = lifecycle(model, source, (rows, steps), threads=threads, every=3)
        _emptied(tmp_path / "tiles")
        assert expected[:2] == found[:2]


def test_a_condition_ends_a_run_within_a_round(raster, lifecycle):
    source = _source(raster, GameOfLife, 0.0, 0)
    counts = lifecycle(GameOfLife, source)[1]["alive_alive"]
    until = f"alive_alive <= {min(counts[:3])}"

    expected, found = (
        lifecycle(GameOfLife, source, until=until),
        lifecycle(GameOfLife, source, (8, 5), until=until),
    )

    assert len(expected[1]["step"]) < 5
    assert expected[:2] == found[:2]


class _Killed(BaseException):
    pass


def _killed_at(monkeypatch, number):
    """Let a run end before it advances this tile of all that it advances."""
    calls = []
    advance = task.advance_tile

    def advance_tile(given):
        calls.append(given.number)
        if len(calls) == number:
            raise _Killed
        return advance(given)

    monkeypatch.setattr(run, "advance_tile", advance_tile)
    return calls


def test_a_run_goes_on_at_its_last_finished_round(raster, lifecycle, monkeypatch, tmp_path):
    source = _source(raster, Heat, 0.2, 0)
    expected = lifecycle(Heat, source, every=2)
    with monkeypatch.context() as patch:
        _killed_at(patch, 8)  # two rounds of three tiles are finished
        with pytest.raises(_Killed):
            lifecycle(Heat, source, (9, 2), every=2)
    for path in tmp_path.glob("out.*"):  # as the next run sweeps them
        path.unlink()
    calls = _killed_at(monkeypatch, 0)

    found = lifecycle(Heat, source, (5, 3), resume=True, every=2)

    assert expected[:2] == found[:2]
    # Then a round is a step, for the state after step 4 is kept; and there are 5 tiles.
    assert found[2].tiles.resumed_after == 4
    assert len(calls) == 5


def test_a_folder_of_another_run_is_refused(raster, lifecycle, monkeypatch, tmp_path):
    source = _source(raster, GameOfLife, 0.0, 0)
    with monkeypatch.context() as patch:
        _killed_at(patch, 4)
        with pytest.raises(_Killed):
            lifecycle(GameOfLife, source, (9, 2))
    journal = tmp_path / "tiles" / "journal.json"
    written = journal.read_text()

    with pytest.raises(UsageError, match="parameters differ"):
        lifecycle(GameOfLife, source, (9, 2), resume=True, rule="B36/S23")
    journal.write_text(written.replace("alive", "alife"))
    with pytest.raises(UsageError, match="not written by this user"):
        lifecycle(GameOfLife, source, (9, 2), resume=True)
    journal.write_text(written[:-20])
    with pytest.raises(UsageError, match="can't be read"):
        lifecycle(GameOfLife, source, (9, 2), resume=True)
    journal.write_text(written)
    state = tmp_path / "tiles" / json.loads(json.loads(written)["journal"])["state"]["alive"][0]
    with state.open("r+b") as stream:
        stream.write(b"\1")
    with pytest.raises(UsageError, match="alive changed since"):
        lifecycle(GameOfLife, source, (9, 2), resume=True)


class Mean(CellModel):
    name = "tiled_mean"
    heat = Numbers()

    def step(self, cells, now):
        self.next.heat = self.heat - (cells.mean(self.heat) if now == 4 else 0.0)


class Spread(CellModel):
    name = "tiled_spread"
    heat = Numbers()

    def step(self, cells, now):
        self.next.heat = self.heat + 1

    def measure(self, cells):
        mean = cells.mean(self.heat)
        return {"spread": cells.mean((self.heat - mean) * (self.heat - mean))}


@pytest.mark.parametrize(("model", "why"), [(Mean, r"cells\.mean"), (Spread, "values that depend on a sum")])
def test_what_needs_the_whole_space_says_so(model, why, raster, lifecycle):
    source = raster(heat=np.ones(SHAPE))

    with pytest.raises(UsageError, match=why):
        lifecycle(model, source, (9, 2))


def test_the_allocation_to_a_demand_needs_the_whole_space(raster, lifecycle):
    source = raster(land=np.ones(SHAPE), suitability=np.ones(SHAPE))
    demand = [{"year": 2020 + step, "cells": 5} for step in range(6)]

    with pytest.raises(UsageError, match=r"needs the whole space: .*urban_growth\.py"):
        lifecycle(UrbanGrowth, source, (9, 2), demand=demand)


def test_too_little_memory_is_refused_with_what_is_needed():
    examined = examine.Examined(Reach(1), bytes_per_cell=60)

    with pytest.raises(UsageError, match=r"a tile of 6 rows of 1000000 cells 434\.7MB"):
        plans.choose(100_000_000, 63, examined, (1000, 1_000_000), 5)


def test_a_plan_keeps_within_the_memory(monkeypatch):
    monkeypatch.setattr(plans, "anonymous_memory", lambda: 60_000_000)
    examined = examine.Examined(Reach(2), measure=1)

    plan = plans.choose(1_000_000_000, 20, examined, (20_000, 20_000), 5)

    window = plan.rows + 2 * plan.halo(plan.steps)
    assert plan.steps == 5
    assert 0.8e9 < 60e6 + 60e6 + 1.15 * 20 * 20_000 * window < 1e9


def test_draws_of_any_ranks_are_those_of_all_ranks():
    ranks = np.unique(np.random.default_rng(3).integers(0, 70_000, 20_000))

    for seed, stream, step in ((0, 0, 0), (2**64 - 1, 2**64 - 1, 2**63), (7, 5, 3)):
        whole = draws.uniform(seed, stream, step, 0, 70_000)
        np.testing.assert_array_equal(whole[ranks], draws.uniform_at(seed, stream, step, ranks))


def test_rows_are_read_from_files_of_their_own(tmp_path):
    picture = np.arange(60.0).reshape(12, 5)
    slabs = []
    for first, last in ((0, 5), (5, 9), (9, 12)):
        path = str(tmp_path / f"{first}.rows")
        task.Target(path, apart=True).write(picture[first:last], first)
        slabs.append(task.Slab(path, first, last - first))

    stored = task.Stored("<f8", 5, tuple(slabs))

    assert 3 == len(list(tmp_path.iterdir()))
    for first, last in ((0, 12), (3, 10), (6, 8), (9, 12)):
        np.testing.assert_array_equal(picture[first:last], stored.read(first, last))


def test_a_task_can_be_handed_to_another_process(raster, lifecycle, monkeypatch):
    given = []
    advance = task.advance_tile
    monkeypatch.setattr(
        run, "advance_tile", lambda one: given.append(one) or advance(pickle.loads(pickle.dumps(one)))
    )
    source = _source(raster, Heat, 0.2, 0)

    found = lifecycle(Heat, source, (6, 2))

    assert 4 * 3 == len(given)
    assert lifecycle(Heat, source)[:2] == found[:2]


class Peak(CellModel):
    """A measure that looks at all cells only where there are more than a made-up space has."""

    name = "tiled_peak"
    heat = Numbers()
    kind = Classes({0: "cold", 1: "warm"}, default=1)

    def step(self, cells, now):
        self.next.heat = self.heat + 1

    def measure(self, cells):
        return {"peak": float(self.heat.max()) if cells.count(self.kind == 1) > 300 else 0.0}


def test_a_measure_that_turns_out_to_need_the_whole_space_says_so(raster, lifecycle):
    source = raster(heat=np.ones(SHAPE))

    with pytest.raises(ModelMistake, match=r"This needs the whole space: \.max") as found:
        lifecycle(Peak, source, (9, 2))

    assert found.value.hint.startswith("Without --memory")  # the run may have chosen tiles itself


class Huge(CellModel):
    name = "tiled_huge"
    heat = Numbers()
    kind = Classes({0: "cold", 1: "warm"}, default=0)

    def step(self, cells, now):
        self.next.kind = now % 2

    def measure(self, cells):
        return {"total": cells.total(self.heat)}


def test_a_sum_beyond_floats_is_that_of_memory(raster, lifecycle):
    source = raster(heat=np.full(SHAPE, 1.7e308))

    expected, found = lifecycle(Huge, source)[1], lifecycle(Huge, source, (9, 2))[1]

    assert [math.inf] * 5 == found["total"]
    assert expected == found


class Brittle(CellModel):
    name = "tiled_brittle"
    heat = Numbers(le=3)

    def step(self, cells, now):
        self.next.heat = self.heat + 1

    def measure(self, cells):
        return {"mean": cells.mean(self.heat)}


def test_a_step_that_would_fail_after_the_end_is_not_done(raster, lifecycle):
    source = raster(heat=np.zeros(SHAPE))

    expected, found = (lifecycle(Brittle, source, plan, until="mean >= 2") for plan in (None, (9, 5)))

    assert [1, 2] == found[1]["step"]
    assert expected[:2] == found[:2]


class Careful(CellModel):
    name = "tiled_careful"
    heat = Numbers()

    def step(self, cells, now):
        if len(self.heat) > 1000:
            raise ValueError("too many cells")
        self.next.heat = self.heat + 1


def test_a_rule_that_fails_where_memory_is_measured_is_named():
    found = examine.examine(Careful, Careful.Parameters(), range(1, 3))

    assert "failed on a made-up space: ValueError: too many cells" in found.step.said


def test_a_run_with_a_field_of_another_band_or_another_suffix_is_another_run():
    def of(band, output=None):
        other = {"role": "input", "name": "alt", "fields": {"alt": {"name": band, "how": "exact"}}}
        return journal.run_of(ExperimentRecord(model_name="any", sources=[other], output_path=output))

    assert json.loads(json.dumps(of("dem"))) == of("dem") == of("dem", "named.tif")
    assert of("dem") != of("slope")
    assert of("dem") != of("dem", "named.tiff")


class Share(CellModel):
    """The number of cells decides only where there are more than a made-up space has."""

    name = "tiled_share"
    heat = Numbers()

    def step(self, cells, now):
        self.next.heat = self.heat + np.ones(cells.size) * min(1.0, 5000 / cells.size)


def test_what_is_computed_with_the_number_of_cells_needs_the_whole_space(raster, lifecycle):
    source = raster(heat=np.ones((80, 80)))

    with pytest.raises(UsageError, match=r"a number computed with cells\.size"):
        lifecycle(Share, source, (40, 1))
