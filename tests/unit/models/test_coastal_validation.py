"""Both substrates on one input, and what is said of them."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from PIL import Image

from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.executor import ExecutorRegistry, ExperimentRecord, execute_lifecycle
from dissmodel.executor.findings import RAISED
from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.geo.legend import CellClass
from dissmodel.io.vector import save_gdf
from dissmodel.models.coastal.parameters import ValidationParameters
from dissmodel.models.coastal.report import Subject, agreement, in_words, report
from dissmodel.models.coastal.validation import CoastalValidation, Pair
from dissmodel.visualization import scatter

FAST = {"sea_level_rise_rate": 0.5, "end_time": 8}


def squares(rows=12, cols=9, *, gap=0.0, uso=None, crs="EPSG:31983"):
    """A coast of squares in no order, each smaller by `gap` on every side; who is beside whom is geometry."""
    row, col = (part.ravel() for part in np.indices((rows, cols)))
    visit = np.random.default_rng(5).permutation(row.size)
    row, col = row[visit], col[visit]
    return geopandas.GeoDataFrame(
        {
            "uso": np.select([col < 2, col < 4, col < 7], [3, 1, 2], 4) if uso is None else uso,
            "alt": col * 0.3 + row * 0.01,
            "solo": np.where(row == 5, 0, np.where(col < 4, 3, 4)),
        },
        geometry=shapely.box(col * 30 + gap, -row * 30 - 30 + gap, col * 30 + 30 - gap, -row * 30 - gap),
        crs=crs,
    )


@pytest.fixture
def validate(tmp_path):
    """Run coastal_validation on a file or a frame; return the record."""

    def run(source, output="val", parameters=FAST, **fields):
        if isinstance(source, geopandas.GeoDataFrame):
            save_gdf(source, tmp_path / "cells.gpkg")
            source = tmp_path / "cells.gpkg"
        record = ExperimentRecord(
            model_name="coastal_validation",
            source={"uri": str(source)},
            output_path=str(tmp_path / output),
            parameters=parameters,
            **fields,
        )
        return execute_lifecycle(CoastalValidation(), record)[0]

    return run


@pytest.mark.slow
def test_the_coast_of_maranhao_agrees_bit_for_bit(shared, validate, tmp_path):
    source = shared("elevacao_pol.zip")

    record = validate(source, parameters={"sea_level_rise_rate": 0.5, "end_time": 11})

    assert ["ok"] == [note.severity for note in record.findings]
    assert not record.differs
    for name in ("uso", "alt", "solo"):
        assert 100 == record.metrics[f"match_{name}_percent"]
        assert {0} == {record.metrics[f"{what}_{name}"] for what in ("mae", "rmse", "max_error")}
    assert 50496 == record.metrics["cells"] == record.grid.cells
    assert (323, 349) == record.grid.shape
    assert record.metrics["time_per_step_raster_sec"] > 0
    assert record.metrics["time_per_step_vector_sec"] > 0
    assert 2469 == record.step_metrics["flooded"][-1]
    assert str(tmp_path / "val" / "report.md") == record.output_path
    page = Path(record.output_path).read_text(encoding="utf-8")
    for words in (
        "The substrates agree.",
        "50,496 cells",
        "| alt | m | 50,496 | 0 | 100 | 0 | 0 | 0 |",
        "elevacao_pol.zip",
        hashlib.sha256(source.read_bytes()).hexdigest(),
        "323 rows × 349 columns",
        "1 to 11",
        "| sea_level_rise_rate | `0.5` | m/step |",
        "| tide_height | `6.0` | m |",
    ):
        assert words in page


@pytest.mark.slow
def test_the_digests_are_those_of_the_files(validate, tmp_path):
    record = validate(squares())

    files = {"output": tmp_path / "val" / "report.md", "scatter": tmp_path / "val" / "scatter.png"}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == (
        record.artifacts
    )
    assert {"report.md", "scatter.png"} == {path.name for path in (tmp_path / "val").iterdir()}
    source = (tmp_path / "cells.gpkg").read_bytes()
    assert hashlib.sha256(source).hexdigest() == record.source.checksum


def test_polygons_that_do_not_meet_differ_from_their_pixels(validate):
    # A millimetre between them: each is an island as a polygon, and has eight neighbours as a pixel.
    record = validate(squares(gap=0.001))

    assert record.differs
    assert ["uso", "alt", "solo"] == [note.subject for note in record.findings]
    assert {"differs"} == {note.severity for note in record.findings}
    # Pixels side by side: 12 · 8 + 11 · 9; corner to corner: 2 · 11 · 8; each link counted both ways.
    assert "742 links between neighbours, the polygons 0" in record.findings[0].hint
    assert record.metrics["match_alt_percent"] < 100
    page = Path(record.output_path).read_text(encoding="utf-8")
    assert "The substrates differ." in page
    assert record.step_metrics["newly_flooded"] != record.step_metrics["newly_flooded_vector"]
    assert "sea_level_vector" not in record.step_metrics


@pytest.mark.slow
def test_row_and_col_bring_them_together_again(validate):
    apart = squares(gap=0.001)
    bounds = apart.bounds
    apart["row"], apart["col"] = (-bounds.maxy // 30).astype(int), (bounds.minx // 30).astype(int)

    assert not validate(apart).differs


@pytest.mark.fast_cases("0.25-0")
@pytest.mark.parametrize(("tolerance", "apart"), [(0, 2), (0.2, 2), (0.25, 0)])
def test_a_tolerance_is_of_elevations(validate, tolerance, apart):
    # Two cells of sea at 0 and 1 m, one step of 0.5 m. As pixels the lower one keeps its 0.5 m and gets half
    # of the other's: 0.75 and 1.25 m. As polygons that do not meet each keeps its own: 0.5 and 1.5 m.
    sea = squares(1, 2, gap=0.001, uso=3).assign(alt=[0.0, 1.0], solo=4)

    record = validate(sea, parameters={**FAST, "end_time": 1, "tolerance": tolerance})

    assert ["differs" if apart else "ok"] == [note.severity for note in record.findings]
    metrics = record.metrics
    assert (0.25, 0.25, 0.25) == (metrics["mae_alt"], metrics["rmse_alt"], metrics["max_error_alt"])
    assert (100 - 50 * apart, 100, 100) == tuple(
        metrics[f"match_{name}_percent"] for name in ("alt", "uso", "solo")
    )


def test_classes_have_to_be_equal_whatever_the_tolerance(validate):
    record = validate(squares(gap=0.001), parameters={**FAST, "tolerance": 1000})

    assert ["uso", "solo"] == [note.subject for note in record.findings]


def test_both_have_the_cells_in_the_order_of_the_features():
    given = squares()

    model, record = CoastalValidation(), ExperimentRecord(source={"uri": "-"})
    pair = Pair.of(model.read(given, record, ValidationParameters(end_time=1), RAISED))

    assert pair.grid.order is not None
    for name in ("uso", "alt", "solo"):
        pixels, polygons = pair.band(name)
        assert given[name].tolist() == pixels.tolist() == polygons.tolist()
    assert (742, 742) == pair.links()


@pytest.mark.slow
def test_without_a_crs_it_is_said_once(validate):
    with pytest.warns(DissmodelWarning, match="no coordinate reference system") as caught:
        validate(squares(crs=None))
    assert 1 == len(caught)
    assert "31983" in validate(squares(crs=None), parameters={**FAST, "crs": "EPSG:31983"}).grid.crs


def bricks():
    frame = squares()
    shift = np.where(frame.bounds.maxy % 60 == 0, 15, 0)
    shifted = shapely.box(
        *(
            frame.bounds[name] + shift * (name[-1] == "x") * (name[:3] in {"min", "max"})
            for name in ("minx", "miny", "maxx", "maxy")
        )
    )
    return frame.set_geometry(geopandas.GeoSeries(shifted, crs=frame.crs))


@pytest.mark.parametrize(
    ("frame", "words", "hint"),
    [
        (bricks(), "are not the cells of a grid of 30 × 30", "coastal_vector"),
        (squares().assign(row=0, col=1), "their row and col repeat", "rename them"),
        (squares().drop(columns="alt"), "no column 'alt'", "'uso'"),
        (squares(uso=77), "77 (108 cells)", "uso takes one of 1 (mangrove)"),
    ],
)
def test_what_is_no_input(validate, tmp_path, frame, words, hint):
    with pytest.raises(InvalidInput) as caught:
        validate(frame)

    assert words in caught.value.message
    assert hint in caught.value.hint + caught.value.message
    assert "resolution" not in caught.value.hint
    assert not (tmp_path / "val").exists()
    record = ExperimentRecord(source={"uri": str(tmp_path / "cells.gpkg")}, parameters=FAST)
    errors = [one.message for one in CoastalValidation().inspect(record) if one.severity == "error"]
    assert caught.value.message in errors


def test_a_raster_is_no_input(validate, write_tif, coast):
    with pytest.raises(InvalidInput, match="is a raster") as caught:
        validate(write_tif(coast))

    assert "polygons" in caught.value.hint


def test_what_is_refused_and_what_is_right_is_said_before(validate, tmp_path):
    with pytest.raises(UsageError, match="reads no column 'sea'"):
        validate(squares(), column_map={"sea": "uso"})
    record = ExperimentRecord(source={"uri": str(tmp_path / "cells.gpkg")}, parameters=FAST)

    findings = list(CoastalValidation().inspect(record))

    assert {"ok"} == {one.severity for one in findings}
    assert "12 rows × 9 columns, 108 cells in the space, steps 1 to 8" in findings[0].message


def test_the_contract_holds(monkeypatch):
    # Other tests may have registered models of their own under the same names.
    monkeypatch.setattr(ExecutorRegistry, "_executors", {CoastalValidation.name: CoastalValidation})

    assert ExecutorTestHarness(CoastalValidation).run_contract_tests()
    assert {"snapshots", "every", "resolution"}.isdisjoint(CoastalValidation.Parameters.model_fields)


@pytest.mark.slow
def test_another_process_in_another_place_writes_the_same_bytes(validate, tmp_path):
    record = validate(squares(gap=0.001))
    other = tmp_path / "elsewhere"
    other.mkdir()
    # Someone's own settings of matplotlib must not be seen in the picture.
    (other / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 20\nsavefig.dpi: 30\n")
    code = """
