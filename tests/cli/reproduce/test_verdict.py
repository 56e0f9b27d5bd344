"""`dissmodel reproduce`: the verdict, and what it leaves."""

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from dissmodel.record import store
from support.cases import mostly_slow
from support.files import names, only


def new_record():
    return only("r.repro-*.record.json")


def test_a_draw_that_no_seed_reaches_is_different_with_the_changed_cells(drawn):
    dissmodel, model = drawn
    before = Path("r.tif").read_bytes(), Path("r.record.json").read_bytes()
    said = dissmodel("reproduce", "r.record.json", "--model", model)
    path, record = new_record()
    recorded = store.read(Path("r.record.json"))
    (uso, alt) = record["reproduction"]["artifacts"]["output"]["parts"]

    assert 4 == said.code
    assert said.out.startswith("different: mine of r.record.json\n")
    assert "band_2, first changed: row 0, column 0 (x 500015.0, y 8999985.0): " in said.out
    assert (0, 5, 20, 0.25) == (uso["changed"], alt["changed"], alt["cells"], alt["share"])
    assert "different" == record["reproduction"]["verdict"]
    assert recorded.record_digest == record["reproduction"]["record_digest"]
    assert recorded.experiment_id == record["reproduces"]
    assert before == (Path("r.tif").read_bytes(), Path("r.record.json").read_bytes())
    stem = f"r.repro-{record['experiment_id'][:8]}"
    assert [*sorted(["in.tif", "r.record.json", f"{stem}.record.json", f"{stem}.tif", "r.tif"])] == names()
    assert f"{stem}.tif" == record["output_path"]
    assert 0 == dissmodel("record", "verify", path).code


def test_the_same_seed_is_the_same_file(raster, raster_model, plant):
    model = raster_model(run="data[0][1] = np.random.random(data[0][1].shape); return data")
    raster("run", model, "-i", "in.tif", "-o", "r.tif", "--seed", 7, "-q")
    said = raster("reproduce", "r.record.json", "--model", model)
    _, record = new_record()

    assert (0, 7) == (said.code, record["seed"])
    assert "identical-file: mine of r.record.json (the same bytes)" in said.out

    plant(lambda document: document.update(seed=8))
    other = raster("reproduce", "r.record.json", "--model", model, "--check")

    assert (4, "different") == (other.code, other.out.partition(":")[0])


SUMS = """
from concurrent.futures import ThreadPoolExecutor
from dissmodel.executor.config import settings

def total(values):
    '''The sum of as many partial sums as there are threads.'''
    threads = settings.threads or 1
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda part: sum(part.tolist()), np.array_split(values, threads)), 0.0)
"""


def test_a_sum_that_depends_on_the_threads_is_different_with_another_number_of_them(
    raster, raster_model, write_raster
):
    rng = np.random.default_rng(1)
    values = rng.normal(size=1000) * 10.0 ** rng.integers(-8, 8, 1000)
    assert sum(values.tolist()) != sum(values[:500].tolist()) + sum(values[500:].tolist())
    write_raster("in.tif", values.reshape(1, 20, 50))
    model = raster_model(
        head=SUMS,
        run="data[0][0, 0, 0] = total(data[0].ravel()); return data",
    )
    raster("run", model, "-i", "in.tif", "-o", "r.tif", "--threads", 2, "-q")
    as_recorded = raster("reproduce", "r.record.json", "--model", model, "--check")
    alone = raster("reproduce", "r.record.json", "--model", model, "--check", "--threads", 1, "--json")
    (part,) = alone.json["artifacts"]["output"]["parts"]

    assert (0, 4) == (as_recorded.code, alone.code)
    assert ("different", 1) == (alone.json["verdict"], part["changed"])
    assert {"what": "thread limit", "recorded": "2", "now": "1", "matters": True} in alone.json["changed"]
    assert "thread limit 2 → 1" in alone.err


def test_all_of_it_in_json(drawn):
    dissmodel, model = drawn
    said = dissmodel("reproduce", "r.record.json", "--model", model, "--rtol", 0, "--json")
    found = said.json
    output = found["artifacts"]["output"]

    assert (4, 1, "different", False) == (
        said.code,
        *(found[name] for name in ("schema_version", "verdict", "same")),
    )
    assert ("different", "raster", {"rtol": 0.0, "atol": 0.0}) == (
        output["verdict"],
        output["kind"],
        output["tolerance"],
    )
    assert found["record"]["reproduction"]["verdict"] == found["verdict"]
    assert found["record"]["reproduction"]["changed"] == found["changed"]
    assert {"rtol": 0.0, "atol": 0.0} == found["record"]["reproduction"]["tolerance"]
    assert Path(found["files"]["output"]).is_file()
    assert store.read_document(Path(found["record_path"])) == found["record"]


@pytest.mark.slow
def test_a_tolerance_is_for_numbers_and_not_for_the_classes_of_the_model(raster, raster_model, plant):
    draw = "np.random.Generator(np.random.PCG64()).random(5)"  # which no seed of a run reaches
    near = {"run": f"data[0][1, 0] += {draw} / 4; return data"}
    head = "from dissmodel.geo.legend import CellClass"
    legend = "legends = {{{0!r}: (CellClass(1, 'low', '#000000'),)}}"
    measured = raster_model(**near)
    band_2, alt = (
        raster_model(name, head=head, cls=legend.format(name), **near) for name in ("band_2", "alt")
    )
    raster("run", measured, "-i", "in.tif", "-o", "r.tif", "-q")

    def verdict(model):
        said = raster("reproduce", "r.record.json", "--check", "--atol", 1, "--model", model)
        return said.code, said.out.partition(":")[0]

    assert [(0, "within-tolerance"), (4, "different"), (0, "within-tolerance")] == [
        verdict(model) for model in (measured, band_2, alt)
    ]
    plant(lambda document: document.update(band_map={"alt": "band_2"}))
    assert (4, "different") == verdict(alt)


