"""Bundles that someone made to do harm, or that broke on the way."""

import json
import stat
import zipfile
from pathlib import Path

import pytest

from dissmodel.record import store
from dissmodel.record.digest import record_digest

COMMANDS = [("reproduce",), ("record", "verify"), ("record", "show")]


@pytest.fixture(scope="module")
def parts(tmp_path_factory, make_coast):
    """The files of an honest bundle, by name."""
    from dissmodel.progress import Silent
    from dissmodel.running.run import RunRequest, run
    from dissmodel.sharing.bundle import BundleRequest, bundle

    folder = tmp_path_factory.mktemp("made")
    make_coast.main(["--rows", "20", "--cols", "30", "--output", str(folder / "grid.zip")])
    words = {"input": str(folder / "grid.zip"), "output": str(folder / "r.tif")}
    run(RunRequest(model="coastal_raster", parameters={"end_time": 2}, **words), Silent())
    made = bundle(BundleRequest(record=folder / "r.record.json", output=str(folder / "b.zip")))
    with zipfile.ZipFile(made.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def command(dissmodel, tmp_path, monkeypatch):
    """The command; whatever it meets, nothing but `b.zip` is here afterwards, and no scratch folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield dissmodel

    assert [] == list(scratch.iterdir())
    assert ["b.zip"] == [path.name for path in Path().iterdir()]
    assert {"here", "scratch"} >= {path.name for path in tmp_path.iterdir()} - {"user"}


def pack(parts, *more, how=zipfile.ZIP_DEFLATED):
    """Write b.zip; `more` are pairs of a name, or an entry of one's own making, and bytes."""
    with zipfile.ZipFile("b.zip", "w", how) as archive:
        for name, data in [*parts.items(), *more]:
            archive.writestr(name, data)


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def lying(parts, change, *, seal=True):
    """Return the parts with another record, whose digest is made to fit."""
    document = json.loads(parts["record.json"])
    change(document)
    if seal:
        document["record_digest"] = record_digest(document)
    return {**parts, "record.json": store.dumps(document)}


def refused(command, *, code, says, commands=COMMANDS):
    for words in commands:
        said = command(*words, "b.zip")

        assert code == said.code or (said.code == 4 and "verify" in words)
        assert says in said.out + said.err
        assert "Traceback" not in said.err
        assert "scratch" not in said.out + said.err


@pytest.mark.parametrize("name", ["../evil", "/evil", "input/../../evil", "..\\evil", "C:evil"])
def test_a_name_that_leads_out(command, parts, name):
    pack(parts, (name, b"evil"))

    refused(command, code=3, says="is refused: it has the entry")


def test_a_link(command, parts):
    pack({name: data for name, data in parts.items() if name != "r.tif"}, (link("r.tif"), b"/etc/passwd"))

    refused(command, code=3, says="is a link")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(command, parts):
    pack(parts, ("record.json", parts["record.json"]))

    refused(command, code=3, says="'record.json' 2 times")


def test_names_that_differ_in_case_only(command, parts):
    pack(parts, ("input/GRID.zip", b"evil"))

    refused(command, code=3, says="two of its entries have the same name", commands=COMMANDS[:2])


def test_a_file_that_is_a_folder_too(command, parts):
    pack(parts, ("input/grid.zip/a", b"evil"))

    refused(command, code=3, says="two of its entries have the same name", commands=COMMANDS[:2])


def test_names_that_are_one_once_read(command, parts):
    pack(parts, ("input/./grid.zip", b"evil"))

    refused(command, code=3, says="two of its entries have the same name")


def test_a_bomb(command, parts):
    pack(parts, ("input/zeros", bytes(80 << 20)))

    refused(command, code=3, says="unpacks to more than", commands=COMMANDS[:2])


def test_a_record_that_is_a_bomb(command, parts):
    pack({**parts, "record.json": b" " * (store.MAX_BYTES + 1)})

    refused(command, code=3, says="has more than 16777216 bytes")


def test_what_the_record_does_not_name_is_not_unpacked(command, parts):
    """Neither to fill the disk nor to be read by GDAL along with the result."""
    pack(parts, ("zeros", bytes(80 << 20)), ("r.tif.aux.xml", b"<evil/>"))
    said = command("record", "verify", "b.zip")

    assert (0, "") == (said.code, said.err)


def test_two_records(command, parts):
    pack(parts, ("s.record.json", parts["record.json"]))

    refused(command, code=3, says="it holds 2 records: record.json, s.record.json.")


def test_no_record(command, parts):
    pack({name: data for name, data in parts.items() if name != "record.json"})

    refused(command, code=3, says="it holds no record")


def test_a_record_in_a_folder_is_named(command, parts):
    pack({f"folder/{name}": data for name, data in parts.items()})

    refused(command, code=3, says="Unpack it and give folder/record.json.")


def test_an_empty_zip(command):
    pack({})

    refused(command, code=3, says="it holds no record")


def test_a_truncated_zip(command, parts):
    pack(parts)
    whole = Path("b.zip").read_bytes()
    for size in (0, 3, len(whole) // 2, len(whole) - 1):
        Path("b.zip").write_bytes(whole[:size])

        refused(command, code=3, says="truncated or damaged")


def test_a_flipped_byte(command, parts):
    pack(parts, how=zipfile.ZIP_STORED)
    whole = bytearray(Path("b.zip").read_bytes())
    whole[whole.index(parts["r.tif"]) + 1000] ^= 1
    Path("b.zip").write_bytes(whole)

    refused(command, code=3, says="r.tif is damaged", commands=COMMANDS[:2])


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"experiment_id": 1}', b"[" * 100_000])
def test_a_record_that_is_none(command, parts, data):
    pack({**parts, "record.json": data})

    refused(command, code=3, says=f"{Path('b.zip/record.json')}: this is not a record")


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "", "a\x1bb"])
@pytest.mark.parametrize("external", [False, True])
def test_a_record_that_names_a_file_outside(command, parts, path, external):
    pack(lying(parts, lambda it: it["files"]["output"].update(path=path, external=external)))

    refused(command, code=3, says="it names a file outside its folder", commands=COMMANDS[:2])


