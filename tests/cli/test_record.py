"""`dissmodel record show` and `dissmodel record verify`: whoever changed what, it is seen."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from dissmodel.record import Artifact, ExperimentRecord, store
from dissmodel.record.digest import sha256_file
from support.files import edit

RECORDS = Path(__file__).resolve().parents[1] / "data" / "records"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, make_coast):
    """Two results of the coastal model with their records, and their input; never changed by a test."""
    from dissmodel.progress import Silent
    from dissmodel.running.run import RunRequest, run

    folder = tmp_path_factory.mktemp("pairs")
    make_coast.main(["--rows", "20", "--cols", "30", "--output", str(folder / "grid.zip")])
    for name, steps in (("one", 3), ("two", 5)):
        run(
            RunRequest(
                model="coastal_raster",
                input=str(folder / "grid.zip"),
                output=str(folder / f"{name}.tif"),
                parameters={"end_time": steps},
            ),
            Silent(),
        )
    return folder


@pytest.fixture
def here(dissmodel, pairs):
    """The two pairs as they would lie with someone who got them, their input elsewhere and as it was."""
    for path in pairs.iterdir():
        if path.name != "grid.zip":
            shutil.copy(path, path.name)
    return Path()


ALL_OK = {"record": "ok", "output": "ok", "style": "ok", "input": "ok"}


@pytest.mark.usefixtures("here")
def test_a_pair_that_moved_to_another_folder_verifies(dissmodel):
    said = dissmodel("record", "verify", "one.record.json", "two.record.json")
    as_json = dissmodel("record", "verify", "one.record.json", "--json")
    quiet = dissmodel("record", "verify", "one.record.json", "-q")

    assert (0, "") == (said.code, said.err)
    assert ["one.record.json:", "two.record.json:"] == [
        line for line in said.out.splitlines() if line.endswith(":")
    ]
    assert 8 == sum(line.startswith("ok ") for line in said.out.splitlines())
    assert (ALL_OK, True, 1) == (as_json.verdicts, as_json.json["ok"], as_json.json["schema_version"])
    assert (0, "", "") == (quiet.code, quiet.out, quiet.err)


@pytest.mark.parametrize("where", [0, 7, 0.25, 0.5, 0.75, -1])
def test_one_flipped_bit_in_the_output_is_caught(dissmodel, here, where):
    data = bytearray((here / "one.tif").read_bytes())
    was = sha256_file("one.tif")
    data[int(where * len(data)) if isinstance(where, float) else where] ^= 0x10
    (here / "one.tif").write_bytes(data)

    said = dissmodel("record", "verify", "one.record.json")
    quiet = dissmodel("record", "verify", "-q", "one.record.json")

    assert 4 == said.code == quiet.code
    assert ["differs      output    one.tif"] == [x for x in said.out.splitlines() if x.startswith("differs")]
    assert f"expected {was}\n" in said.out
    assert f"found    {sha256_file('one.tif')}\n" in said.out
    assert [line for line in said.out.splitlines() if not line.startswith("ok ")] == quiet.out.splitlines()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data[:0],
        lambda data: data[: len(data) // 2],
    ],
    ids=["a byte less", "a byte more", "empty", "half"],
)
@pytest.mark.parametrize(("file", "name"), [("one.tif", "output"), ("one.qml", "style")])
@pytest.mark.usefixtures("here")
def test_a_file_of_another_length_is_caught(dissmodel, change, file, name):
    Path(file).write_bytes(change(Path(file).read_bytes()))

    said = dissmodel("record", "verify", "one.record.json", "--json")

    assert (4, {**ALL_OK, name: "differs"}) == (said.code, said.verdicts)
    assert said.json["ok"] is False


def test_a_pair_that_was_moved_without_its_style_is_verified_with_a_note(here, dissmodel):
    Path("one.qml").unlink()

    said = dissmodel("record", "verify", "one.record.json")
    as_json = dissmodel("record", "verify", "one.record.json", "--json")
    listed = dissmodel("record", "list", "--model", "coastal_raster", "--verify", "--json")

    assert (0, 0, 0) == (said.code, as_json.code, listed.code)
    assert {**ALL_OK, "style": "not checked"} == as_json.verdicts
    (line,) = (line for line in said.out.splitlines() if "style" in line)
    assert line.endswith("one.qml  (no such file; it sets how the result is drawn, not its content)")
    assert ["ok", "ok"] == [one["files"] for one in listed.json["records"]]


def test_a_style_that_was_changed_still_differs(here, dissmodel):
    Path("one.qml").write_text("mine")

    said = dissmodel("record", "verify", "one.record.json", "--json")

    assert (4, "differs") == (said.code, said.verdicts["style"])


@pytest.mark.parametrize(
    ("name", "path", "code"),
    [("map", "map.png", 0), ("map", "map.SVG", 0), ("output", "map.png", 4), ("table", "map.csv", 4)],
)
def test_a_missing_file_is_no_failure_only_where_it_is_a_picture(dissmodel, name, path, code):
    artifact = Artifact(path=path, size=1, sha256="0" * 64)
    record = ExperimentRecord(experiment_id="a" * 32, status="completed", files={name: artifact})
    store.write(record, Path("r.record.json"))

    assert code == dissmodel("record", "verify", "r.record.json").code


def test_two_outputs_that_changed_places_are_caught(dissmodel, here):
    (here / "one.tif").rename("three.tif")
    (here / "two.tif").rename("one.tif")
    (here / "three.tif").rename("two.tif")

    for name in ("one", "two"):
        said = dissmodel("record", "verify", f"{name}.record.json", "--json")

        assert (4, {**ALL_OK, "output": "differs"}) == (said.code, said.verdicts)


@pytest.mark.usefixtures("here")
def test_a_deleted_result_is_caught(dissmodel):
    Path("one.tif").unlink()

    said = dissmodel("record", "verify", "one.record.json")

    assert 4 == said.code
    assert ["missing"] == [x.split()[0] for x in said.out.splitlines() if "one.tif" in x and "sha" not in x]
    assert "no such file" in said.out


EDITS = {
    "parameter": lambda d: d["parameters"].update(end_time=4),
    "parameter, last digit": lambda d: d["parameters"].update(sea_level_rise_rate=0.011000000000000001),
    "origin": lambda d: d["parameter_origin"].update(tide_height="command line"),
    "metric": lambda d: d["metrics"].update(time_run_sec=0.0),
    "step metric": lambda d: d["step_metrics"].update(invented=[1]),
    "log": lambda d: d["logs"].append("all is well"),
    "status": lambda d: d.update(status="failed"),
    "model": lambda d: d.update(model_name="coastal_vector"),
    "commit": lambda d: d.update(model_commit="0" * 40),
    "time": lambda d: d.update(created_at="2020-01-01T00:00:00Z"),
    "package": lambda d: d["runtime"]["packages"]["numpy"].update(version="1.0"),
    "unknown field added": lambda d: d.update(reviewed=True),
    "field removed": lambda d: d.pop("command"),
    "content digest": lambda d: d["files"]["output"]["content_digest"].update(digest="0" * 64),
    "digest of an artifact": lambda d: d["files"]["output"].update(sha256="0" * 64),
    "digest of the input": lambda d: d["source"].update(checksum="0" * 64),
    "the record's digest": lambda d: d.update(record_digest="sha256:" + "0" * 64),
    "the record's digest away": lambda d: d.pop("record_digest"),
    "the record's digest null": lambda d: d.update(record_digest=None),
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
@pytest.mark.usefixtures("here")
def test_an_edited_record_is_caught(dissmodel, change):
    edit("one.record.json", change)

    said = dissmodel("record", "verify", "one.record.json", "--json")

    assert (4, "differs") == (said.code, said.verdicts["record"])


@pytest.mark.usefixtures("here")
def test_a_forger_who_mends_the_records_digest_still_meets_the_files(dissmodel):
    edit("one.record.json", lambda d: d["files"]["output"].update(sha256="0" * 64), seal=True)

    said = dissmodel("record", "verify", "one.record.json", "--json")

    assert (4, "ok") == (said.code, said.verdicts["record"])
    assert "differs" in {c["verdict"] for c in said.json["checks"] if c["name"] == "output"}


def test_another_order_of_keys_and_other_white_space_change_nothing(dissmodel, here):
    def turned(value):
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(value)}
        return value

    path = here / "one.record.json"
    path.write_text(
        "\ufeff" + json.dumps(turned(json.loads(path.read_text())), indent="\t") + "\r\n", encoding="utf-8"
    )

    said = dissmodel("record", "verify", path, "--json")

    assert (0, ALL_OK) == (said.code, said.verdicts)


def test_where_things_lie_is_no_part_of_the_record(dissmodel, here):
    (here / "maps").mkdir()
    (here / "one.tif").rename("maps/first.tif")
    edit(
        "one.record.json",
        lambda d: (
            d["files"]["output"].update(path="maps/first.tif"),
            d.update(output_path="maps/first.tif"),
        ),
    )

    assert 0 == dissmodel("record", "verify", "one.record.json").code


@pytest.mark.parametrize(
    ("happened", "verdict"),
    [("changed", "differs"), ("gone", "not checked"), ("beside", "ok"), ("namesake", "not checked")],
)
@pytest.mark.usefixtures("here")
def test_the_input_is_checked_where_it_can_be_reached(dissmodel, tmp_path, pairs, happened, verdict):
    where = tmp_path / "elsewhere" / "grid.zip"
    edit("one.record.json", lambda d: d["source"].update(uri=str(where)))
    if happened == "changed":
        where.parent.mkdir()
        where.write_bytes((pairs / "grid.zip").read_bytes() + b"!")
    elif happened == "beside":
        shutil.copy(pairs / "grid.zip", "grid.zip")
    elif happened == "namesake":
        Path("grid.zip").write_text("another file of that name")

    said = dissmodel("record", "verify", "one.record.json", "--json")
    code = 4 if verdict == "differs" else 0

    assert (code, {**ALL_OK, "input": verdict}) == (said.code, said.verdicts)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/grid.zip",
        "https://example.org/grid.zip?part=1",
        "ftp://example.org/a",
        "a" * 5000,
        "a\0b",
    ],
)
@pytest.mark.usefixtures("here")
def test_an_input_that_is_no_local_file_is_not_checked_and_shown_as_it_is(dissmodel, uri):
    edit("one.record.json", lambda d: d["source"].update(uri=uri))

    said = dissmodel("record", "verify", "one.record.json")

    assert 0 == said.code
    assert f"not checked  input     {uri}".replace("\0", "\\x00")[:80] in said.out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
@pytest.mark.usefixtures("here")
def test_a_place_that_must_not_be_read_is_no_bug(dissmodel, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    edit("one.record.json", lambda d: d["source"].update(uri=str(locked / "grid.zip")))
    is_root = os.geteuid() == 0
    try:
        os.seteuid(65534 if is_root else os.geteuid())
        said = dissmodel("record", "verify", "one.record.json")
    finally:
        os.seteuid(0 if is_root else os.geteuid())

    assert 0 == said.code
    assert "Permission denied" in said.out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_in_place_of_a_file_does_not_wait_for_ever(dissmodel, here):
    (here / "one.tif").unlink()
    os.mkfifo("one.tif")

    said = dissmodel("record", "verify", "one.record.json")

    assert 4 == said.code
    assert "not a regular file" in said.out


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "maps/../../secret.txt",
        "/etc/hostname",
        "C:\\a.tif",
        "file:///etc/hostname",
        "",
        "a\0b",
    ],
)
@pytest.mark.usefixtures("here")
def test_a_record_cant_name_a_file_outside_its_folder(dissmodel, path):
    Path("../secret.txt").write_text("secret")
    edit(
        "one.record.json",
        lambda d: d["files"]["output"].update(path=path, sha256=sha256_file("../secret.txt")),
        seal=True,
    )

    said = dissmodel("record", "verify", "one.record.json")

    assert 4 == said.code
    assert "differs      output\n" in said.out
    assert "it names a file outside its folder" in said.out


@pytest.mark.usefixtures("here")
def test_a_name_that_is_too_long_is_no_bug(dissmodel):
    edit("one.record.json", lambda d: d["files"]["output"].update(path="a" * 5000))

    said = dissmodel("record", "verify", "one.record.json")

    assert 4 == said.code
    assert "can't be read: File name too long" in said.out


def test_a_link_that_the_user_made_is_followed_and_what_it_leads_to_is_checked(dissmodel, here, tmp_path):
    (here / "one.tif").rename(tmp_path / "large-disk.tif")
    (here / "one.tif").symlink_to(tmp_path / "large-disk.tif")
    good = dissmodel("record", "verify", "one.record.json")
    (tmp_path / "large-disk.tif").write_text("something else")
    bad = dissmodel("record", "verify", "one.record.json")

    assert (0, 4) == (good.code, bad.code)


BROKEN = {
    "empty": (b"", "not a record"),
    "truncated": (None, "not a record"),
    "no JSON": (b"II*\0", "not a record"),
    "a list": (b"[1]", "it has no experiment_id"),
    "deep": (
        b'{"experiment_id": "x", "a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "nested deeper than 100",
    ),
    "a key twice": (b'{"experiment_id": "x", "status": "failed", "status": "completed"}', "is given twice"),
    "newer": (b'{"experiment_id": "x", "schema_version": 99}', "a newer dissmodel"),
    "misfit": (b'{"experiment_id": "x", "source": 3}', "source"),
    "huge": (b"0" * 100_000_000, "more than 16777216 bytes"),
}


@pytest.mark.parametrize(("data", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_record_is_a_line_and_the_others_are_checked(dissmodel, here, data, says):
    whole = (here / "two.record.json").read_bytes()
    (here / "two.record.json").write_bytes(whole[:-9] if data is None else data)

    said = dissmodel("record", "verify", "two.record.json", "one.record.json")
    shown = dissmodel("record", "show", "two.record.json")

    assert (4, "") == (said.code, said.err)
    assert says in said.out
    assert 4 == sum(line.startswith("ok ") for line in said.out.splitlines())
    assert len(said.out) < 3000
    assert (3, "") == (shown.code, shown.out)
    assert says in shown.err


@pytest.mark.usefixtures("here")
def test_a_missing_record_is_missing(dissmodel):
    said = dissmodel("record", "verify", "none.record.json", "one.record.json", "--json")
    shown = dissmodel("record", "show", "none.record.json", "--json")

    assert 4 == said.code
    assert ["missing", "ok", "ok", "ok", "ok"] == [check["verdict"] for check in said.json["checks"]]
    assert (3, "record_missing") == (shown.code, shown.json["error"]["code"])


@pytest.mark.usefixtures("here")
def test_a_folder_is_no_record(dissmodel):
    said = dissmodel("record", "verify", ".")

    assert 4 == said.code
    assert "it is a folder" in said.out


@pytest.mark.usefixtures("here")
def test_a_record_cant_speak_to_the_terminal(dissmodel):
    """An escape sequence, a line break that fakes an "ok", a mark that turns the direction of text."""
    edit(
        "one.record.json",
        lambda d: (
            d.update(model_name="\x1b[2Jcoast\nok           record", logs=["\x1b]0;owned\x07", "a\u202eb"]),
            d["source"].update(uri="s3://\x1b[31mred"),
            d["files"]["output"].update(path="one.tif\nok           output    one.tif"),
            d["parameters"].update({"\x9b31m": 1}),
        ),
    )

    for words in (("record", "show"), ("record", "verify")):
        said = dissmodel(*words, "one.record.json")

        assert set("\x1b\x07\x9b\u202e").isdisjoint(said.out)
        assert not [line for line in said.out.splitlines() if line.startswith("ok ") and "style" not in line]


@pytest.mark.usefixtures("here")
def test_a_long_text_of_a_record_is_cut_where_it_is_shown(dissmodel):
    """In a table each line would be as long."""
    edit(
        "one.record.json",
        lambda d: (
            d.update(model_name="m" * 100_000, logs=["x" * 100_000]),
            d["source"].update(checksum="c" * 100_000),
        ),
    )
    said = [
        dissmodel(*words)
        for words in (
            ("record", "show", "one.record.json"),
            ("record", "show", "one.record.json", "--lineage"),
            ("record", "verify", "one.record.json"),
            ("record", "list"),
            ("record", "diff", "one.record.json", "two.record.json"),
            ("reproduce", "one.record.json"),
        )
    ]

    assert [0, 0, 4, 0, 4] == [one.code for one in said[:-1]]
    assert 5000 > max(len(line) for one in said for line in (one.out + one.err).splitlines())
    assert "100000 characters" in said[0].out
    assert (
        "m" * 100_000 == dissmodel("record", "show", "one.record.json", "--json").json["record"]["model_name"]
    )


@pytest.mark.parametrize("public", [False, True])
def test_a_completed_record_without_files_vouches_for_nothing(dissmodel, here, public):
    def change(document):
        document.update(files={}, artifacts={}, output_sha256=None)
        if public:
            del document["schema_version"]

    edit("one.record.json", change, seal=True)
    told = dissmodel("record", "verify", "one.record.json", "--json")
    read = dissmodel("record", "verify", "one.record.json")
    repeated = dissmodel("reproduce", "one.record.json", "--json")

    assert {"record": "ok", "output": "missing", "input": "ok"} == told.verdicts
    assert (4, 4) == (told.code, read.code)
    assert "the record names no file" in read.out
    assert (3, "nothing_to_reproduce") == (repeated.code, repeated.json["error"]["code"])


def test_verifying_golden_records(dissmodel):
    full = dissmodel("record", "verify", RECORDS / "v1" / "full.json", "--json")
    failed = dissmodel("record", "verify", RECORDS / "v1" / "failed.json", "--json")

    assert {"record": "ok", "output": "missing", "report": "missing", "input": "not checked"} == full.verdicts
    assert {"record": "ok", "status": "not checked", "input": "not checked"} == failed.verdicts
    assert (4, 0) == (full.code, failed.code)


@pytest.mark.parametrize("there", ["as noted", "from Windows"])
def test_a_record_of_the_public_dissmodel_finds_its_output_beside_itself(dissmodel, there):
    document = json.loads((RECORDS / "public-0.6" / "completed.json").read_text(encoding="utf-8"))
    Path("result_1a2b3c4d.tif").write_bytes(b"the result")
    document["artifacts"]["output"] = sha256_file("result_1a2b3c4d.tif")
    if there == "from Windows":
        document["output_path"] = "C:\\coast\\outputs\\result_1a2b3c4d.tif"
    Path("result_1a2b3c4d.record.json").write_text(json.dumps(document, indent=2), encoding="utf-8")

    good = dissmodel("record", "verify", "result_1a2b3c4d.record.json", "--json")
    Path("result_1a2b3c4d.tif").write_bytes(b"the resulT")
    bad = dissmodel("record", "verify", "result_1a2b3c4d.record.json", "--json")

    expected = {"record": "not checked", "output": "ok", "profiling": "not checked", "input": "not checked"}
    assert (0, expected) == (good.code, good.verdicts)
    assert (4, {**expected, "output": "differs"}) == (bad.code, bad.verdicts)


def test_show_says_what_ran_on_what_with_what_and_what_came_out(dissmodel, here, pairs):
    said = dissmodel("record", "show", "one.record.json")
    record = store.read(here / "one.record.json")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]

    assert (0, "") == (said.code, said.err)
    assert "coastal_raster: completed (one.record.json)" == lines[0]
    for line in (
        f"id {record.experiment_id}",
        f"file {pairs / 'grid.zip'}",
        f"sha256 {sha256_file(pairs / 'grid.zip')}",
        f"grid 20 rows × 30 columns, {record.grid.cells} cells in the space",
        "end_time 3 (command line)",
        "sea_level_rise_rate 0.011 (default)",
        f"content {record.files['output'].content_digest.digest}",
        f"total {record.metrics['time_total_sec']} s",
    ):
        assert line in lines
    (output,) = (line for line in lines if line.startswith("output one.tif"))
    assert output.endswith(f"sha256 {sha256_file('one.tif')}")


def test_show_as_json_is_the_document(dissmodel, here):
    for path in (here / "one.record.json", *sorted(RECORDS.glob("*/*.json"))):
        said = dissmodel("record", "show", path, "--json")

        assert json.loads(path.read_text(encoding="utf-8")) == said.json["record"]
        assert 1 == said.json["schema_version"]


@pytest.mark.parametrize(
    ("steps", "ended"),
    [
        ({"run": "raise OSError('disk full')"}, ("failed", "run", "OSError: disk full")),
        ({"load": "raise KeyboardInterrupt"}, ("interrupted", "load", "KeyboardInterrupt: interrupted")),
        (
            {"run": "Path(record.source.uri).write_bytes(b'!'); return data"},
            ("tainted", "promote", "changed while the model ran"),
        ),
    ],
)
def test_show_says_where_and_why_a_run_ended(dissmodel, executor_file, steps, ended):
    status, phase, error = ended
    Path("data.bin").write_bytes(b"some bytes")
    dissmodel("run", executor_file(**steps), "--input", "data.bin", "--output", "r.bin")
    (path,) = Path().glob("r.*.record.json")

    said = dissmodel("record", "show", path)

    assert 0 == said.code
    assert said.out.startswith(f"mine: {status}  ({path})\n")
    assert f"  phase  {phase}\n" in said.out
    assert error in said.out
    assert "\nResult\n" not in said.out
    # There is no result to check; of the tainted run the input is no more what it was.
    assert (4 if status == "tainted" else 0) == dissmodel("record", "verify", path).code


def test_show_of_records_by_the_public_dissmodel(dissmodel):
    said = dissmodel("record", "show", RECORDS / "public-0.6" / "completed.json")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]

    for line in (
        "dissmodel 0.6.6",
        "code local-cli",
        "file data/input/grid_60x60_tiff.zip",
        "end_time 10",
        f"output sha256 {'4e' * 32}",
        "file /home/ana/coast/outputs/result_1a2b3c4d.tif",
        "run 1.203 s",
        "Loaded GeoTIFF bands=['uso', 'alt', 'solo'] shape=(60, 60)",
    ):
        assert line in lines
    assert said.out.startswith("local: completed")


def test_show_of_the_other_golden_records(dissmodel):
    minimal = dissmodel("record", "show", RECORDS / "v1" / "minimal.json")
    failed = dissmodel("record", "show", RECORDS / "v1" / "failed.json")
    acre = dissmodel("record", "show", RECORDS / "public-0.6" / "vector_period.json")

    assert (0, 0, 0) == (minimal.code, failed.code, acre.code)
    assert minimal.out.startswith("a model: pending")
    assert "InvalidInput: grid.tif: it has no band 'alt'." in failed.out
    assert "Map it: --band-map alt=NAME" in failed.out
    assert "f = floresta, d = desmat" in acre.out


@pytest.mark.usefixtures("here")
def test_a_terminal_that_only_speaks_ascii_shows_a_record():
    import subprocess

    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    said = subprocess.run(
        [sys.executable, "-m", "dissmodel", "record", "show", str(RECORDS / "v1" / "full.json")],
        env=environment,
        capture_output=True,
        check=False,
    )

    assert (0, b"") == (said.returncode, said.stderr)
    assert b"323 rows x 349 columns" in said.stdout
    assert b"\\xe1gua salobra -> 12 %" in said.stdout
    assert said.stdout.isascii()