def test_a_folder_and_files_that_the_model_names_are_matched(raster, executor_file):
    save = (
        "d = Path(record.output_path); d.mkdir(); (d / 'report.md').write_bytes(b'r'); "
        "(d / 'sub').mkdir(); (d / 'sub' / 'plot.txt').write_bytes(b'p'); "
        "record.add_artifact('output', self._sha256(d / 'report.md')); return record"
    )
    model = executor_file(save=save)
    raster("run", model, "-i", "in.tif", "-o", "val/", "-q")
    said = raster("reproduce", "val.record.json", "--model", model, "--json")

    assert (0, {"output", "plot.txt"}) == (said.code, said.json["artifacts"].keys())
    assert Path(said.json["files"]["output"]).parent.name.startswith("val.repro-")


def test_files_beside_the_output_are_matched_whatever_the_output_is_called(raster, executor_file):
    save = (
        "p = Path(record.output_path); p.write_bytes(b'1'); p.with_suffix('.log').write_bytes(b'l'); "
        "p.with_name('side.md').write_bytes(b's'); return record"
    )
    model = executor_file(save=save)
    raster("run", model, "-i", "in.tif", "-o", "r.bin", "-q")
    said = raster("reproduce", "r.record.json", "--model", model, "--json")

    assert (0, {"output", "r.log", "side.md"}) == (said.code, said.json["artifacts"].keys())
    assert b"s" == Path("side.md").read_bytes()
    more = save.replace("return", "p.with_name('more.md').write_bytes(b'm'); return")
    fewer = save.replace("p.with_name('side.md').write_bytes(b's'); ", "")
    for changed, name, whose in ((more, "more.md", "recorded"), (fewer, "side.md", "new")):
        other = raster(
            "reproduce", "r.record.json", "--model", executor_file(save=changed), "--check", "--json"
        )
        verdicts = {one: found["verdict"] for one, found in other.json["artifacts"].items()}

        assert (4, "different") == (other.code, verdicts.pop(name))
        assert {"identical-file"} == set(verdicts.values())
        assert [f"The {whose} run has no such file."] == other.json["artifacts"][name]["why"]


def test_without_the_recorded_file_its_digests_are_compared(copied, raster_model):
    dissmodel, _ = copied
    Path("r.tif").unlink()
    words = ("reproduce", "r.record.json", "--check", "--json", "--model")
    packed = dissmodel(*words, raster_model(run="data[1]['compress'] = 'lzw'; return data"))
    moved = dissmodel(*words, raster_model(run="data[0][1, 0, 0] += 1; return data"))
    smaller = dissmodel(*words, raster_model(run="data[1]['width'] = 4; return data[0][:, :, :4], data[1]"))

    assert (0, "identical-content") == (packed.code, packed.json["verdict"])
    assert (4, "different", []) == (
        moved.code,
        moved.json["verdict"],
        moved.json["artifacts"]["output"]["parts"],
    )
    assert "'band_2' differs." in moved.json["artifacts"]["output"]["why"]
    assert (4, "not-comparable") == (smaller.code, smaller.json["verdict"])


def test_a_recorded_file_that_was_changed_is_not_what_is_compared_with(drawn):
    dissmodel, model = drawn
    shutil.copy("in.tif", "r.tif")
    said = dissmodel("reproduce", "r.record.json", "--model", model, "--check")

    assert 4 == said.code
    assert "'band_2' differs." in said.out


@pytest.mark.fast_cases("coastal_vector-.parquet")
@pytest.mark.parametrize(
    ("model", "suffix"),
    mostly_slow(
        [
            *product(
                ["coastal_vector", "flood_vector", "mangrove_vector"],
                [".gpkg", ".parquet", ".fgb", ".geojson", ".shp"],
            )
        ],
        ("coastal_vector", ".parquet"),
        ("flood_vector", ".shp"),
        ("mangrove_vector", ".gpkg"),
    ),
)
def test_every_built_in_model_on_polygons_comes_again_byte_for_byte(dissmodel, make_coast, model, suffix):
    make_coast.main(["--rows", "12", "--cols", "15", "--output", "cells.gpkg"])
    dissmodel("run", model, "-i", "cells.gpkg", "-o", f"r{suffix}", "-p", "end_time=3", "-q")
    said = dissmodel("reproduce", "r.record.json", "--json")

    assert (0, "identical-file") == (said.code, said.json["verdict"])


@pytest.mark.fast_cases("mangrove_raster-('-p', 'accretion_enabled=true')")
@pytest.mark.parametrize(
    ("model", "words"),
    mostly_slow(
        [
            *product(["coastal_raster", "flood_raster", "mangrove_raster"], [(), ("--threads", "2")]),
            *product(["coastal_raster", "mangrove_raster"], [("-p", "accretion_enabled=true")]),
        ],
        ("coastal_raster", ("--threads", "2")),
        ("flood_raster", ()),
        ("mangrove_raster", ("-p", "accretion_enabled=true")),
    ),
    ids=str,
)
def test_every_built_in_model_on_rasters_comes_again_byte_for_byte(dissmodel, make_coast, model, words):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])
    dissmodel("run", model, "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=3", *words, "-q")
    said = dissmodel("reproduce", "r.record.json", "--json")

    assert (0, "identical-file") == (said.code, said.json["verdict"])
    recorded = store.read_document(Path("r.record.json"))
    for name in ("parameters", "parameter_origin", "resolved_spec", "band_map", "column_map", "input_format"):
        assert recorded[name] == said.json["record"][name]
