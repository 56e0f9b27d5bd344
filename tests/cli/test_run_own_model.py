"""`dissmodel run` on an executor of one's own: the way of a run, whatever the model does."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from dissmodel.record import store
from support.files import names


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def data(dissmodel):
    Path("data.bin").write_bytes(b"some bytes")
    return "data.bin"


def test_a_run_writes_the_result_and_its_record(dissmodel, data, executor_file):
    said = dissmodel(
        "run", executor_file(), "--input", data, "--output", "r.bin", "--param", "x=3", "--seed", 7
    )

    assert (0, "") == (
        said.code,
        said.err.replace("warning: The model never read the parameter x.\n", ""),
    )
    assert ["data.bin", "r.bin", "r.record.json"] == names()
    record = json.loads(Path("r.record.json").read_text())
    assert "completed" == record["status"]
    assert {"output": sha256(b"some bytes")} == record["artifacts"]
    assert "r.bin" == record["output_path"] == record["files"]["output"]["path"]
    assert 10 == record["files"]["output"]["size"]
    assert sha256(b"some bytes") == record["source"]["checksum"]
    assert str(Path("data.bin").resolve()) == record["source"]["uri"]
    assert ({"x": 3}, {"x": "command line"}, 7) == (
        record["parameters"],
        record["parameter_origin"],
        record["seed"],
    )
    assert ["dissmodel", "run"] == record["command"][:2]
    assert sha256(Path(executor_file()).read_bytes()) == record["code"]["source_digest"]
    assert record["created_at"] < record["finished_at"]
    assert {"time_validate_sec", "time_load_sec", "time_run_sec", "time_save_sec", "time_total_sec"} <= set(
        record["metrics"]
    )
    assert record["peak_memory_bytes"] > 1_000_000
    assert record["runtime"]["packages"]["numpy"]["version"]


def test_without_an_output_the_name_is_the_models_and_the_runs(dissmodel, data, executor_file):
    said = dissmodel("run", executor_file(cls="output_suffix = '.bin'"), "--input", data, "--json")

    record = said.json["record"]
    stem = f"mine_{record['experiment_id'][:8]}"
    assert ["data.bin", "experiment_record.json", f"{stem}.bin", f"{stem}.record.json"] == names()
    assert store.read_document(Path("experiment_record.json")) == record


def test_a_model_that_chooses_its_own_name_is_promoted_too(dissmodel, data, executor_file):
    save = (
        "from dissmodel.executor.utils import default_output_uri; "
        "p = Path(default_output_uri(record.experiment_id, 'txt')); p.parent.mkdir(); p.write_bytes(result); "
        "record.output_path = str(p); return record"
    )

    said = dissmodel("run", executor_file(save=save), "--input", data)

    record = json.loads(Path("experiment_record.json").read_text())
    assert 0 == said.code
    assert f"mine_{record['experiment_id'][:8]}.txt" == record["output_path"]
    assert Path(record["output_path"]).read_bytes() == b"some bytes"


def test_files_beside_the_output_come_along_under_the_names_the_model_gave(dissmodel, data, executor_file):
    save = (
        "p = Path(record.output_path); p.write_bytes(result); "
        "side = p.with_name('side.md'); side.write_bytes(b'# hi'); "
        "p.with_suffix('.log').write_bytes(b'log'); "
        "record.add_artifact('report', self._sha256(side)); return record"
    )

    dissmodel("run", executor_file(save=save), "--input", data, "--output", "r.bin")

    record = store.read(Path("r.record.json"))
    assert ["data.bin", "r.bin", "r.log", "r.record.json", "side.md"] == names()
    assert {"output": "r.bin", "report": "side.md", "r.log": "r.log"} == {
        name: artifact.path for name, artifact in record.files.items()
    }
    assert sha256(b"# hi") == record.artifacts["report"]
    assert "text/markdown" == record.files["report"].media_type


def test_a_file_of_someone_elses_is_never_taken(dissmodel, data, executor_file):
    save = (
        "p = Path(record.output_path); p.write_bytes(result); "
        "p.with_name('side.md').write_bytes(b'# new'); return record"
    )
    Path("side.md").write_text("mine")

    dissmodel("run", executor_file(save=save), "--input", data, "--output", "r.bin")

    record = store.read(Path("r.record.json"))
    assert Path("side.md").read_text() == "mine"
    assert Path(f"r.{record.experiment_id[:8]}.side.md").read_text() == "# new"


def test_an_output_of_another_suffix_keeps_it_and_takes_nobodys_place(dissmodel, data, executor_file):
    save = "p = Path(record.output_path).with_suffix('.csv'); p.write_bytes(result); return record"
    Path("r.csv").write_text("mine")

    said = dissmodel("run", executor_file(save=save), "--input", data, "--output", "r.bin")

    record = store.read(Path("r.record.json"))
    assert "The model wrote r.csv, not r.bin." in said.err
    assert Path("r.csv").read_text() == "mine"
    assert f"r.{record.experiment_id[:8]}.r.csv" == record.output_path
    assert 0 == dissmodel("record", "verify", "r.record.json").code


def test_several_files_and_none_of_them_the_output_is_no_result(dissmodel, data, executor_file):
    save = (
        "p = Path(record.output_path); p.with_name('a').write_bytes(b'a'); "
        "p.with_name('b').write_bytes(b'b'); "
        "return record"
    )

    said = dissmodel("run", executor_file(save=save), "--input", data, "--output", "r.bin")

    assert 1 == said.code
    assert "returned without an output" in said.err


def test_a_folder_is_an_output_too(dissmodel, data, executor_file):
    save = (
        "d = Path(record.output_path); d.mkdir(); (d / 'report.md').write_bytes(b'r'); "
        "(d / 'plot.png').write_bytes(b'p'); record.add_artifact('output', self._sha256(d / 'report.md')); "
        "return record"
    )

    said = dissmodel("run", executor_file(save=save), "--input", data, "--output", "val/")

    record = store.read(Path("val.record.json"))
    assert (0, ["data.bin", "val", "val.record.json"]) == (said.code, names())
    assert ["plot.png", "report.md"] == sorted(path.name for path in Path("val").iterdir())
    assert ("val/report.md", "val/report.md") == (record.output_path, record.files["output"].path)
    assert 0 == dissmodel("record", "verify", "val.record.json").code


def test_an_output_elsewhere_is_recorded_as_external(dissmodel, data, executor_file, tmp_path):
    elsewhere = tmp_path / "elsewhere.bin"
    write = f"record.output_path = {str(elsewhere)!r}; Path(record.output_path).write_bytes(result)"
    save = f"{write}; return record"

    dissmodel("run", executor_file(save=save), "--input", data, "--output", "r.bin")

    artifact = store.read(Path("r.record.json")).files["output"]
    assert (True, str(elsewhere), sha256(b"some bytes")) == (
        artifact.external,
        artifact.path,
        artifact.sha256,
    )
    assert 0 == dissmodel("record", "verify", "r.record.json").code


def test_a_claim_that_is_not_so_is_not_recorded(dissmodel, data, executor_file):
    save = (
        "Path(record.output_path).write_bytes(result); record.output_sha256 = 'ab' * 32; "
        "record.add_artifact('ghost', 'cd' * 32); record.status = 'splendid'; record.experiment_id = 'x'; "
        "return record"
    )

    dissmodel("run", executor_file(save=save), "--input", data, "--output", "r.bin")

    record = store.read(Path("r.record.json"))
    assert {"output": sha256(b"some bytes")} == record.artifacts
    assert "completed" == record.status
    assert 32 == len(record.experiment_id)
    assert any("'ghost'" in line and "not found" in line for line in record.logs)


def test_what_a_model_prints_never_mixes_with_the_result(dissmodel, data, executor_file):
    said = dissmodel(
        "run",
        executor_file(run="print('hello\\nworld', end=''); return data"),
        "-i",
        data,
        "-o",
        "r.bin",
        "--json",
    )

    assert ["hello", "world"] == said.json["record"]["logs"]
    assert "hello\nworld\n" == said.err


def test_quiet_says_only_the_paths_and_verbose_says_each_phase(dissmodel, data, executor_file):
    model = executor_file(run="print('hello'); return data")

    quiet = dissmodel("run", model, "-i", data, "-o", "a.bin", "-q")
    verbose = dissmodel("run", model, "-i", data, "-o", "b.bin", "-v")

    assert (0, "a.bin\na.record.json\n", "") == (quiet.code, quiet.out, quiet.err)
    for word in ("checking", "loading", "running", "saving"):
        assert f"{word}: " in verbose.err


def test_a_seed_makes_random_draws_repeat(dissmodel, data, executor_file):
    model = executor_file(
        head="import random, numpy as np", run="return f'{random.random()} {np.random.random()}'.encode()"
    )

    for name in ("a.bin", "b.bin"):
        dissmodel("run", model, "-i", data, "-o", name, "--seed", 3)

    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes()


@pytest.mark.parametrize(
    ("phase", "steps", "code", "kind"),
    [
        ("validate", {"validate": "raise ValueError('no such depth')"}, 3, "ValueError"),
        ("load", {"load": "return 1 / 0"}, 1, "ZeroDivisionError"),
        pytest.param("run", {"run": "raise SystemExit(0)"}, 1, "SystemExit", marks=pytest.mark.slow),
        pytest.param("save", {"save": "raise OSError('disk')"}, 1, "OSError", marks=pytest.mark.slow),
        ("save", {"save": "return None"}, 1, "TypeError"),
        ("run", {"run": "raise KeyboardInterrupt"}, 130, "KeyboardInterrupt"),
        ("promote", {"save": "return record"}, 1, "RunFailed"),
    ],
)
def test_a_run_that_fails_leaves_a_record_of_it_and_nothing_else(
    dissmodel, data, executor_file, phase, steps, code, kind
):
    said = dissmodel("run", executor_file(**steps), "--input", data, "--output", "r.bin")

    assert code == said.code
    assert "Traceback" not in said.err
    (path,) = (name for name in names() if name != "data.bin")
    record = store.read(Path(path))
    assert f"r.{record.experiment_id[:8]}.record.json" == path
    assert ("interrupted" if code == 130 else "failed") == record.status
    assert (phase, kind) == (record.error.phase, record.error.type)
    assert kind in record.error.traceback
    assert ({}, {}, None) == (record.artifacts, record.files, record.output_path)
    assert sha256(b"some bytes") == record.source.checksum


def test_a_failed_run_with_json_says_where_its_record_is(dissmodel, data, executor_file):
    said = dissmodel("run", executor_file(load="return 1 / 0"), "-i", data, "-o", "r.bin", "--json")

    error = said.json["error"]
    assert ("run_failed", 1, 1) == (error["code"], said.json["schema_version"], said.code)
    assert "mine failed in load: ZeroDivisionError" in error["message"]
    assert store.read(Path(error["record"])).status == "failed"


def test_a_model_that_hides_a_changed_input_is_tainted(dissmodel, data, executor_file):
    said = dissmodel(
        "run",
        executor_file(run="Path(record.source.uri).write_bytes(b'!'); return data"),
        "-i",
        data,
        "-o",
        "r.bin",
    )

    (path,) = (name for name in names() if name != "data.bin")
    assert (1, "tainted") == (said.code, store.read(Path(path)).status)


def test_an_existing_result_is_replaced_only_when_asked_and_then_whole(dissmodel, data, executor_file):
    model = executor_file(run="return record.parameters['text'].encode()")
    with_side = executor_file(
        "sided",
        save="Path(record.output_path).write_bytes(result); "
        "Path(record.output_path + '.aux').write_bytes(b'old side'); return record",
    )
    assert 0 == dissmodel("run", with_side, "-i", data, "-o", "r.bin").code

    refused = dissmodel("run", model, "-i", data, "-o", "r.bin", "-p", "text=new")
    before = names()
    replaced = dissmodel("run", model, "-i", data, "-o", "r.bin", "-p", "text=new", "--overwrite")

    assert (2, ["data.bin", "r.bin", "r.bin.aux", "r.record.json"]) == (refused.code, before)
    assert "--overwrite" in refused.err
    assert (0, ["data.bin", "r.bin", "r.record.json"]) == (replaced.code, names())
    assert Path("r.bin").read_bytes() == b"new"
    assert 0 == dissmodel("record", "verify", "r.record.json").code


def test_a_failure_over_a_good_pair_leaves_it_as_it_was(dissmodel, data, executor_file):
    dissmodel("run", executor_file(), "-i", data, "-o", "r.bin")
    before = Path("r.record.json").read_bytes()

    said = dissmodel("run", executor_file(run="return 1 / 0"), "-i", data, "-o", "r.bin", "--overwrite")

    assert 1 == said.code
    assert before == Path("r.record.json").read_bytes()
    assert 0 == dissmodel("record", "verify", "r.record.json").code


def test_a_pair_that_a_killed_run_was_replacing_is_brought_back_first(dissmodel, data, executor_file):
    from dissmodel import materialize

    dissmodel("run", executor_file(), "-i", data, "-o", "r.bin")
    folder = Path.cwd()
    record = store.read(folder / "r.record.json")
    scratch = materialize.make(folder / "r.record.json", "run")
    materialize.begin(
        record, folder / "r.record.json", scratch, [folder / "r.bin"], {folder / "r.bin": "0" * 64}
    )
    assert not Path("r.bin").exists()

    said = dissmodel("run", executor_file(), "-i", data, "-o", "r.bin")

    assert (2, ["data.bin", "r.bin", "r.record.json"]) == (said.code, names())
    assert 0 == dissmodel("record", "verify", "r.record.json").code


def test_a_toml_gives_the_model_its_parameters_and_its_names(dissmodel, data, executor_file):
    Path("m.toml").write_text(
        "[model]\nname = 'mine'\n[model.parameters]\na = 1\nb = 2\n"
        "[model.bands]\nuso = 'U'\n[model.columns]\nalt = 'A'\n"
    )

    said = dissmodel(
        "run",
        executor_file(),
        "-i",
        data,
        "-o",
        "r.bin",
        "--toml",
        "m.toml",
        "-p",
        "b=3",
        "--band-map",
        "uso=V",
    )

    record = store.read(Path("r.record.json"))
    assert 0 == said.code
    assert ({"a": 1, "b": 3}, {"a": "spec", "b": "command line"}) == (
        record.parameters,
        record.parameter_origin,
    )
    assert ({"uso": "V"}, {"alt": "A"}) == (record.band_map, record.column_map)
    assert {
        "model": {
            "name": "mine",
            "parameters": {"a": 1, "b": 2},
            "bands": {"uso": "U"},
            "columns": {"alt": "A"},
        }
    } == (record.resolved_spec)


def test_secrets_never_reach_the_record_or_the_log(dissmodel, data, executor_file, monkeypatch):
    monkeypatch.setenv("MINIO_SECRET_KEY", "planted-secret-0815")
    model = executor_file(
        run="print('key planted-secret-0815'); record.add_log('planted-secret-0815'); "
        "raise RuntimeError('planted-secret-0815')"
    )

    said = dissmodel("run", model, "-i", data, "-o", "r.bin", "-p", "password=planted-secret-0815")

    (path,) = (name for name in names() if name != "data.bin")
    assert "planted-secret" not in Path(path).read_text() + said.out + said.err


def test_the_log_never_names_the_scratch_folder(dissmodel, data, executor_file):
    save = (
        "Path(record.output_path).write_bytes(result); print('wrote', record.output_path); "
        "record.add_log(f'saved {record.output_path}'); return record"
    )

    said = dissmodel("run", executor_file(save=save), "-i", data, "-o", "r.bin")

    expected = str(Path.cwd() / "r.bin")
    assert [f"saved {expected}", f"wrote {expected}"] == store.read(Path("r.record.json")).logs
    assert f"wrote {expected}\n" == said.err


READS = """
p = record.parameters; float(p["rate"]); p.get("end_time", 10); "quick" in p
record.band_map.get("uso", "uso"); return data
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-p", "rate=1"], []),
        (["-p", "rate=1", "-p", "end_time=3", "-p", "quick=true", "--band-map", "uso=a"], []),
        (
            ["-p", "rate=1", "-p", "end_tme=3"],
            ["The model never read the parameter end_tme. Did you mean 'end_time'?"],
        ),
        (["-p", "rate=1", "-p", "b=2", "-p", "a=1"], ["The model never read the parameters b, a."]),
        (
            ["-p", "rate=1", "--band-map", "usos=a", "--column-map", "uso=a"],
            [
                "The model never read from --band-map: usos. Did you mean 'uso'?",
                "The model never read from --column-map: uso.",
            ],
        ),
    ],
)
def test_what_a_model_never_read_is_told(dissmodel, data, executor_file, words, told):
    model = executor_file(
        run="exec(READS); return data", head=f"READS = {READS.replace('return data', '')!r}"
    )

    said = dissmodel("run", model, "-i", data, "-o", "r.bin", *words)

    assert (0, "".join(f"warning: {one}\n" for one in told)) == (said.code, said.err)
    assert [f"warning: {one}" for one in told] == store.read(Path("r.record.json")).logs


