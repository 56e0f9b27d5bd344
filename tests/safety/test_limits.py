"""The limits of real machines: one message, a record of the failure where it fits, and nothing lost."""

import itertools
import resource
import shutil
import subprocess
import sys

import pytest

from support.cases import mostly_slow

WROTE = "Path(record.output_path).write_bytes(result)\n"
MIB = 2**20

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")


def limited(which, value):
    return lambda: resource.setrlimit(which, (value, value))


@pytest.fixture
def temporary(tmp_path):
    """A temporary folder of the test's own: the words for a command's environment, and the folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return {"TMPDIR": str(folder)}, folder


@pytest.fixture
def small_disk(tmp_path, place_at):
    """A place on a disk of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no way to make a small disk")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("this process may not mount a small disk")
    yield place_at(disk / "here")
    subprocess.run(["umount", disk], check=True)


def check_failed(place, said, pair, folder=None):
    """Check that a run failed with one message, left its record, and the earlier pair is as it was."""
    assert said.code in {1, 5}, said.err
    assert 1 == len(said.errors), said.err
    assert "Traceback" not in said.err
    folder = folder or place.folder
    record = place.unfinished(folder)
    assert "failed" == record.status
    assert f"  record: {folder / f'r.{record.experiment_id[:8]}.record.json'}" in said.err.splitlines()
    assert [] == [name for name in place.names if name.startswith(".dissmodel-")]
    assert pair == {name: (place.folder / name).read_bytes() for name in pair}
    if pair:
        assert place.holds()


def fill(folder, spare):
    """Fill a disk up to some bytes."""
    free = shutil.disk_usage(folder).free
    (folder / "filling").write_bytes(bytes(free - spare))


@pytest.mark.fast_cases("over a pair")
@pytest.mark.parametrize("over_a_pair", [False, True], ids=["over nothing", "over a pair"])
def test_a_disk_that_fills_while_the_model_saves(small_disk, temporary, over_a_pair, old_pair):
    pair = small_disk.take(old_pair) if over_a_pair else {}

    said = small_disk.run(
        small_disk.model(save="Path(record.output_path).write_bytes(bytes(2 * 2**20)); return record"),
        "--overwrite",
        env=temporary[0],
    )

    assert "No space left on device" in said.err
    assert 5 == said.code
    # What the model wrote is thrown away first, so that the record finds room.
    check_failed(small_disk, said, pair)


@pytest.mark.fast_cases("True-3")
@pytest.mark.parametrize(
    ("over_a_pair", "blocks"),
    mostly_slow(
        [*itertools.product([False, True], [0, 1, 3, 5, 8, 12, 16, 24])],
        *((False, 1), (True, 0), (True, 3), (True, 12)),
    ),
)
def test_a_disk_with_room_for_a_few_blocks(small_disk, temporary, over_a_pair, blocks, old_pair):
    pair = small_disk.take(old_pair) if over_a_pair else {}
    fill(small_disk.folder, blocks * 4096)

    said = small_disk.run(small_disk.model(), "--overwrite", env=temporary[0])

    assert [] == [name for name in small_disk.names if name.startswith(".dissmodel-")]
    if said.code == 0:
        assert small_disk.holds()
        return
    assert (5, 1) == (said.code, len(said.errors)), said.err
    assert "No space left on device" in said.err
    assert "Traceback" not in said.err
    assert pair == {name: (small_disk.folder / name).read_bytes() for name in pair}
    assert over_a_pair == (small_disk.folder / "r.bin").exists()


def test_a_disk_that_is_full_when_the_result_stands_waiting(small_disk, temporary, old_pair):
    pair = small_disk.take(old_pair)
    fills = (
        WROTE
        + "import shutil\n"
        + "Path('filling').write_bytes(bytes(shutil.disk_usage('.').free)); return record"
    )

    said = small_disk.run(small_disk.model(save=fills), "--overwrite", env=temporary[0])

    assert 5 == said.code
    check_failed(small_disk, said, pair, folder=temporary[1])


def test_a_disk_that_is_read_only(small_disk, old_pair):
    pair = small_disk.take(old_pair)
    subprocess.run(["mount", "-o", "remount,ro", small_disk.folder.parent], check=True)

    said = small_disk.run(small_disk.model(), "--overwrite")
    elsewhere = small_disk.run(small_disk.model(), output="below/r.bin")

    assert [(5, 1), (5, 1)] == [(one.code, len(one.errors)) for one in (said, elsewhere)], said.err
    assert "Read-only file system" in said.err
    assert pair == {name: (small_disk.folder / name).read_bytes() for name in pair}
    assert small_disk.holds()


