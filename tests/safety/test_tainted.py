"""An input that changes while the model runs makes no result."""

import pytest

COPIES = "return Path(record.source.uri).read_bytes()"
CHANGES = {
    "written": "path.write_bytes(b'some bytez')",
    "truncated": "os.truncate(path, 4)",
    "grown": "path.open('ab').write(b'!')",
    "replaced": "new = path.with_name('new'); new.write_bytes(b'!'); new.replace(path)",
    "deleted": "path.unlink()",
    "a folder": "path.unlink(); path.mkdir()",
    "a link to another": "path.unlink(); path.symlink_to('/etc/hostname')",
    "the same size and time": (
        "at = path.stat().st_mtime_ns; path.write_bytes(b'SOME BYTES'); os.utime(path, ns=(at, at))"
    ),
    "a link to itself": "path.unlink(); path.symlink_to(path)",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("step", ["load", "run", "save"])
def test_an_input_that_changes_during_the_run(place, change, step):
    pair = [place.run(place.model(run="return b'old'")).code, (place.folder / "r.bin").read_bytes()]
    ends = {
        "load": "return b'early'",
        "run": "return data",
        "save": "Path(record.output_path).write_bytes(result); return record",
    }

    said = place.run(
        place.model(**{step: f"path = Path(record.source.uri); {change}; {ends[step]}"}), "--overwrite"
    )

    assert (1, 1) == (said.code, len(said.errors)), said.err
    assert f"{place.folder / 'data.bin'} changed while the model ran" in said.err
    record = place.unfinished()
    assert ("tainted", "tainted") == (record.status, record.error.code)
    assert ({}, {}, None) == (record.artifacts, record.files, record.output_path)
    assert [0, b"old"] == pair
    assert b"old" == (place.folder / "r.bin").read_bytes()


@pytest.mark.parametrize("change", ["write_text('0')", "unlink()"])
def test_a_file_that_belongs_to_the_input_changes(place, change):
    (place.folder / "data.bin").rename(place.folder / "grid.tif")
    (place.folder / "grid.tfw").write_text("1")

    said = place(
        "run",
        place.model(run=f"Path('grid.tfw').{change}; return data"),
        "-i",
        "grid.tif",
        "-o",
        "r.bin",
    )

    assert 1 == said.code
    assert f"{place.folder / 'grid.tfw'} changed while the model ran" in said.err
    assert "tainted" == place.unfinished().status


def test_an_input_that_is_only_touched_is_the_same(place):
    said = place.run(place.model(run="os.utime('data.bin'); return data"))

    assert 0 == said.code
    assert place.holds()


def test_a_model_that_fails_on_what_it_changed_has_failed(place):
    said = place.run(place.model(run="Path('data.bin').unlink(); 1 / 0"))

    assert 1 == said.code
    assert "failed" == place.unfinished().status