def test_a_misspelt_parameter_that_a_model_needs_is_told(dissmodel, data, executor_file):
    model = executor_file(run="record.parameters['end_time']; return data")

    said = dissmodel("run", model, "-i", data, "-o", "r.bin", "-p", "end_tme=3", "-p", "rate=1")

    assert 1 == said.code
    assert "KeyError: 'end_time'; the parameter end_tme was given but not read\n" in said.err
    assert "rate" not in said.err


def test_what_a_toml_says_may_be_read_there(dissmodel, data, executor_file):
    model = executor_file(
        run="record.parameters['rate']; record.resolved_spec['model'].get('classes'); return data"
    )
    Path("m.toml").write_text(
        "[model]\nname = 'm'\nclass = 'mine'\nclasses = ['a']\n[model.parameters]\nrate = 1\nother = 2\n"
    )

    said = dissmodel("run", model, "-t", "m.toml", "-i", data, "-o", "r.bin", "-p", "typed=1")

    assert (0, "warning: The model never read the parameter typed.\n") == (said.code, said.err)


@pytest.mark.parametrize("phase", ["validate", "run"])
def test_a_text_in_place_of_a_number_is_named(dissmodel, data, executor_file, phase):
    steps = {
        phase: "record.parameters['rate'] * 2.5; return data"
        if phase == "run"
        else "record.parameters['rate'] * 2.5"
    }

    said = dissmodel(
        "run",
        executor_file(**steps),
        "-i",
        data,
        "-o",
        "r.bin",
        "-p",
        "rate=0,5",
        "-p",
        "name=coast",
        "--json",
    )

    assert 1 == said.code
    assert "; the parameter rate is the text '0,5' (command line)" in said.json["error"]["message"]
    assert "coast" not in said.json["error"]["message"]
    (left,) = Path().glob("r.*.record.json")
    assert ("TypeError", said.json["error"]["message"]) == (
        store.read(left).error.type,
        store.read(left).error.message,
    )