@pytest.mark.fast_cases("over a pair")
@pytest.mark.parametrize("over_a_pair", [False, True], ids=["over nothing", "over a pair"])
def test_a_limit_on_the_size_of_files(place, over_a_pair, old_pair):
    pair = place.take(old_pair) if over_a_pair else {}

    said = place.run(
        place.model(save="Path(record.output_path).write_bytes(bytes(2 * 2**20)); return record"),
        "--overwrite",
        preexec_fn=limited(resource.RLIMIT_FSIZE, MIB),
    )

    assert "File too large" in said.err
    check_failed(place, said, pair)


def test_a_limit_on_the_size_of_files_that_no_record_fits(place, old_pair):
    pair = place.take(old_pair)

    said = place.run(place.model(), "--overwrite", preexec_fn=limited(resource.RLIMIT_FSIZE, 1024))

    assert (5, 1) == (said.code, len(said.errors)), said.err
    assert pair == {name: (place.folder / name).read_bytes() for name in pair}
    assert ["data.bin", "r.bin", "r.record.json"] == place.names


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems don't keep to this limit")
@pytest.mark.parametrize(
    "takes",
    [
        "bytearray(8 * 2**30)",
        "import numpy; kept = numpy.ones(2**30)",
        # Until nothing is left, and held while the record is written.
        "kept = []\nwhile True: kept.append(bytearray(2**16))",
        "kept = []\nwhile True: kept.append(bytearray(2**10))",
        "kept = []\nwhile True: kept.append([])",
        "kept = []\nwhile True: kept.append([kept])",
    ],
)
def test_a_limit_on_memory(place, takes, old_pair):
    pair = place.take(old_pair)

    said = place.run(
        place.model(run=f"{takes}\nreturn data"),
        "--overwrite",
        preexec_fn=limited(resource.RLIMIT_AS, 700 * MIB),
        env={"OPENBLAS_NUM_THREADS": "1"},
    )

    assert "Memory" in said.err
    check_failed(place, said, pair)


@pytest.mark.fast_cases("kept = [open(os.devnull) for _ in range(100)]")
@pytest.mark.parametrize(
    "takes",
    ["kept = [open(os.devnull) for _ in range(100)]", "kept = []\nwhile True: kept.append(os.dup(0))"],
)
def test_too_many_open_files(place, takes, old_pair):
    pair = place.take(old_pair)

    said = place.run(
        place.model(run=f"{takes}\nreturn data"),
        "--overwrite",
        preexec_fn=limited(resource.RLIMIT_NOFILE, 40),
    )

    assert (1, 1) == (said.code, len(said.errors)), said.err
    assert "Too many open files" in said.err
    assert pair == {name: (place.folder / name).read_bytes() for name in pair}


@pytest.mark.fast_cases("9")
@pytest.mark.parametrize("most", mostly_slow(range(3, 12), 5, 9))
def test_hardly_any_open_files(place, most, old_pair):
    pair = place.take(old_pair)

    said = place.run(place.model(), "--overwrite", preexec_fn=limited(resource.RLIMIT_NOFILE, most))

    assert pair == {name: (place.folder / name).read_bytes() for name in pair} or said.code == 0
    assert place.run(place.model(), "--overwrite").code == 0
    assert place.holds()
    assert [] == [name for name in place.names if name.startswith(".dissmodel-")]


def test_a_destination_folder_that_is_removed_during_the_run(place, temporary):
    (place.folder / "out").mkdir()

    said = place.run(
        place.model(run="import shutil; shutil.rmtree('out'); return data"),
        output="out/r.bin",
        env=temporary[0],
    )

    assert ["data.bin"] == place.names
    check_failed(place, said, {}, folder=temporary[1])


@pytest.mark.slow
def test_the_folder_in_which_the_command_runs_is_removed_during_the_run(place, temporary):
    gone = place.folder / "gone"
    gone.mkdir()

    said = place(
        "run",
        place.model(run="import shutil; shutil.rmtree(os.getcwd()); return data"),
        "-i",
        place.folder / "data.bin",
        "-o",
        "r.bin",
        cwd=gone,
        env=temporary[0],
    )

    check_failed(place, said, {}, folder=temporary[1])


def test_a_destination_folder_that_is_replaced_by_a_file(place, temporary):
    run = "import shutil; shutil.rmtree('out'); Path('out').write_text('mine'); return data"

    said = place.run(place.model(run=run), output="out/r.bin", env=temporary[0])

    assert "mine" == (place.folder / "out").read_text()
    check_failed(place, said, {}, folder=temporary[1])


