"""An input that changes while the model runs makes no result."""

import os
import sys
import textwrap

import pytest

from dissmodel.record import store
from dissmodel.running.input_watch import InputWatch

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


BACK = {
    "replaced": "shutil.copy2(path, 'keep'); shutil.copy('other', 't'); os.replace('t', path)",
    "replaced by the old file": "os.rename(path, 'keep'); shutil.copy('other', path)",
    "a name of its own": "os.link(path, 'keep'); os.remove(path); shutil.copy('other', path)",
    "written": "shutil.copy2(path, 'keep'); at = path.stat(); path.write_bytes(b'other')",
    "mapped": """
        import mmap
        file = path.open('r+b'); part = mmap.mmap(file.fileno(), 0)
        part[:4] = b'othe'; part.close(); file.close()
        """,
}
AGAIN = {
    "replaced": "os.replace('keep', path)",
    "replaced by the old file": "os.replace('keep', path)",
    "a name of its own": "os.replace('keep', path)",
    "written": "shutil.copyfile('keep', path); os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))",
    "mapped": """
        file = path.open('r+b'); part = mmap.mmap(file.fileno(), 0)
        part[:4] = b'some'; part.close(); file.close()
        """,
}


@pytest.mark.parametrize("how", BACK)
@pytest.mark.parametrize("of", ["data.bin", "grid.tfw"])
def test_an_input_that_changes_and_changes_back(place, how, of):
    name = of if of == "data.bin" else "grid.tif"
    (place.folder / "data.bin").rename(place.folder / name)
    (place.folder / "grid.tfw").write_bytes(b"some worlds")
    (place.folder / "other").write_bytes(b"other")
    steps = [textwrap.dedent(text).strip() for text in (BACK[how], "read = path.read_bytes()", AGAIN[how])]

    said = place(
        "run",
        place.model(
            head="import shutil",
            load="\n".join([f"path = Path({of!r})", *steps, "time.sleep(0.01)", "return read"]),
        ),
        *("-i", name, "-o", "r.bin"),
    )

    assert 1 == said.code
    assert f"{place.folder / of} changed while the model ran: it" in said.err
    assert b"some" == (place.folder / of).read_bytes()[:4]
    assert ("tainted", {}) == (place.unfinished().status, place.unfinished().files)


def test_a_link_that_leads_elsewhere_for_a_time(place):
    (place.folder / "data.bin").rename(place.folder / "a.bin")
    (place.folder / "b.bin").write_bytes(b"other")
    (place.folder / "data.bin").symlink_to("a.bin")
    swap = "os.remove('data.bin'); os.symlink({!r}, 'data.bin')"

    said = place.run(
        place.model(load=f"{swap.format('b.bin')}; read = b'other'; {swap.format('a.bin')}; return read")
    )

    assert 1 == said.code
    assert "tainted" == place.unfinished().status


def test_a_folder_s_link_that_leads_elsewhere_for_a_time(place):
    for name, text in (("a", b"some bytes"), ("b", b"other")):
        (place.folder / name).mkdir()
        (place.folder / name / "data.bin").write_bytes(text)
    (place.folder / "now").symlink_to("a")
    swap = "os.remove('now'); os.symlink({!r}, 'now')"
    load = f"{swap.format('b')}; read = Path('now/data.bin').read_bytes(); {swap.format('a')}; return read"

    said = place("run", place.model(load=load), "-i", "now/data.bin", "-o", "r.bin")

    assert 1 == said.code
    assert "tainted" == place.unfinished().status


STAYS = {
    "touched": "os.utime('data.bin')",
    "other rights": "os.chmod('data.bin', 0o600)",
    "another name more": "os.link('data.bin', 'more')",
    "another name less": "os.link('data.bin', 'more'); os.remove('more')",
    "opened to write, and not written": "open('data.bin', 'r+b').close()",
    "read": "Path('data.bin').read_bytes()",
    "a neighbour": "Path('data.txt').write_text('x'); os.replace('data.txt', 'other.txt')",
}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell a touch from a write")
@pytest.mark.parametrize("how", STAYS.values(), ids=STAYS)
def test_an_input_whose_bytes_nobody_wrote_is_the_same(place, how):
    said = place.run(place.model(run=f"{how}; time.sleep(0.01); return data"))

    assert 0 == said.code
    assert place.holds()


def test_where_the_system_does_not_tell_who_wrote_other_times_count(tmp_path, monkeypatch):
    path = tmp_path / "data.bin"
    path.write_bytes(b"some bytes")
    monkeypatch.setattr("sys.platform", "other")

    with InputWatch([path]) as watch:
        before = watch.change(path)
        os.utime(path, ns=(1, 1))
        after = watch.change(path)

    assert ("", "it has other times, so it may have been written to") == (before, after)


def test_a_file_that_appears_beside_the_input_is_told(place):
    (place.folder / "data.bin").rename(place.folder / "grid.tif")

    model = place.model(load="Path('grid.tfw').touch(); return b'1'")

    said = place("run", model, "-i", "grid.tif", "-o", "r.bin")

    assert 0 == said.code
    assert "grid.tfw appeared beside the input while the model ran" in said.err
    assert any("grid.tfw appeared" in line for line in store.read(place.folder / "r.record.json").logs)


def test_a_model_that_fails_on_what_it_changed_has_failed(place):
    said = place.run(place.model(run="Path('data.bin').unlink(); 1 / 0"))

    assert 1 == said.code
    assert "failed" == place.unfinished().status
