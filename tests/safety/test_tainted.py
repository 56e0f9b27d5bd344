"""An input that changes while the model runs makes no result."""

import contextlib
import itertools
import mmap
import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.record import store
from dissmodel.running import input_watch
from dissmodel.running.input_watch import InputWatch
from dissmodel.running.open_files import leased
from support.cases import mostly_slow

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


@pytest.mark.fast_cases("run-written", "save-deleted")
@pytest.mark.parametrize(
    ("step", "change"),
    mostly_slow(
        [*itertools.product(["load", "run", "save"], CHANGES)],
        ("load", "the same size and time"),
        *(("run", change) for change in ("written", "replaced", "a folder")),
        *(("save", change) for change in ("deleted", "a link to another")),
    ),
)
def test_an_input_that_changes_during_the_run(place, step, change, old_pair):
    place.take(old_pair)
    ends = {
        "load": "return b'early'",
        "run": "return data",
        "save": "Path(record.output_path).write_bytes(result); return record",
    }

    said = place.run(
        place.model(**{step: f"path = Path(record.source.uri); {CHANGES[change]}; {ends[step]}"}),
        "--overwrite",
    )

    assert (1, 1) == (said.code, len(said.errors)), said.err
    assert f"{place.folder / 'data.bin'} changed while the model ran" in said.err
    record = place.unfinished()
    assert ("tainted", "tainted") == (record.status, record.error.code)
    assert ({}, {}, None) == (record.artifacts, record.files, record.output_path)
    assert b"old" == (place.folder / "r.bin").read_bytes()


@pytest.mark.fast_cases("unlink()")
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
    "mapped, times set back": """
        import mmap
        at = path.stat()
        file = path.open('r+b'); part = mmap.mmap(file.fileno(), 0)
        part[:4] = b'othe'
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
    "mapped, times set back": """
        part[:4] = b'some'
        os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
        """,
}


@pytest.mark.fast_cases("data.bin-replaced by the old file", "grid.tfw-written")
@pytest.mark.parametrize(
    ("of", "how"),
    mostly_slow(
        [*itertools.product(["data.bin", "grid.tfw"], BACK)],
        *(("data.bin", how) for how in ("replaced by the old file", "mapped, times set back")),
        *(("grid.tfw", how) for how in ("a name of its own", "written")),
    ),
)
def test_an_input_that_changes_and_changes_back(place, of, how):
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


@pytest.mark.slow
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


# Changes a file through a memory map, lets the model read it, changes it back and sets its times back.
MAPPER = """
import mmap, os, sys, time
from pathlib import Path

path, when = Path(sys.argv[1]), sys.argv[2]
at = path.stat()
with path.open("r+b") as file:
    part = mmap.mmap(file.fileno(), 0)
first = part[:4]
part[:1] = first[:1]  # the page is not on the disk yet when the run begins
Path("mapped").touch()
while not Path("begun").exists():
    time.sleep(0.005)
part[:4] = b"othe"
Path("changed").touch()
while not Path("read").exists():
    time.sleep(0.005)
part[:4] = first
if when == "utime first":
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
if when != "kept open":
    part.close()
if when != "utime first":
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
Path("back").touch()
while not Path("over").exists():
    time.sleep(0.005)
"""
AFTER_THE_CHILD = """
def wait(name):
    while not Path(name).exists():
        time.sleep(0.005)
