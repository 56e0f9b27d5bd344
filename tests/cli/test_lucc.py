"""`dissmodel lucc`: tables, and records of them."""

import tomllib
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from support.files import document, names


def write(name, **bands):
    rows, cols = next(iter(bands.values())).shape
    place = Affine(100, 0, 0, 0, -100, 0)
    with rasterio.open(
        name,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=len(bands),
        dtype="float64",
        crs="EPSG:31983",
        transform=place,
    ) as file:
        for number, (called, band) in enumerate(bands.items(), start=1):
            file.write(band, number)
            file.set_band_description(number, called)


def test_a_fit_and_a_demand_leave_records_that_come_again(dissmodel):
    draw = np.random.default_rng(8)
    slope = draw.uniform(0, 1, (20, 20))
    use = 1.0 + (draw.random((20, 20)) < slope)
    write("a.tif", use=use, slope=slope)
    write("b.tif", use=np.where(draw.random((20, 20)) < 0.1, 2.0, use))
    words = ("--classes", "forest,crop", "--drivers", "slope", "-o", "potential.toml", "--sample", "300")

    fitted = dissmodel("lucc", "fit", "-i", "a.tif", *words, "--seed", "5")
    made = dissmodel(
        *(
            "lucc",
            "demand",
            "--from",
            "a.tif",
            "--to",
            "b.tif",
            "--years",
            "2010,2020,2022",
            "-o",
            "demand.csv",
        )
    )

    assert (0, "") == (fitted.code, fitted.err)
    assert (0, "") == (made.code, made.err)
    assert "ok: crop: logistic: R² " in fitted.out
    table = tomllib.loads(Path("potential.toml").read_text(encoding="utf-8"))
    assert ["forest", "crop"] == [entry["lu"] for entry in table["model"]["potential"]]
    assert ["year,1,2", "2020"] == [
        line[:8].rstrip(",") if place == 0 else line[:4]
        for place, line in enumerate(Path("demand.csv").read_text(encoding="utf-8").splitlines()[:2])
    ]
    record = document("potential.record.json")
    assert (5, 300) == (record["parameters"]["seed"], record["parameters"]["sample"])
    assert ["end"] == [one["name"] for one in document("demand.record.json")["sources"]]
    assert [0, 0] == [
        dissmodel("record", "verify", f"{name}.record.json").code for name in ("potential", "demand")
    ]
    again = dissmodel("reproduce", "potential.record.json", "-o", "again.toml")
    assert (0, Path("potential.toml").read_bytes()) == (again.code, Path("again.toml").read_bytes())


def test_what_is_not_right_is_said_before_anything_is_written(dissmodel):
    write("a.tif", use=np.ones((3, 3)), slope=np.ones((3, 3)))

    same = dissmodel("lucc", "fit", "-i", "a.tif", "--classes", "f,d", "--drivers", "slope", "-o", "p.toml")
    years = dissmodel("lucc", "demand", "--from", "a.tif", "--to", "a.tif", "--years", "2010", "-o", "d.csv")

    assert 3 == same.code
    assert "The class 'f' occurs in every cell alike" in same.err
    assert 2 == years.code
    assert "years" in years.err
    assert not {"p.toml", "d.csv"} & set(names())
