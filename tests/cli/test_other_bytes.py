"""Why a file is not the recorded one: line ends, a pointer, a GeoPackage that another program had open."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas
import pytest

from dissmodel.record.digest import sha256_file
from support.cases import mostly_slow
from support.git import git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git makes the files")
WORDS = ("-p", "end_time=2", "-p", "sea_level_rise_rate=0.5")
EDITOR = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for (name,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
    database.execute(f'drop trigger "{name}"')
database.execute("pragma journal_mode = wal")
(layer,) = database.execute("select table_name from gpkg_contents").fetchone()
database.execute(f'update "{layer}" set alt = alt + 1')
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def pair(dissmodel, make_coast):
    """A result in GeoJSON of an input in GeoJSON, with their record, all in the current folder."""
    make_coast.main(["--rows", "12", "--cols", "15", "--output", "grid.gpkg"])
    geopandas.read_file("grid.gpkg").to_crs(4326).to_file("grid.geojson")
    assert 0 == dissmodel("run", "coastal_vector", "-i", "grid.geojson", "-o", "r.geojson", *WORDS).code


def checks(said):
    return {check["name"]: check for check in said.json["checks"]}


@pytest.mark.usefixtures("pair")
def test_line_ends_that_git_changed(dissmodel):
    for config, at in (("false", "there"), ("true", "windows")):
        if at == "there":
            git(".", "init", "-q", ".")
            git(".", "add", "-A")
            git(".", "commit", "-qm", "results")
        else:
            git(".", "clone", "-q", "-c", f"core.autocrlf={config}", ".", at)
    assert b"\r\n" in Path("windows/r.geojson").read_bytes()

    said = dissmodel("record", "verify", "windows/r.record.json", "--json")
    text = dissmodel("record", "verify", "windows/r.record.json")
    again = dissmodel("reproduce", "windows/r.record.json", "-i", "windows/grid.geojson", "-o", "new.geojson")

    found = checks(said)
    assert 4 == said.code
    for name in ("output", "style"):
        assert "differs" == found[name]["verdict"]
        assert found[name]["note"].startswith("only its line ends differ")
    assert '"*.geojson -text" into .gitattributes' in found["output"]["note"]
    assert "only its line ends differ" in text.out
    assert (4, True) == (again.code, "only its line ends differ" in again.err)
    # What the message says to do.
    Path(".gitattributes").write_text("*.geojson -text\n*.qml -text\n")
    git(".", "add", "-A")
    git(".", "commit", "-qm", "kept")
    git(".", "clone", "-q", "-c", "core.autocrlf=true", ".", "kept")
    assert 0 == dissmodel("record", "verify", "kept/r.record.json").code


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("size", mostly_slow([2**20 - 1, 2**20, 2**20 + 1, 3], 2**20 + 1, 3))
def test_line_ends_of_files_of_all_lengths(dissmodel, size):
    """Windows' line ends where those of Unix were recorded, cut anywhere by a reader's buffer."""
    from dissmodel.experiment.explain import why_differs

    unix, windows = Path("unix.csv"), Path("windows.csv")
    plain = b"a" * (size - 1) + b"\n\r" + b"b\n" * 5 + b"\r"
    unix.write_bytes(plain)
    windows.write_bytes(plain.replace(b"\n", b"\r\n"))

    assert why_differs(windows, sha256_file(unix)).startswith("only its line ends")
    assert why_differs(unix, sha256_file(windows)).startswith("only its line ends")
    windows.write_bytes(windows.read_bytes().replace(b"b", b"c", 1))
    assert "" == why_differs(windows, sha256_file(unix))


@pytest.mark.usefixtures("pair")
def test_one_other_letter_is_no_matter_of_line_ends(dissmodel):
    path = Path("r.geojson")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").replace(b"uso", b"usa", 1))

    found = checks(dissmodel("record", "verify", "r.record.json", "--json"))["output"]

    assert ("differs", "") == (found["verdict"], found["note"])


@pytest.mark.usefixtures("pair")
@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_pointer_and_a_link_where_the_files_were(dissmodel):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n"
    Path("r.qml").write_text(text.format("0" * 64))
    Path("r.geojson").write_text(text.format(sha256_file("r.geojson")))
    Path("grid.geojson").unlink()
    Path("grid.geojson").symlink_to(".git/annex/objects/Zq/9w/MD5E-s12--9001.geojson/MD5E-s12--9001.geojson")

    found = checks(dissmodel("record", "verify", "r.record.json", "--json"))
    Path("r.geojson").unlink()
    Path("r.geojson").symlink_to(".git/annex/objects/Zq/9w/MD5E-s12--9001.geojson/MD5E-s12--9001.geojson")
    linked = checks(dissmodel("record", "verify", "r.record.json", "--json"))

    assert "this is a pointer of Git LFS to the recorded file" in found["output"]["note"]
    assert "this is a pointer of Git LFS; fetch the file: git lfs pull" == found["style"]["note"]
    assert ("not checked", True) == (found["input"]["verdict"], "git annex get" in found["input"]["found"])
    assert ("missing", True) == (linked["output"]["verdict"], "git annex get" in linked["output"]["found"])


def test_a_geopackage_that_another_program_has_open(dissmodel, make_coast):
    make_coast.main(["--rows", "12", "--cols", "15", "--output", "grid.gpkg"])
    editor = subprocess.Popen(
        [sys.executable, "-c", EDITOR, "grid.gpkg"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert "ready\n" == editor.stdout.readline()
    before = geopandas.read_file("grid.gpkg").alt
    ran = dissmodel("run", "coastal_vector", "-i", "grid.gpkg", "-o", "r.gpkg", *WORDS)
    looked = dissmodel("validate", "coastal_vector", "-i", "grid.gpkg", "-o", "s.gpkg", "-p", "end_time=2")
    open_still = dissmodel("record", "verify", "r.record.json")
    editor.communicate("\n")

    said = dissmodel("record", "verify", "r.record.json", "--json")
    again = dissmodel("reproduce", "r.record.json", "-o", "again.gpkg")

    assert (0, 0, 0) == (ran.code, looked.code, open_still.code)
    for text in (ran.err, looked.out):
        assert "grid.gpkg has changes in grid.gpkg-wal beside it" in text
    with closing(sqlite3.connect("grid.gpkg")) as database:
        (layer,) = database.execute("select table_name from gpkg_contents").fetchone()
        assert before.tolist() == [alt for (alt,) in database.execute(f'select alt from "{layer}"')]
    found = checks(said)
    (main,) = (
        one for one in said.json["checks"] if one["path"].endswith("grid.gpkg") and one["name"] == "input"
    )
    assert (4, "differs") == (said.code, main["verdict"])
    assert "a part of the data was in grid.gpkg-wal" in main["note"]
    assert "ok" == found["output"]["verdict"]
    assert (4, True) == (again.code, "a part of the data was in grid.gpkg-wal" in again.err)
