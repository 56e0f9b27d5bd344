"""The commands of the examples' pages, as they stand there."""

import csv
import json
from pathlib import Path

import pytest
from example_pages import complete_fitted


def metrics(stem):
    return json.loads(Path(f"{stem}.record.json").read_text())["step_metrics"]


def test_life(follow):
    follow("life")

    population = metrics("after")["alive_alive"]
    # The gun is as it was after 30 steps, and has sent out a glider of five cells.
    assert [36 + 5, 36 + 10] == [population[29], population[59]]


def test_fire(follow):
    follow("fire")

    for stem in ("burned", "calm", "again"):
        measured = metrics(stem)
        assert measured["fire_burned"][-1] > 1000
        assert measured["fire_burned"][-1] * 900 == measured["fire_burned_area_m2"][-1]
    assert metrics("burned") != metrics("again")
    assert Path("burned.preview.png").is_file()


def test_town(follow, dissmodel):
    follow("town")
    words = ("-i", "town.tif", "-p", "demand=demand.csv", "-p")
    enough, short = (dissmodel("validate", "urban_growth", *words, f"end_time={last}") for last in (20, 21))

    demand = [int(row["cells"]) for row in csv.DictReader(Path("demand.csv").read_text().splitlines())]
    assert 20 == len(demand)
    for stem in ("grown", "sprawl"):
        assert demand == metrics(stem)["land_urban"]
    assert Path("grown.preview.png").is_file()
    assert (0, 3) == (enough.code, short.code)
    assert "has no row with year = 2041; it has 2021 to 2040" in short.out


@pytest.mark.slow
def test_land_use(follow):
    pytest.importorskip("statsmodels")
    follow("land_use", smaller=("--rows", "40", "--cols", "50"), after=complete_fitted)

    for stem, demand in (("simulated", "demand_classes"), ("simulated_shares", "demand_shares")):
        rows = [*csv.DictReader(Path(f"{demand}.csv").read_text().splitlines())]
        assert [f"{year}" for year in range(2010, 2021)] == [row["year"] for row in rows]
        measured = metrics(stem)
        assert [float(row["crops"]) for row in rows] == measured["demand_crops"]
        assert all(error <= 20 for error in measured["error"])
    assert Path("simulated.preview.png").is_file()
    found = json.loads(Path("check/validation.json").read_text())
    assert 0 < found["class_map"]["figure_of_merit"] < 1