import sys
from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.models.coastal.validation import CoastalValidation
parameters = {"sea_level_rise_rate": 0.5, "end_time": 8}
record = ExperimentRecord(source={"uri": sys.argv[1]}, output_path="there", parameters=parameters)
print(*execute_lifecycle(CoastalValidation(), record)[0].artifacts.values())
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "cells.gpkg"],
        cwd=other,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "COLUMNS": "40"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [*record.artifacts.values(), "False"] == done.stdout.split()


def test_an_agreement_by_hand():
    a, b = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 5.0, 7.0])

    found = agreement("alt", a, b)

    assert (4, 2, 50.0, 2) == (found.cells, found.apart, found.match, found.first)
    assert (7 / 4, 2.5, 4.0) == (found.mae, found.rmse, found.max_error)
    assert (1, 3) == ((near := agreement("alt", a, b, 3.0)).apart, near.first)
    assert "Of 4 cells, 2 differ in alt." == in_words([found])


def test_a_match_is_all_only_if_it_is():
    one = np.zeros(10_000_000, np.uint8)
    other = one.copy()
    other[5] = 1

    assert (99.9999, 1) == ((found := agreement("uso", one, other)).match, found.apart)


def test_what_is_little_is_not_nothing():
    tiny = agreement("alt", np.zeros(2), np.array([1e-200, 1e-200]))
    signed = agreement("alt", np.zeros(2), np.array([0.0, -0.0]))

    assert (2, 1e-200) == (tiny.apart, tiny.rmse)
    assert (1, 0.0) == (signed.apart, signed.max_error)


