"""GeoPackages as other programs leave them: each is a real SQLite database of a real other process."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import geopandas as gpd
import pyogrio
import pytest
import shapely

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.content import content_digest
from dissmodel.io.geopackage import settled, unmerged
from dissmodel.io.vector import load_gdf, save_gdf
from dissmodel.record.digest import sha256_file

# Opens a database, does what the second argument says, and holds it until a line comes or it is to die.
HOLDER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2].split(";"):
    database.execute(statement).fetchall()
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[3:] == ["dies"]:
    os._exit(9)
"""
EDIT = "update a set alt = alt + 1"


@pytest.fixture
def path(tmp_path):
    frame = gpd.GeoDataFrame(
        {"alt": [1.5, 2.5]}, geometry=shapely.box([0, 1], [0, 0], [1, 2], [1, 1]), crs="EPSG:31983"
    )
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(frame, path, SPATIAL_INDEX="NO")
    with closing(sqlite3.connect(path)) as database:
        # Its triggers need functions of GDAL's.
        names = database.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for (name,) in names:
            database.execute(f'drop trigger "{name}"')
        database.commit()
    return path


@contextmanager
def held(path, statements, *more):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, statements, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "ready\n" == process.stdout.readline()
    try:
        yield
    finally:
        process.communicate("\n")


def killed(path, statements):
    with held(path, statements, "dies"):
        pass


def everything(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_locked_one_says_who_may_hold_it(path):
    with held(path, "begin exclusive"), pytest.raises(InvalidInput) as caught:
        load_gdf(path)

    assert "vector_locked" == caught.value.code
    assert "another program has locked it, such as QGIS" in caught.value.message
    assert "close it" in caught.value.hint
    assert [1.5, 2.5] == load_gdf(path)[0]["alt"].tolist()


def test_one_that_is_written_to_without_a_lock_is_read(path):
    with held(path, f"begin immediate;{EDIT}"):
        assert [1.5, 2.5] == load_gdf(path)[0]["alt"].tolist()


def test_one_whose_writer_was_killed_in_the_middle_is_left_to_a_program_that_may_write(path):
    # With no cache the changes go into the file before they are final.
    rows = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"
    fill = f"create table t (x);insert into t {rows} select hex(zeroblob(400)) from n"
    killed(path, f"pragma cache_size = 1;begin immediate;{fill}")
    before = everything(path.parent)
    assert {"a.gpkg", "a.gpkg-journal"} == set(before)

    with pytest.raises(InvalidInput) as caught:
        load_gdf(path)

    assert "vector_half_written" == caught.value.code
    assert before == everything(path.parent)
    # What the hint says to do.
    with closing(sqlite3.connect(path)) as database:
        assert [("ok",)] == database.execute("pragma integrity_check").fetchall()
    assert [1.5, 2.5] == load_gdf(path)[0]["alt"].tolist()


@pytest.mark.parametrize("more", [[], ["dies"]], ids=["open in another program", "whose writer was killed"])
def test_changes_beside_are_read_and_nothing_is_changed(path, more):
    def look():
        before = everything(path.parent)
        assert len(before["a.gpkg-wal"]) > 0
        with pytest.warns(DissmodelWarning, match="has changes in a.gpkg-wal beside it"):
            frame, sha256 = load_gdf(path)
        content_digest(path)
        after = everything(path.parent)
        assert [2.5, 3.5] == frame["alt"].tolist()
        assert sha256_file(path) == sha256
        assert {name: before[name] for name in ("a.gpkg", "a.gpkg-wal")} == {
            name: after[name] for name in ("a.gpkg", "a.gpkg-wal")
        }

    with held(path, f"pragma journal_mode = wal;{EDIT}", *more):
        if not more:
            look()
    if more:
        look()
    else:
        assert unmerged(path) is None  # the other program merged them


def test_changes_beside_one_that_is_locked_are_not_left_out(path):
    """GDAL would wait for the lock, and then read the file without its changes."""
    exclusive = f"pragma journal_mode = wal;pragma locking_mode = exclusive;{EDIT}"
    with held(path, exclusive), pytest.warns(DissmodelWarning, match="a.gpkg-wal"):
        frame, _ = load_gdf(path)

    assert [2.5, 3.5] == frame["alt"].tolist()


def test_one_with_a_log_and_no_changes_is_read_as_it_is(path):
    with held(path, "pragma journal_mode = wal"):
        pass

    assert [path] == list(path.parent.iterdir())
    with settled(path) as file:
        assert path == file
    assert [1.5, 2.5] == load_gdf(path)[0]["alt"].tolist()
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize("srs_id", [0, -1])
def test_an_undefined_crs_is_none(path, tmp_path, srs_id):
    """The two that the specification of GeoPackage defines, in each of its files."""
    bare = tmp_path / "bare.gpkg"
    with closing(sqlite3.connect(path)) as database:
        for table in ("gpkg_contents", "gpkg_geometry_columns"):
            database.execute(f"update {table} set srs_id = ?", (srs_id,))
        database.commit()

    frame, _ = load_gdf(path)
    save_gdf(frame, bare)

    assert frame.crs is None
    assert content_digest(bare) == content_digest(path)


def test_a_file_that_only_begins_as_one_is_damaged(tmp_path, path):
    shutil.copy(path, tmp_path / "b.gpkg")
    (tmp_path / "b.gpkg").write_bytes(path.read_bytes()[:5000])

    with pytest.raises(InvalidInput) as caught:
        load_gdf(tmp_path / "b.gpkg")
    assert "vector_damaged" == caught.value.code