def test_a_scratch_folder_that_is_removed_when_the_files_are_moved(place, old_pair):
    pair = place.take(old_pair)
    head = """
        from dissmodel import materialize
        promote = materialize.promote
        def without(source, finals):
            import shutil
            shutil.rmtree(source)
            return promote(source, finals)
        materialize.promote = without
    """

    said = place.run(place.model(head=head), "--overwrite")

    check_failed(place, said, pair)


LENGTHS = [200, 201, 239, 240, 251, 255, 256, 5000]


@pytest.mark.fast_cases("n-255")
@pytest.mark.parametrize(
    ("letter", "length"),
    mostly_slow([*itertools.product("nã", LENGTHS)], ("ã", 200), ("ã", 201), ("n", 255), ("n", 5000)),
)
def test_a_name_as_long_as_names_may_be(place, letter, length):
    name = letter * ((length - 4) // len(letter.encode())) + ".bin"

    good = place.run(place.model(), output=name)
    bad = place.run(place.model(run="1 / 0"), "--overwrite", output=name)

    if length <= LENGTHS[0]:
        assert [0, 1] == [good.code, bad.code], good.err
        assert 4 == len(place.names)
    else:
        assert good.code in {0, 2}, good.err
        if good.code == 2:
            assert "too long" in good.err
            assert ["data.bin"] == place.names
    assert "bug" not in good.err + bad.err


@pytest.mark.slow
def test_a_name_that_no_record_can_hold_is_refused(place):
    for name in ("a\nb.bin", "a\\b.bin", "a:b.bin", "a\x1b[31m.bin"):
        said = place.run(place.model(), output=name)

        assert (2, 1) == (said.code, len(said.errors)), said.err
        assert ["data.bin"] == place.names


def test_the_record_of_a_failure_finds_no_place_at_all(place):
    nowhere = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), "/nowhere")
    (place.folder / "out").mkdir()

    said = place.run(
        place.model(
            run="import shutil, tempfile; shutil.rmtree('out'); tempfile.tempdir = '/nowhere'; 1 / 0"
        ),
        output="out/r.bin",
        env=nowhere,
    )

    assert (1, 1) == (said.code, len(said.errors))
    assert "ZeroDivisionError" in said.err
    assert "record:" not in said.err


@pytest.mark.parametrize("step", mostly_slow(["begin", "promote", "written"], "promote"))
def test_a_disk_that_becomes_read_only_while_the_pair_is_replaced(small_disk, temporary, step, old_pair):
    pair = small_disk.take(old_pair)
    head = f"""
        import subprocess
        from dissmodel import materialize
        from dissmodel.record import store
        def read_only():
            here = {str(small_disk.folder)!r}
            subprocess.run(["mount", "--bind", here, here], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", here], check=True)
        begin, promote = materialize.begin, materialize.promote
        def new_begin(*words):
            if {step!r} == "begin": read_only()
            begin(*words)
        def new_promote(*words):
            if {step!r} == "promote": read_only()
            promotion = promote(*words)
            if {step!r} == "written": read_only()
            return promotion
        materialize.begin, materialize.promote = new_begin, new_promote
    """
    try:
        said = small_disk.run(small_disk.model(head=head), "--overwrite", env=temporary[0])
    finally:
        subprocess.run(["umount", small_disk.folder], check=False)

    assert (5, 1) == (said.code, len(said.errors)), said.err
    assert "Read-only file system" in said.err
    assert "Traceback" not in said.err
    # The next run brings the old pair back.
    refused = small_disk.run(small_disk.model())
    assert 2 == refused.code
    assert pair == {name: (small_disk.folder / name).read_bytes() for name in pair}
    assert small_disk.holds()
    assert 0 == small_disk.run(small_disk.model(), "--overwrite").code
    assert ["data.bin", "r.bin", "r.record.json"] == small_disk.names


