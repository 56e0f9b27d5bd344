"""What a wrong command must say and leave, and a small coast to make wrong inputs of."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import numpy as np
import pytest
import rasterio

from dissmodel.record import store

NODATA = -9999.0
LONGEST_LINE = 700


@dataclass(frozen=True)
class Refusal:
    """What was said, and the record of the run where one had begun."""

    message: str
    hint: str
    warnings: list
    record: object

    @property
    def text(self):
        return f"{self.message}\n{self.hint}"


def tree(folder):
    """Return all that lies in a folder, hidden or not: path → what it is."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        status = path.lstat()
        what = path.read_bytes() if S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_mode, hashlib.sha256(what).hexdigest())
    return found


def _read(said, as_json):
    """Return message, hint, warnings and the record's path of one refusal; check its form."""
    if as_json:
        assert 1 == said.json["schema_version"]
        error = said.json["error"]
        assert {"code", "message", "hint"} <= set(error) <= {"code", "message", "hint", "record"}
        assert "error: " not in said.err
        return error["message"], error["hint"], [], error.get("record")
    lines = said.err.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("error: "))
    after = lines[at + 1 :]
    hints = [line.strip() for line in after if not line.startswith("  record: ")]
    records = [line.removeprefix("  record: ") for line in after if line.startswith("  record: ")]

    assert "" == said.out
    assert all(line.startswith("warning: ") for line in lines[:at])
    assert all(line.startswith("  ") for line in after)
    assert 1 == len(hints)
    assert len(records) <= 1
    assert max(map(len, lines)) < LONGEST_LINE
    return lines[at].removeprefix("error: "), hints[0], lines[:at], records[0] if records else None


@pytest.fixture
def refused(dissmodel):
    """Run a command that must fail with `code`; check what it says and what it leaves."""

    def run(*words, code, phase=None):
        before = tree(Path())
        said = dissmodel(*words)
        after = tree(Path())

        assert code == said.code, said.err
        assert "Traceback" not in said.out + said.err
        message, hint, warned, path = _read(said, "--json" in words)
        assert message
        assert hint
        assert before == {name: what for name, what in after.items() if name in before}
        new = sorted(set(after) - set(before))
        if phase is None:
            assert ([], None) == (new, path)
            return Refusal(message, hint, warned, None)
        assert [path] == [str(Path(name).resolve()) for name in new]
        record = store.read(Path(path))
        assert ("failed", phase, message) == (record.status, record.error.phase, record.error.message)
        assert record.error.traceback
        assert f".{record.experiment_id[:8]}.record.json" in path
        assert ({}, None) == (record.files, record.output_path)
        assert record.finished_at is not None
        Path(path).unlink()
        return Refusal(message, hint, warned, record)

    return run


@pytest.fixture
def refused_input(refused):
    """Run coastal_raster on an input that it must refuse while it reads it."""

    def run(source, *words, code=3, phase="load"):
        return refused(
            "run",
            "coastal_raster",
            "-i",
            source,
            "-o",
            "r.tif",
            "-p",
            "end_time=2",
            *words,
            code=code,
            phase=phase,
        )

    return run


@pytest.fixture
def completed(dissmodel):
    """Run coastal_raster on an input that is right; return what was said and the result's content digest."""

    def run(source, *words):
        said = dissmodel(
            "run", "coastal_raster", "-i", source, "-o", "ok.tif", "-p", "end_time=2", "--overwrite", *words
        )
        assert 0 == said.code, said.err
        return said.err, store.read(Path("ok.record.json")).files["output"].content_digest.digest

    return run


@pytest.fixture(scope="session")
def small_coast(make_coast):
    return make_coast.make_coast(12, 14, seed=3)


@pytest.fixture
def bands(small_coast):
    """The bands of a coast, -9999 outside; name → float64 array, one's own to change."""
    return {
        name: np.where(small_coast.inside, getattr(small_coast, name).astype(np.float64), NODATA)
        for name in ("uso", "alt", "solo")
    }


@pytest.fixture
def cells(small_coast):
    """Where the cells of the space are: (row, column) of each."""
    return [tuple(at) for at in np.argwhere(small_coast.inside).tolist()]


@pytest.fixture
def tif(dissmodel, small_coast):
    """Write bands (name → array; a list has no names) as t.tif; return the name."""

    def write(bands, name="t.tif", *, crs="EPSG:31983", nodata=NODATA, dtype="float64", **tags):
        arrays = list(bands.values()) if isinstance(bands, dict) else bands
        rows, cols = arrays[0].shape
        profile = {"driver": "GTiff", "width": cols, "height": rows, "count": len(arrays), "dtype": dtype}
        with rasterio.open(
            name, "w", **profile, crs=crs, nodata=nodata, transform=small_coast.transform
        ) as target:
            target.update_tags(**tags)
            for number, array in enumerate(arrays, start=1):
                target.write(array.astype(dtype), number)
                if isinstance(bands, dict):
                    target.set_band_description(number, list(bands)[number - 1])
        return name

    return write


@pytest.fixture
def grid(dissmodel, make_coast, small_coast):
    """Write the coast as a file of some format; return the name."""

    def write(name="grid.tif"):
        form = {"tif": "tiff", "zip": "tiff"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
        make_coast.write(small_coast, Path(name), form)
        return name

    return write


@pytest.fixture
def frame(dissmodel, make_coast, small_coast):
    """The coast as polygons, a GeoDataFrame of one's own to change."""
    import pyogrio

    make_coast.write(small_coast, Path("frame.gpkg"), "gpkg")
    frame = pyogrio.read_dataframe("frame.gpkg")
    Path("frame.gpkg").unlink()
    return frame


@pytest.fixture
def gpkg(dissmodel):
    """Write a GeoDataFrame as t.gpkg; return the name."""

    def write(frame, name="t.gpkg", layer="cells"):
        import pyogrio

        pyogrio.write_dataframe(frame, name, layer=layer, driver="GPKG")
        return name

    return write


@pytest.fixture
def packed(dissmodel):
    """Pack members (name → the bytes, or the name of a file) as t.zip; return the name."""

    def write(members, name="t.zip"):
        with zipfile.ZipFile(name, "w") as archive:
            for member, content in members.items():
                archive.writestr(
                    member, content if isinstance(content, bytes) else Path(content).read_bytes()
                )
        return name

    return write


@pytest.fixture
def spec(dissmodel):
    """Write a model's TOML as m.toml; return the name."""

    def write(text):
        Path("m.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return "m.toml"

    return write
