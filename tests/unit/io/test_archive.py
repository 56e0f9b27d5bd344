import io
import stat
import struct
import zipfile

import pytest

from dissmodel.errors import InvalidInput
from dissmodel.io import archive, unzip


@pytest.fixture
def packed(tmp_path):
    def pack(*members, path=tmp_path / "grid.zip", compression=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(path, "w", compression) as out:
            for member in members:
                name, content = member if isinstance(member, tuple) else (member, b"x")
                out.writestr(name, content)
        return path

    return pack


def refusal(path, *args):
    def take():
        with archive.extracted(path, archive.choose(path, *args)[0]):
            pass

    with pytest.raises(InvalidInput) as caught:
        take()
    assert str(path) in caught.value.message
    return caught.value


def test_the_datasets_of_an_archive(packed):
    path = packed(
        "a/Grid.TIF", "a/grid.tif.aux.xml", "a/GRID.tfw", "b/grid.tfw", "cells.shp", "cells.DBF", "cells.shx",
        "notes.txt", "__MACOSX/._cells.shp", "__MACOSX/cells.shp", ".hidden.tif", "a/.x/b.tif", "x.gpkg",
        "y.fgb", "z.parquet", "w.tiff",
    )  # fmt: skip

    found = {d.member: (d.kind, [name for name, _ in d.files]) for d in archive.datasets(path)}

    assert {
        "a/Grid.TIF": ("raster", ["a/Grid.TIF", "a/grid.tif.aux.xml", "a/GRID.tfw"]),
        "cells.shp": ("vector", ["cells.shp", "cells.shx", "cells.DBF"]),
        "x.gpkg": ("vector", ["x.gpkg"]),
        "y.fgb": ("vector", ["y.fgb"]),
        "z.parquet": ("vector", ["z.parquet"]),
        "w.tiff": ("raster", ["w.tiff"]),
    } == found


def test_a_json_that_only_describes_is_no_dataset(packed):
    path = packed("grid.tif", ("about.json", b'{"author": "x"}'))

    assert ["grid.tif"] == [d.member for d in archive.datasets(path)]
    path = packed(("cells.json", b'{"type": "FeatureCollection", "features": []}'))
    assert ["cells.json"] == [d.member for d in archive.datasets(path)]


def test_only_the_datasets_own_files_come_out_and_go_again(packed):
    path = packed(("in/Cells.SHP", b"s"), ("in/cells.dbf", b"d"), ("cells.dbf", b"other"), "notes.txt")
    dataset, _ = archive.choose(path)

    with archive.extracted(path, dataset) as main:
        files = {file.name: file.read_bytes() for file in main.parent.iterdir()}

    assert {"dataset.shp": b"s", "dataset.dbf": b"d"} == files
    assert main.name == "dataset.shp"
    assert not main.parent.exists()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("a", ("x/a.tif", None)), ("a.tif", ("x/a.tif", None)), ("x/a", ("x/a.tif", None)),
     ("b.gpkg", ("b.gpkg", None)), ("b", ("b.gpkg", None)), ("x/a.tif", ("x/a.tif", None))],
)  # fmt: skip
def test_a_layer_picks_by_name_or_stem(packed, layer, expected):
    dataset, rest = archive.choose(packed("x/a.tif", "b.gpkg"), layer)

    assert expected == (dataset.member, rest)


@pytest.mark.parametrize(("layer", "rest"), [("cells", "cells"), ("b", "b"), ("b.gpkg", None), (None, None)])
def test_a_layer_within_the_only_geopackage_is_left_to_its_reader(packed, layer, rest):
    assert rest == archive.choose(packed("b.gpkg"), layer)[1]


def test_a_kind_narrows_the_choice(packed):
    path = packed("a.tif", "b.shp")

    assert archive.choose(path, kind="raster")[0].member == "a.tif"
    assert archive.choose(path, kind="vector")[0].member == "b.shp"