def test_within_a_tolerance_is_said_with_what_it_is():
    same = np.array([1.0, 2.0])
    found = [
        agreement("uso", same, same),
        agreement("solo", same, same),
        agreement("alt", same, same + 0.25, 1),
    ]

    assert "All 2 cells have the same uso and solo; alt is at most 0.25 apart, and 1 is tolerated." == (
        in_words(found)
    )


def test_a_name_can_t_leave_its_place_in_the_report():
    subject = Subject(name="a`|\n# b.gpkg", sha256="0" * 64, shape=(1, 2), steps=(1, 2), links=(2, 2))
    same = np.array([1.0])

    page = report(subject, ValidationParameters(), [agreement("alt", same, same)])

    assert "| file | `a???# b.gpkg` |" in page.splitlines()


@pytest.mark.slow
def test_the_picture_shows_what_differs():
    legend = (CellClass(1, "one", "#000000"), CellClass(2, "two", "#ffffff"))

    def drawn(b, codes):
        codes = np.array(codes, np.uint8)
        numbers = scatter.Numbers("alt", "m", np.array([0.0, 1.0, 2.0]), np.array(b), ("a $note$",))
        classes = (scatter.Classes("uso", legend, np.array([1, 2, 2], np.uint8), codes, "100 %"),)
        return scatter.draw(scatter.Scatter("title", "subtitle", ("raster", "vector"), numbers, classes))

    def reds(png):
        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
        return int(np.count_nonzero((pixels[..., 0] > 150) & (pixels[..., 1:] < 120).all(axis=2)))

    same = drawn([0.0, 1.0, 2.0], [1, 2, 2])
    assert (1800, 1110) == Image.open(io.BytesIO(same)).size
    assert {} == Image.open(io.BytesIO(same)).text
    assert same == drawn([0.0, 1.0, 2.0], [1, 2, 2])
    assert same != drawn([0.0, 1.5, 2.0], [1, 2, 2])
    assert reds(drawn([0.0, 1.0, 2.0], [1, 2, 1])) > 10 * max(reds(same), 100)


def test_one_cell_is_a_picture_too(validate):
    one = squares(1, 1)

    assert not validate(one).differs


def test_counts_of_classes():
    a, b = np.array([1, 1, 9, 255], np.uint8), np.array([1, 9, 9, 0], np.uint8)

    codes, counts = scatter.confusion(a, b)

    assert [0, 1, 9, 255] == codes.tolist()
    assert [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]] == counts.tolist()