def test_a_record_that_takes_itself_for_the_result(command, parts):
    pack(lying(parts, lambda it: it["files"]["output"].update(path="record.json")))
    said = command("record", "verify", "b.zip")

    assert 4 == said.code


def test_a_record_that_lies_about_its_result(command, parts):
    wrong = "ab" * 32
    pack(
        lying(
            parts,
            lambda it: (
                it["files"]["output"].update(sha256=wrong),
                it["artifacts"].update(output=wrong),
                it.update(output_sha256=wrong),
            ),
        )
    )
    verified = command("record", "verify", "b.zip", "--json")
    repeated = command("reproduce", "b.zip", "--check")

    assert 4 == verified.code
    differ = [one["name"] for one in verified.json["checks"] if one["verdict"] == "differs"]
    assert ["output"] == differ
    assert 0 == repeated.code
    assert repeated.out.startswith("identical-content")


def test_a_record_that_lies_about_itself(command, parts):
    pack(lying(parts, lambda it: it.update(seed=1), seal=False))
    verified = command("record", "verify", "b.zip", "--json")
    repeated = command("reproduce", "b.zip", "--check")

    assert 4 == verified.code
    assert ["record"] == [one["name"] for one in verified.json["checks"] if one["verdict"] == "differs"]
    assert "b.zip was changed after it was written" in repeated.err


def test_another_input(command, parts):
    pack({**parts, "input/grid.zip": parts["input/grid.zip"] + b"\0"})
    said = command("reproduce", "b.zip")

    assert 4 == said.code
    assert f"{Path('b.zip/input/grid.zip')} is not the recorded input" in said.err
    assert 4 == command("record", "verify", "b.zip").code


def test_a_sidecar_that_the_run_did_not_read(command, parts):
    """It would be read with the input: a shapefile in the place of the zip shows it."""
    swapped = lying(parts, lambda it: it["source"].update(uri="input/grid.shp"))
    swapped["input/grid.shp"] = swapped.pop("input/grid.zip")
    pack(swapped, ("input/grid.prj", b"evil"))
    said = command("reproduce", "b.zip")

    assert 4 == said.code
    assert "grid.prj is beside it now and would be read with it" in said.err


def test_a_record_that_is_being_replaced_brings_nothing_back(command, parts):
    plan = {"scratch": ".", "old": {"0": "r.tif"}, "new": {"r.tif": "ab" * 32}}
    pack(lying(parts, lambda it: it.update(status="replacing", replacing=plan)))

    refused(command, code=3, says="replacing", commands=COMMANDS[:1])


@pytest.mark.parametrize("name", ["a\x1b[2J.record.json", "a\x1b[2J/record.json"])
def test_text_that_a_terminal_would_obey(command, parts, name):
    pack({name: data for name, data in parts.items() if name != "record.json"}, (name, b"{}"))
    said = command("record", "show", "b.zip")

    assert 3 == said.code
    assert "\x1b" not in said.out + said.err


def test_a_bundle_is_no_place_to_follow(command, parts):
    pack(parts)
    for option in ("--records=.", "--lineage"):
        said = command("record", "show", "b.zip", option)

        assert 2 == said.code
        assert "Unpack the bundle" in said.err


def test_a_bundle_is_not_bundled(command, parts):
    pack(parts)

    assert 2 == command("record", "bundle", "b.zip", "-o", "c.zip").code