def test_two_datasets_need_a_layer(packed):
    error = refusal(packed("a.tif", "b.tif"))

    assert error.code == "layer_needed"
    assert "a.tif, b.tif" in error.message
    assert "--layer a.tif" in error.hint


def test_two_of_one_name_in_two_folders_need_the_whole_name(packed):
    path = packed("x/a.tif", "y/a.tif")

    assert refusal(path, "a").code == "layer_needed"
    assert archive.choose(path, "y/a.tif")[0].member == "y/a.tif"


def test_an_unknown_layer_is_answered_with_the_nearest(packed):
    error = refusal(packed("before.tif", "after.tif"), "befor.tif")

    assert error.code == "layer_unknown"
    assert "'before.tif'" in error.hint


def test_an_archive_without_a_dataset_says_what_it_holds(packed):
    error = refusal(packed("readme.txt", "inner.zip", "__MACOSX/x.tif"))

    assert error.code == "no_dataset"
    assert "readme.txt, inner.zip." in error.message
    assert "empty" in refusal(packed()).message


def test_an_archive_without_this_kind_says_what_it_holds(packed):
    error = refusal(packed("a.tif"), None, "vector")

    assert error.code == "format_mismatch"
    assert "a.tif" in error.message


@pytest.mark.parametrize(
    "name",
    ["/etc/a.tif", "../a.tif", "x/../../a.tif", "C:a.tif", "c:/a.tif", "x\\..\\a.tif", "\\a.tif", "x/.."],
)
def test_names_that_lead_out_are_refused_wherever_they_stand(packed, name):
    error = refusal(packed("honest.tif", name))

    assert error.code == "archive_refused"
    assert repr(name) in error.message


def test_a_name_with_a_nul_is_refused(packed):
    path = packed("a.tifXexe")
    path.write_bytes(path.read_bytes().replace(b"a.tifXexe", b"a.tif\0exe"))

    assert refusal(path).code in {"archive_refused", "archive_damaged"}


def test_links_and_special_files_are_refused(packed):
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):
        entry = zipfile.ZipInfo("link.tif")
        entry.external_attr = (kind | 0o777) << 16

        error = refusal(packed("honest.tif", (entry, b"/etc/passwd")))

        assert error.code == "archive_refused"
        assert "link.tif" in error.message


def test_encrypted_entries_are_refused(packed):
    path = packed("a.tif", compression=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)

    error = refusal(path)
    assert (error.code, "a.tif is encrypted" in error.message) == ("archive_unsupported", True)
    assert "7-Zip" in error.hint