@pytest.mark.parametrize(
    ("when", "options", "code"),
    [("import", {"head": "import rasterstats"}, 2), ("run", {"run": "import rasterstats"}, 1)],
)
def test_a_missing_module_is_told_with_the_extra_that_brings_it(
    dissmodel, executor_file, monkeypatch, when, options, code
):
    Path("in.bin").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "rasterstats", None)

    said = dissmodel("run", executor_file(**options), "-i", "in.bin", "-o", "r.bin")

    assert code == said.code
    assert "rasterstats" in said.err.splitlines()[0]
    assert "  The extra 'pysal' brings it: python -m pip install rasterstats" in said.err.splitlines()


DECLARED_WRONG = {
    "Parameters": ["@property\n    def Parameters(self): return None", "def Parameters(self): return None"],
    "substrate": ["@property\n    def substrate(self): return ''", "substrate = 3"],
    "output_suffix": ["@property\n    def output_suffix(self): return ''", "output_suffix = 'bin'"],
    "output_suffixes": ["@property\n    def output_suffixes(self): return ()", "output_suffixes = '.bin'"],
    "legends": ["@property\n    def legends(self): return {}", "legends = 3"],
}


@pytest.mark.parametrize(
    ("attribute", "source"), [(name, one) for name, several in DECLARED_WRONG.items() for one in several]
)
def test_what_a_class_declares_wrongly_is_its_authors_error(dissmodel, executor_file, attribute, source):
    Path("data.bin").write_bytes(b"1")
    model = executor_file(cls=source)

    ran = dissmodel("run", model, "-i", "data.bin", "-o", "r.bin", "--json")
    shown = dissmodel("show", model, "--json")
    validated = dissmodel("validate", model)

    assert (2, 2, 3) == (ran.code, shown.code, validated.code)
    for error in (ran.json["error"], shown.json["error"]):
        assert "model_unloadable" == error["code"]
        assert error["message"].startswith(f"The model mine: {attribute} is ")
        assert error["hint"].startswith(f"Write in the class Mine: {attribute} = ")
    assert f"{attribute} is " in validated.out
    assert ["data.bin"] == [path.name for path in Path().iterdir()]