@pytest.mark.fast_cases("the end")
@pytest.mark.parametrize(
    "when", mostly_slow(["the journal", "the record", "the end"], "the record", "the end")
)
def test_a_folder_that_can_not_be_synced_is_told(place, temporary, when, old_pair):
    pair = place.take(old_pair)
    # The folder is synced once the record says `replacing`, once the files have their names, and at the end.
    fails_at = {"the journal": 1, "the record": 2, "the end": 3}[when]
    head = f"""
        import errno, stat
        seen = []
        def fsync(descriptor, fsync=os.fsync):
            state = os.fstat(descriptor)
            here = os.stat({str(place.folder)!r})
            if os.path.samestat(state, here):
                seen.append(descriptor)
                if len(seen) == {fails_at}:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
            fsync(descriptor)
        os.fsync = fsync
    """

    said = place.run(place.model(head=head, run="return b'new'"), "--overwrite", env=temporary[0])

    assert (5, 1) == (said.code, len(said.errors)), said.err
    assert "Input/output error" in said.err
    assert place.holds()
    if when == "the end":  # the new pair stands, and that the disk keeps it is all that is not sure
        assert b"new" == (place.folder / "r.bin").read_bytes()
        assert f"  record: {place.folder / 'r.record.json'}" in said.err.splitlines()
        assert ["data.bin", "r.bin", "r.record.json"] == place.names
    else:
        check_failed(place, said, pair)


FOLDER = "output_suffix = '/'"
IN_FOLDER = """
    folder = Path(record.output_path); folder.mkdir(exist_ok=True)
    (folder / 'a.bin').write_bytes(result); return record
"""


@pytest.fixture
def mounted():
    """Mount a folder, or a file, at the place of another on the same disk."""
    if not sys.platform.startswith("linux"):
        pytest.skip("there is no way to mount a folder")
    there = []

    def mount(source, target):
        done = subprocess.run(["mount", "--bind", source, target], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("this process may not mount a folder")
        there.append(target)

    yield mount
    for target in there:
        subprocess.run(["umount", target], check=True)


RAN = "Path('../ran').touch(); return data"


@pytest.mark.fast_cases("inner")
@pytest.mark.parametrize("below", ["", "inner"])
def test_an_output_folder_that_is_mounted_is_known_before_the_run(place, mounted, tmp_path, below):
    (tmp_path / "other disk").mkdir()
    (place.folder / "va l" / below).mkdir(parents=True)
    model = place.model(cls=FOLDER, run=RAN, save=IN_FOLDER)
    mounted(tmp_path / "other disk", place.folder / "va l" / below)

    said = place.run(model, "--overwrite", output="va l/")

    assert (2, 1) == (said.code, len(said.errors)), said.err
    assert f"{place.folder / 'va l' / below}: this is another file system" in said.err
    assert not (place.folder.parent / "ran").exists()
    inside = place.run(model, output="va l/result/")
    assert 0 == inside.code, inside.err


def test_an_output_file_that_is_mounted_is_known_before_the_run(place, mounted, tmp_path, old_pair):
    pair = place.take(old_pair)
    (tmp_path / "another.bin").write_bytes(b"another")
    mounted(tmp_path / "another.bin", place.folder / "r.bin")

    said = place.run(place.model(run=RAN), "--overwrite")

    assert (2, 1) == (said.code, len(said.errors)), said.err
    assert f"{place.folder / 'r.bin'}: this is another file system" in said.err
    assert not (place.folder.parent / "ran").exists()
    assert b"another" == (tmp_path / "another.bin").read_bytes()
    assert b"old" == pair["r.bin"]


def test_an_output_folder_that_is_another_disk(small_disk, tmp_path, place):
    (place.folder / "val").symlink_to(small_disk.folder)

    linked = place.run(place.model(cls=FOLDER, run=RAN, save=IN_FOLDER), "--overwrite", output="val/")
    disk = small_disk.folder.parent
    itself = place(
        "run", place.model(cls=FOLDER, run=RAN, save=IN_FOLDER), "-i", "data.bin", "-o", f"{disk}/"
    )

    assert [2, 2] == [linked.code, itself.code], itself.err
    assert f"--output {small_disk.folder}/" in linked.err
    assert not (place.folder.parent / "ran").exists()
    assert tmp_path


def test_a_hidden_output_folder_is_refused(place):
    said = place.run(place.model(cls=FOLDER, run=RAN, save=IN_FOLDER), output=".git/")

    assert (2, 1) == (said.code, len(said.errors)), said.err
    assert "can't begin with a dot" in said.err
    assert ["data.bin"] == place.names


def test_hidden_names_of_a_result_become_visible(place):
    save = """
        inner = Path(record.output_path) / '.hooks' / '.a'; inner.mkdir(parents=True)
        (inner / '.run').write_text('x'); return record
    """

    said = place.run(place.model(cls=FOLDER, save=save), output="val/")

    assert 0 == said.code, said.err
    assert (place.folder / "val" / "_hooks" / "_a" / ".run").read_text() == "x"
    assert place.holds("val.record.json")