def with_method(path, method):
    """Set the number of the compression method, in both places where a zip with one member has it."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.index(signature) + offset
        content[at : at + 2] = struct.pack("<H", method)
    path.write_bytes(content)
    return path


# The numbers of section 4.4.5 of PKWARE's APPNOTE.
@pytest.mark.parametrize(
    ("method", "name"),
    [
        (1, "Shrink"),
        (6, "Implode"),
        (9, "Deflate64"),
        (95, "XZ"),
        (98, "PPMd"),
        (99, "AES"),
        (77, "method 77"),
    ],
)
def test_a_method_that_is_not_known_here_is_named_and_is_no_damage(packed, method, name):
    error = refusal(with_method(packed("a.tif"), method))

    assert "archive_unsupported" == error.code
    assert f"a.tif is compressed with {name}" in error.message
    assert "7-Zip" in error.hint
    assert "download" not in error.hint


def test_a_member_that_is_not_read_may_be_of_any_method(packed):
    path = with_method(packed("notes.txt", "a.tif"), 98)

    with archive.extracted(path, archive.choose(path)[0]) as main:
        assert b"x" == main.read_bytes()


def test_a_part_of_a_split_zip_says_so(packed):
    path = packed("a.tif")
    content = bytearray(path.read_bytes())
    # A ZIP64 locator (4.3.15) that counts two disks.
    end = content.index(b"PK\x05\x06")
    content[end:end] = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2)
    path.write_bytes(content)

    error = refusal(path)

    assert ("archive_unsupported", True) == (error.code, "split" in error.message)


def test_backslashes_separate_folders_as_old_programs_of_windows_write_them(packed):
    path = packed("in/Cells.shp", ("in/Cells.dbf", b"d"), ("cells.dbf", b"other"))
    path.write_bytes(path.read_bytes().replace(b"in/C", b"in\\C"))

    dataset, _ = archive.choose(path, "Cells.shp")
    with archive.extracted(path, dataset) as main:
        files = {file.name: file.read_bytes() for file in main.parent.iterdir()}

    assert "in/Cells.shp" == dataset.member
    assert {"dataset.shp": b"x", "dataset.dbf": b"d"} == files


def test_a_name_that_comes_twice_is_refused(packed):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = packed("a.tif", "a.tif")

    assert "2 times" in refusal(path).message


def test_too_many_entries_are_refused(packed):
    error = refusal(packed(*(f"{i}.txt" for i in range(10_000)), "a.tif"))

    assert error.code == "archive_refused"
    assert "10001" in error.message


def test_a_bomb_is_refused_by_what_it_declares(packed):
    error = refusal(packed(("a.tif", bytes(80 * 2**20))))

    assert error.code == "archive_bomb"
    assert "a.tif" in error.message


def test_a_bomb_that_declares_little_is_stopped_while_it_comes_out(packed):
    path = packed(("a.tif", bytes(80 * 2**20)))
    content = path.read_bytes().replace(struct.pack("<I", 80 * 2**20), struct.pack("<I", 1000))
    path.write_bytes(content)

    error = refusal(path)

    assert error.code in {"archive_bomb", "archive_damaged"}
    assert "a.tif" in error.message


def test_bytes_are_counted_and_not_believed(packed, monkeypatch):
    monkeypatch.setattr(unzip, "RATIO_FREE_BYTES", 100)
    monkeypatch.setattr(unzip, "MAX_RATIO", 1)
    path = packed(("a.tif", b"1" * 500), ("a.tfw", b"2" * 500), compression=zipfile.ZIP_STORED)
    dataset, _ = archive.choose(path)

    with archive.extracted(path, dataset) as main:
        assert main.stat().st_size == 500

    # Each of the two would be let out, but not both.
    monkeypatch.setattr(unzip, "RATIO_FREE_BYTES", 700)
    error = refusal(packed(("a.tif", b"1" * 500), ("a.tfw", b"2" * 500)))
    assert (error.code, "a.tfw" in error.message) == ("archive_bomb", True)


def test_small_archives_may_compress_as_well_as_they_can(packed):
    path = packed(("a.tif", bytes(2**20)))
    dataset, _ = archive.choose(path)

    with archive.extracted(path, dataset) as main:
        assert main.stat().st_size == 2**20


def test_a_changed_byte_is_found_by_the_checksum(packed):
    path = packed(("a.tif", b"hello world"), compression=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"hello", b"hullo"))

    error = refusal(path)

    assert error.code == "archive_damaged"
    assert "a.tif" in error.message


@pytest.mark.parametrize("keep", [4, 30, 200, 300])
def test_a_truncated_archive_is_an_error(packed, keep):
    content = io.BytesIO(packed(("a.tif", bytes(range(256)) * 4)).read_bytes()).read(keep)
    path = packed("a.tif")
    path.write_bytes(content)

    assert refusal(path).code == "archive_damaged"


def test_every_flipped_byte_is_an_error_or_does_no_harm(packed):
    path = packed(("a.tif", b"hello world"), ("a.tfw", b"1"))
    honest = path.read_bytes()

    for at in range(len(honest)):
        path.write_bytes(honest[:at] + bytes([honest[at] ^ 0xFF]) + honest[at + 1 :])
        try:
            dataset, _ = archive.choose(path)
            with archive.extracted(path, dataset) as main:
                assert main.read_bytes() == b"hello world"
        except InvalidInput:
            continue