"""


@pytest.mark.fast_cases("utime first-in the run")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere other times count as a change anyway")
@pytest.mark.parametrize(
    ("when", "begins"),
    mostly_slow(
        [*itertools.product(["utime first", "utime last", "kept open"], ["before the run", "in the run"])],
        ("utime first", "in the run"),
        ("kept open", "before the run"),
    ),
)
def test_a_process_that_changes_an_input_through_a_map_and_sets_its_times_back(place, waiting, when, begins):
    command = [sys.executable, "-c", MAPPER, "data.bin", when]
    quiet = "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    start = f"import subprocess; subprocess.Popen({command!r}, {quiet}); wait('mapped')"
    load = """
        Path('begun').touch(); wait('changed')
        read = Path('data.bin').read_bytes()
        Path('read').touch(); wait('back')
        return read
    """
    load = textwrap.dedent(load).strip()
    if not leased(place.folder / "data.bin"):
        pytest.skip("this file system knows no leases")
    child = None
    if begins == "before the run":
        child = subprocess.Popen(command, cwd=place.folder)
        waiting(place.folder / "mapped", child)
    else:
        load = f"{start}\n{load}"

    said = place.run(place.model(head=AFTER_THE_CHILD, load=load))

    (place.folder / "over").touch()
    if child is not None:
        child.wait()
    assert 1 == said.code, said.err
    assert "data.bin changed while the model ran: its times differ" in said.err
    assert b"some bytes" == (place.folder / "data.bin").read_bytes()
    assert "tainted" == place.unfinished().status


def in_a_child(code):
    """Return the source that runs some code in a process of its own."""
    return f"import subprocess; subprocess.run([sys.executable, '-c', {textwrap.dedent(code)!r}], check=True)"


PASSING = {
    "a world file": ("open('grid.tfw', 'w').write('1')", "import os; os.remove('grid.tfw')"),
    "upper case": ("open('GRID.TFW', 'w').write('1')", "import os; os.remove('GRID.TFW')"),
    "metadata": (
        "open('grid.tif.aux.xml', 'w').write('<PAMDataset/>')",
        "import os; os.remove('grid.tif.aux.xml')",
    ),
    "moved in and out": (
        "import os; os.rename('other', 'grid.tif.msk')",
        "import os; os.rename('grid.tif.msk', 'other')",
    ),
    "a link": ("import os; os.symlink('other', 'grid.aux')", "import os; os.remove('grid.aux')"),
    "replaced": (
        "open('grid.tif.aux.xml', 'w').write('<PAMDataset><GeoTransform/></PAMDataset>')",
        "import os; open('new', 'w').write('x'); os.replace('new', 'grid.tif.aux.xml')",
    ),
}


@pytest.mark.fast_cases("upper case")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell which names came")
@pytest.mark.parametrize("how", mostly_slow([*PASSING], "upper case", "moved in and out"))
def test_a_file_that_belongs_to_the_input_for_a_time_only(place, how):
    (place.folder / "data.bin").rename(place.folder / "grid.tif")
    (place.folder / "other").write_bytes(b"other")
    came, went = map(in_a_child, PASSING[how])

    said = place(
        "run",
        place.model(load=f"{came}\nread = b'1'\n{went}\nreturn read"),
        *("-i", "grid.tif", "-o", "r.bin"),
    )

    assert 1 == said.code, said.err
    assert "grid.tif changed while the model ran: " in said.err
    assert "which is read with it, existed only for a time" in said.err
    assert "tainted" == place.unfinished().status


def write_grid(path):
    form = {"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", **form, transform=rasterio.Affine(1, 0, 0, 0, -1, 2)) as grid:
        grid.write(np.ones((1, 2, 2), "uint8"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell which names came")
def test_metadata_that_gdal_reads_for_a_time_only(place):
    write_grid(place.folder / "grid.tif")
    pam = '<PAMDataset><PAMRasterBand band="1"><NoDataValue>1</NoDataValue></PAMRasterBand></PAMDataset>'
    load = f"""
        import rasterio
        Path("grid.tif.aux.xml").write_text({pam!r})
        with rasterio.open("grid.tif") as read:
            nodata = read.nodata
        os.remove("grid.tif.aux.xml")
        return str(nodata).encode()
    """

    said = place("run", place.model(load=load), "-i", "grid.tif", "-o", "r.bin")

    assert 1 == said.code
    assert "grid.tif.aux.xml, which is read with it, existed only for a time" in said.err


STATISTICS = (
    '<PAMDataset><PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MEAN">1</MDI></Metadata>'
    "</PAMRasterBand></PAMDataset>"
)
HARMLESS = {
    "read by another process": in_a_child("""
        import mmap, rasterio
        with open("grid.tif", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as part:
            part[:]
        with rasterio.open("grid.tif") as read:
            read.read()
        """),
    "touch -a": "import subprocess; subprocess.run(['touch', '-a', 'grid.tif'], check=True)",
    "rights": "import subprocess; subprocess.run(['chmod', '600', 'grid.tif'], check=True)",
    "statistics of a viewer": in_a_child(f"open('grid.tif.aux.xml', 'w').write({STATISTICS!r})"),
    "overviews of a viewer": "Path('grid.tif.ovr').touch(); os.remove('grid.tif.ovr')",
    "another result": "Path('grid_2.tif').touch(); os.rename('grid_2.tif', 'g.gpkg'); os.remove('g.gpkg')",
    "notes": "Path('grid.txt').touch(); os.remove('grid.txt')",
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell which names came")
def test_statistics_that_gave_way_to_other_metadata_for_a_time(place):
    write_grid(place.folder / "grid.tif")
    (place.folder / "grid.tif.aux.xml").write_text(STATISTICS)
    (place.folder / "other").write_text("<PAMDataset/>")
    there = "os.rename('grid.tif.aux.xml', 'kept'); os.rename('other', 'grid.tif.aux.xml')"
    back = "os.rename('grid.tif.aux.xml', 'other'); os.rename('kept', 'grid.tif.aux.xml')"

    said = place("run", place.model(load=f"{there}; {back}; return b'1'"), "-i", "grid.tif", "-o", "r.bin")

    assert 1 == said.code, said.err
    assert "grid.tif.aux.xml, which is read with it, existed only for a time" in said.err


@pytest.mark.fast_cases("touch -a")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell reading from writing")
@pytest.mark.parametrize(
    "how", mostly_slow([*HARMLESS], "read by another process", "touch -a", "statistics of a viewer", "notes")
)
def test_who_only_reads_an_input_does_no_harm(place, how):
    if how == "touch -a" and input_watch._file_system(place.folder) not in input_watch._LOCAL:
        pytest.skip("this file system may be written to from elsewhere")
    write_grid(place.folder / "grid.tif")

    said = place(
        "run",
        place.model(load=f"{HARMLESS[how]}\ntime.sleep(0.01)\nreturn b'1'"),
        *("-i", "grid.tif", "-o", "r.bin"),
    )

    assert (0, "") == (said.code, said.err)
    assert place.holds()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell which names came")
def test_the_log_of_a_database_that_was_only_read_does_no_harm_and_one_that_was_written_does(place):
    path = place.folder / "data.gpkg"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE cells (one)")
    with contextlib.closing(InputWatch([path])) as watch:
        for _ in range(2):
            with contextlib.closing(sqlite3.connect(path)) as reader:
                reader.execute("SELECT * FROM cells").fetchall()
                assert (path.with_name("data.gpkg-wal")).exists()
        read = watch.transient_sidecar([path]), watch.change(path)
        path.with_name("data.gpkg-wal").write_bytes(b"what another database had to add")
        path.with_name("data.gpkg-wal").unlink()
        written = watch.transient_sidecar([path])

    assert ("", "") == read
    assert "data.gpkg-wal" == written


def in_memory(folder):
    return input_watch._file_system(folder) in input_watch._IN_MEMORY


@pytest.mark.skipif(not in_memory(Path("/dev/shm")), reason="there is no file system in memory")
def test_in_memory_a_file_that_was_open_for_writing_may_have_changed():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "data.bin"
        path.write_bytes(b"some bytes")
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as part:
            first = part[:]
            part[:] = first  # the page can be written to from now on, and no time changes
            with contextlib.closing(InputWatch([path])) as watch:
                part[:4] = b"othe"
                part[:] = first
                changed = watch.change(path)
        with contextlib.closing(InputWatch([path])) as watch:
            path.read_bytes()
            read = watch.change(path)

    assert "it was open for writing, and a file in memory does not tell what was written to it" == changed
    assert "" == read


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is nothing to lose")
def test_more_names_than_the_system_keeps_are_told(tmp_path):
    path = tmp_path / "grid.tif"
    path.write_bytes(b"II*\0")
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with contextlib.closing(InputWatch([path])) as watch:
        before = watch.events_lost
        for number in range(most // 2 + 1):
            new = tmp_path / f"{number}"
            new.touch()
            new.unlink()
        after = watch.events_lost

    assert (False, True) == (before, after)


STAYS = {
    "touched": "os.utime('data.bin')",
    "other rights": "os.chmod('data.bin', 0o600)",
    "another name more": "os.link('data.bin', 'more')",
    "another name less": "os.link('data.bin', 'more'); os.remove('more')",
    "opened to write, and not written": "open('data.bin', 'r+b').close()",
    "read": "Path('data.bin').read_bytes()",
    "a neighbour": "Path('data.txt').write_text('x'); os.replace('data.txt', 'other.txt')",
}


@pytest.mark.fast_cases("touched")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell a touch from a write")
@pytest.mark.parametrize(
    "how", mostly_slow(STAYS, "touched", "another name less", "opened to write, and not written")
)
def test_an_input_whose_bytes_nobody_wrote_is_the_same(place, how):
    if "r+b" in how and in_memory(place.folder):
        pytest.skip("a file in memory does not tell what is written to it through a memory map")
    said = place.run(place.model(run=f"{how}; time.sleep(0.01); return data"))

    assert 0 == said.code
    assert place.holds()


def test_where_the_system_does_not_tell_who_wrote_other_times_count(tmp_path, monkeypatch):
    path = tmp_path / "data.bin"
    path.write_bytes(b"some bytes")
    monkeypatch.setattr("sys.platform", "other")

    with contextlib.closing(InputWatch([path])) as watch:
        before = watch.change(path)
        os.utime(path, ns=(1, 1))
        after = watch.change(path)

    assert ("", "its times differ, so it may have been written to") == (before, after)


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


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system lists no open files")
def test_a_watch_that_can_not_begin_leaves_no_file_open(tmp_path):
    before = [path.name for path in Path("/proc/self/fd").iterdir()]
    with pytest.raises(FileNotFoundError):
        InputWatch([tmp_path / "missing.tif"])

    assert before == [path.name for path in Path("/proc/self/fd").iterdir()]
