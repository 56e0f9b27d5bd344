"""The index of records: what a search finds, and that it is nothing but a copy of the records."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dissmodel.errors import InvalidInput, StorageError, UsageError
from dissmodel.experiment import index as module
from dissmodel.experiment.index import IndexUnusable, RecordIndex, Scope, search
from dissmodel.experiment.ingest import ingest_place, scope_of
from dissmodel.experiment.layout import open_place
from dissmodel.experiment.listing import ListRequest, list_records
from dissmodel.record import DataSource, ExperimentRecord, digest, store
from dissmodel.record.plain import plain
from dissmodel.storage.settings import StorageSettings

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = (1, 1.0, 2, True, False, "1", "norte", "NaN", None, [1, 2], [1.0, True], {"a": 1}, 10**400, -0.0, 0)
LONG = ("x" * 300 + "a", "x" * 300 + "b")


def record_of(number, **fields):
    told = {
        "experiment_id": digest.sha256_bytes(f"{number}".encode())[:32],
        "created_at": BEGAN + timedelta(minutes=number),
        "model_name": "coast",
        "status": "completed",
        "source": DataSource(uri="grid.tif", checksum=f"{number % 3}" * 64),
        "parameters": {"number": number, "even": number % 2 == 0},
        "artifacts": {"output": f"{number:064}"},
        "metrics": {"time_total_sec": number / 2},
        "finished_at": BEGAN + timedelta(minutes=number, seconds=9),
    }
    return ExperimentRecord(**{**told, **fields})


def leave(path, record):
    """Write a record without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(store.document_and_bytes(record, path)[1])
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The user's index, which is not there yet."""
    monkeypatch.setenv("DISSMODEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DISSMODEL_CONFIG", str(tmp_path / "config"))
    return RecordIndex(tmp_path / "data" / "index.db")


@pytest.fixture
def runs(tmp_path):
    """Ten records in a tree."""
    folder = tmp_path / "runs"
    for number in range(10):
        leave(folder / f"{number % 3}" / f"r{number}.record.json", record_of(number))
    return folder


def place_of(folder):
    return open_place(str(folder), StorageSettings())


def bring(index, folder, **more):
    return ingest_place(index, place_of(folder), **more)


def numbers(index, **filters):
    return [row.parameters["number"] for row in search(index, **filters).rows]


def content(index):
    """Everything that is in an index, without the numbers of its rows."""
    with index.reading() as db:
        seen = db.execute(
            "SELECT s.place, s.key, s.version, s.problem, s.summary, e.record_digest FROM seen s"
            " LEFT JOIN experiment e ON e.number = s.experiment ORDER BY s.place, s.key"
        ).fetchall()
        params = db.execute(
            "SELECT e.record_digest, p.name, p.value, p.created FROM param p"
            " JOIN experiment e ON e.number = p.experiment ORDER BY 1, 2"
        ).fetchall()
        return seen, params, db.execute("SELECT count(*) FROM experiment").fetchone()


def test_only_what_is_new_or_changed_is_read_and_what_is_gone_is_taken_out(index, runs):
    first, again = bring(index, runs), bring(index, runs)
    leave(runs / "new.record.json", record_of(10))
    leave(runs / "0" / "r0.record.json", record_of(0, model_name="other"))
    (runs / "1" / "r1.record.json").unlink()
    then = bring(index, runs)

    assert [(10, 10, 0), (10, 0, 0), (10, 2, 1)] == [
        (one.records, one.read, one.gone) for one in (first, again, then)
    ]
    assert [10, 9, 8, 7, 6, 5, 4, 3, 2, 0] == numbers(index)
    assert [0] == numbers(index, model="other")
    assert (10,) == content(index)[2]


@pytest.mark.parametrize(
    ("expected", "filters"),
    [
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], {}),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], {"model": "coast", "status": "completed"}),
        ([], {"model": "fire"}),
        ([], {"status": "failed"}),
        ([8, 6, 4, 2, 0], {"parameters": {"even": True}}),
        ([4], {"parameters": {"even": True, "number": 4.0}}),
        ([], {"parameters": {"even": 1}}),
        ([], {"parameters": {"number": "4"}}),
        ([], {"parameters": {"even": False, "number": 4}}),
        ([9, 8], {"since": BEGAN + timedelta(minutes=8)}),
        ([8, 5, 2], {"input": "2" * 64}),
        ([8, 2], {"input": "2" * 64, "parameters": {"even": True}}),
        ([8], {"input": "2" * 64, "parameters": {"even": True}, "limit": 1, "model": "coast"}),
    ],
)
def test_a_search_finds_what_was_asked_for_the_latest_first(index, runs, expected, filters):
    bring(index, runs)

    assert expected == numbers(index, **filters)


def test_a_row_has_what_the_record_says(index, runs):
    bring(index, runs)

    row = search(index, parameters={"number": 7}).rows[0]

    path = runs / "1" / "r7.record.json"
    assert row.record_digest == store.read_document(path)["record_digest"]
    assert (BEGAN + timedelta(minutes=7), BEGAN + timedelta(minutes=7, seconds=9), 3.5) == (
        row.created_at,
        row.finished_at,
        row.total_sec,
    )
    assert ("1" * 64, f"{7:064}", "coast", "completed") == (
        row.input_sha256,
        row.output_sha256,
        row.model,
        row.status,
    )
    assert ("", path.resolve().as_posix(), False) == (row.place, row.key, row.shares_id)
    assert {"number": 7, "even": False} == row.parameters


@pytest.mark.parametrize("filters", [{}, {"model": "coast"}, {"parameters": {"kind": "a"}}])
def test_pages_follow_each_other_also_where_times_are_equal(index, tmp_path, filters):
    for number in range(23):
        record = record_of(number, created_at=BEGAN, parameters={"number": number, "kind": "a"})
        leave(tmp_path / "runs" / f"r{number}.record.json", record)
        leave(tmp_path / "copies" / f"r{number}.record.json", record)
    bring(index, tmp_path / "runs")
    bring(index, tmp_path / "copies")

    found, after = [], None
    while True:
        page = search(index, after=after, limit=5, **filters)
        found += [row.parameters["number"] for row in page.rows]
        after = page.next
        if after is None:
            break

    assert 23 == len(found)
    assert set(range(23)) == set(found)


@pytest.mark.parametrize(
    ("given", "code"),
    [({"after": "x"}, "bad_cursor"), ({"after": "1.sha256:'"}, "bad_cursor"), ({"limit": 0}, "bad_limit")],
)
def test_what_no_search_takes_is_refused(index, runs, given, code):
    bring(index, runs)

    with pytest.raises(UsageError) as raised:
        search(index, **given)

    assert code == raised.value.code


def test_a_scope_has_the_records_of_its_place_alone(index, runs):
    bring(index, runs)

    assert [9, 6, 3, 0] == numbers(index, scope=scope_of(place_of(runs / "0")))
    with pytest.raises(IndexUnusable, match="not all records of s3://bucket at"):
        search(index, scope=Scope("s3://bucket at http://host", ""))
    assert 10 == len(numbers(index, scope=scope_of(place_of(runs))))


def test_a_scope_is_searched_only_when_all_of_it_was_read(index, runs, monkeypatch):
    whole, part = scope_of(place_of(runs)), scope_of(place_of(runs / "0"))
    bring(index, runs / "0")

    assert [9, 6, 3, 0] == numbers(index, scope=part)
    with pytest.raises(IndexUnusable):
        search(index, scope=whole)
    bring(index, runs)
    assert 10 == len(numbers(index, scope=whole))

    monkeypatch.setattr(store, "read_document", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bring(index, runs / "0", rebuild=True)
    for scope in (part, whole):
        with pytest.raises(IndexUnusable):
            search(index, scope=scope)
    assert [8, 7, 5, 4, 2, 1] == numbers(index)


def test_a_record_that_can_not_be_relied_on_is_a_problem_and_not_found(index, runs):
    changed = runs / "0" / "r0.record.json"
    document = json.loads(changed.read_bytes())
    changed.write_bytes(store.dumps(document | {"model_name": "forged"}))
    (runs / "0" / "r3.record.json").write_text("{")
    moved = runs / "experiments" / "another" / "record.json"
    leave(moved, record_of(6))
    (runs / "0" / "r6.record.json").unlink()

    done = bring(index, runs)

    assert [9, 8, 7, 5, 4, 2, 1] == numbers(index)
    assert 3 == len(done.problems)
    for line, path, why in zip(
        done.problems,
        (changed, runs / "0" / "r3.record.json", moved),
        ("was changed", "not a record", "the record of"),
        strict=True,
    ):
        assert line.startswith(f"{path.resolve()}: ")
        assert why in line
    assert done.problems == bring(index, runs).problems


def test_two_records_of_one_id_are_both_kept_and_marked(index, runs):
    leave(runs / "twin.record.json", record_of(4, parameters={"number": 40}))
    leave(runs / "copy.record.json", record_of(5))

    done = bring(index, runs)

    marked = [row.parameters["number"] for row in search(index).rows if row.shares_id]
    assert {4, 40} == set(marked)
    assert (digest.sha256_bytes(b"4")[:32],) == done.shared_ids
    assert 11 == len(numbers(index))  # a copy is the same experiment

    (runs / "twin.record.json").unlink()
    assert () == bring(index, runs).shared_ids
    assert not any(row.shares_id for row in search(index).rows)


def test_one_experiment_of_a_place_is_ingested_alone(index, tmp_path):
    for number in range(3):
        leave(
            tmp_path / "place" / "experiments" / record_of(number).experiment_id / "record.json",
            record_of(number),
        )
    place = place_of(tmp_path / "place").below("experiments")

    done = ingest_place(index, place.below(record_of(1).experiment_id))

    assert (1, [1]) == (done.records, numbers(index))
    rest = ingest_place(index, place)
    assert (3, 2) == (rest.records, rest.read)


def test_a_place_that_is_not_there_yet_has_no_records(index, tmp_path):
    done = ingest_place(index, place_of(tmp_path).below("experiments"))

    assert (0, 0, 0) == (done.records, done.read, done.gone)


def test_without_an_index_a_search_says_so(index):
    with pytest.raises(IndexUnusable) as raised:
        search(index)

    assert "index_unusable" == raised.value.code
    assert not index.path.exists()


def another_schema(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def cut(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)


def overwritten(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))


def other_tables(path):
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE seen (x)")
        db.execute("PRAGMA user_version = 1")
        db.commit()


@pytest.mark.parametrize(
    "harm",
    [
        another_schema,
        cut,
        overwritten,
        other_tables,
        lambda path: path.write_bytes(b"no database" * 99),
        Path.unlink,
    ],
)
def test_an_index_that_can_not_be_used_is_made_anew(index, runs, harm):
    bring(index, runs)
    before = content(index)
    harm(index.path)

    done = bring(index, runs)

    assert (10, 10) == (done.records, done.read)
    assert before == content(index)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no rights that keep the owner out")
def test_a_file_that_can_not_be_opened_is_replaced(index, runs):
    bring(index, runs)
    index.path.unlink()
    index.path.symlink_to(index.path.with_name("nowhere") / "index.db")

    done = bring(index, runs)

    assert (10, 10) == (done.records, done.read)


def test_what_is_no_file_is_left_and_the_error_names_it(index, runs):
    index.path.mkdir(parents=True)

    with pytest.raises(StorageError, match="can't be removed") as raised:
        bring(index, runs)

    assert str(index.path) in raised.value.message
    assert index.path.is_dir()


def test_a_rebuild_reads_all_again(index, runs):
    bring(index, runs)
    before = content(index)
    with index.writing() as db:
        db.execute("UPDATE experiment SET model = 'wrong'")

    done = bring(index, runs, rebuild=True)

    assert 10 == done.read
    assert before == content(index)


def test_a_list_finds_that_the_index_is_damaged_where_nothing_was_written(index, runs):
    list_records(ListRequest(str(runs), index=True))
    with index.writing() as db:
        db.execute("DROP TABLE param")
        db.execute("UPDATE seen SET summary = NULL")
        db.execute("ALTER TABLE seen DROP COLUMN summary")

    assert 10 == len(list_records(ListRequest(str(runs), index=True)))


def _ingest_in_a_process(path, folder):
    ingest_place(RecordIndex(path), place_of(folder))


@pytest.mark.slow
def test_several_writers_at_once_leave_what_one_leaves(index, tmp_path, monkeypatch):
    for number in range(120):
        leave(tmp_path / "runs" / f"{number % 4}" / f"r{number}.record.json", record_of(number))
    alone = RecordIndex(tmp_path / "alone.db")
    bring(alone, tmp_path / "runs")
    folders = [tmp_path / "runs", tmp_path / "runs" / "1", tmp_path / "runs", tmp_path / "runs" / "2"]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_ingest_in_a_process, args=(index.path, folder)) for folder in folders
    ]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [0, 0, 0, 0] == [process.exitcode for process in processes]
    assert content(alone) == content(index)


def test_who_waits_too_long_for_another_is_told(index, runs):
    with index.only_writer(0), pytest.raises(StorageError) as raised:
        bring(index, runs, patience=0.05)

    assert "index_busy" == raised.value.code


KILLED = """
import sys
from pathlib import Path
from dissmodel.experiment import ingest
from dissmodel.experiment.index import RecordIndex
from dissmodel.experiment.layout import open_place
from dissmodel.storage.settings import StorageSettings

ingest._BATCH = 20
print("begins", flush=True)
ingest.ingest_place(RecordIndex(Path(sys.argv[1])), open_place(sys.argv[2], StorageSettings()))
"""


@pytest.mark.fast_cases("0")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_time_and_run_again_it_is_whole(index, tmp_path, seed):
    for number in range(200):
        leave(tmp_path / "runs" / f"r{number}.record.json", record_of(number))
    alone = RecordIndex(tmp_path / "alone.db")
    bring(alone, tmp_path / "runs")
    chance = random.Random(seed)

    words = [sys.executable, "-c", KILLED, str(index.path), str(tmp_path / "runs")]
    for _ in range(4):
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
    bring(index, tmp_path / "runs")

    assert content(alone) == content(index)


def some_record(chance, number):
    """Return a record with fields by chance, few enough values that filters meet several."""
    parameters = {
        name: chance.choice(VALUES + LONG) for name in chance.sample(["a", "b", "c"], chance.randint(0, 3))
    }
    record = record_of(
        number,
        created_at=BEGAN + timedelta(hours=chance.randint(0, 5)),
        model_name=chance.choice(["coast", "fire", ""]),
        status=chance.choice(["completed", "failed", "replacing", "running"]),
        parameters=parameters,
        parameter_origin={name: chance.choice(["default", "spec"]) for name in parameters},
        output_path=chance.choice([None, f"r{number}.tif", "/elsewhere/r.tif", "../r.tif"]),
    )
    if chance.random() < 0.2:
        record.reproduces = "e1"
    return record


def change(chance, folder, number):
    """Do to the tree what people and runs do."""
    there = sorted(folder.rglob("*.json"))
    deed = chance.randint(0, 9)
    if deed < 5 or not there:
        below = chance.choice(["", "a", "a/b", "experiments/e1", "c d"])
        name = chance.choice([f"r{number % 7}.record.json", "record.json", "experiment_record.json"])
        leave(folder / below / name, some_record(chance, number))
    elif deed == 5:
        chance.choice(there).unlink()
    elif deed == 6:
        chance.choice(there).write_text(chance.choice(["{", "[]", '{"experiment_id": 3}', ""]))
    elif deed == 7:
        path = chance.choice(there)
        with contextlib.suppress(ValueError, TypeError):
            path.write_bytes(store.dumps(json.loads(path.read_bytes()) | {"status": "forged"}))
    elif deed == 8:
        path = chance.choice(there)
        path.replace(path.with_name(f"moved{number}.record.json"))
    else:
        path = chance.choice(there)
        path.with_name(f"copy{number}.record.json").write_bytes(path.read_bytes())


FILTERS = [
    {},
    {"model": "coast"},
    {"status": "failed", "sort": "output"},
    {"since": BEGAN + timedelta(hours=3), "sort": "-model"},
    {"model": "none"},
    {"status": "compleed"},
    {"parameters": {"d": 1}},
    *({"parameters": {"a": value}} for value in (*VALUES, float("nan"))),
    *({"parameters": {"a": 1, "b": value}, "sort": "when"} for value in VALUES),
]


@pytest.mark.fast_cases("0", "3")
@pytest.mark.parametrize("seed", range(6))
def test_a_list_with_the_index_is_the_list_without(index, tmp_path, monkeypatch, seed):
    chance = random.Random(seed)
    folder = tmp_path / "tree"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    for number in range(60):
        change(chance, folder, number)
        if chance.random() < 0.5:
            continue
        request = ListRequest(chance.choice(["tree", str(folder), "."]), **chance.choice(FILTERS))
        assert list_records(request) == list_records(dataclasses.replace(request, index=True))

    for filters in FILTERS:
        request = ListRequest("tree", **filters)
        read, indexed = list_records(request), list_records(dataclasses.replace(request, index=True))
        assert read == indexed
        assert [row.record.given for row in read] == [row.record.given for row in indexed]
    index.discard()
    assert list_records(ListRequest("tree")) == list_records(ListRequest("tree", index=True))


@pytest.mark.fast_cases("0", "3")
@pytest.mark.parametrize("seed", range(6))
def test_a_search_finds_what_a_look_at_all_records_finds(index, tmp_path, seed):
    chance = random.Random(seed)
    records = [some_record(chance, number) for number in range(80)]
    for number, record in enumerate(records):
        leave(tmp_path / "tree" / f"r{number}.record.json", record)
    bring(index, tmp_path / "tree")
    documents = [store.to_document(record) for record in records]

    for _ in range(200):
        wanted = {
            name: chance.choice(VALUES + LONG)
            for name in chance.sample(["a", "b", "c"], chance.randint(0, 2))
        }
        model = chance.choice([None, "coast", "fire"])
        status = chance.choice([None, "completed", "failed"])
        since = chance.choice([None, BEGAN + timedelta(hours=3)])

        found = search(index, model=model, status=status, parameters=wanted, since=since).rows

        expected = [
            (record.created_at, record.experiment_id)
            for record, document in zip(records, documents, strict=True)
            if model in {None, record.model_name}
            and status in {None, record.status}
            and (since is None or record.created_at >= since)
            and all(
                name in document["parameters"]
                and document["parameters"][name] == plain(value)
                and isinstance(document["parameters"][name], bool) == isinstance(value, bool)
                for name, value in wanted.items()
            )
        ]
        assert sorted(expected) == sorted((row.created_at, row.experiment_id) for row in found)
        times = [row.created_at for row in found]
        assert sorted(filter(None, times), reverse=True) == times


def test_a_folder_that_is_missing_is_the_same_error(index, tmp_path):
    for is_indexed in (False, True):
        with pytest.raises(InvalidInput) as raised:
            list_records(ListRequest(str(tmp_path / "none"), index=is_indexed))

        assert "no_folder" == raised.value.code


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_name_that_is_no_text_is_indexed_too(index, tmp_path):
    folder = tmp_path / "runs"
    path = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.record.json"))
    leave(path, record_of(1))
    leave(path.with_name(f"bad{path.name}"), record_of(2)).write_text("{")
    request = ListRequest(str(folder))

    assert list_records(request) == list_records(dataclasses.replace(request, index=True))
    assert [os.fsencode(path)] == [os.fsencode(row.key) for row in search(index).rows]


def test_a_file_that_can_not_be_read_now_is_tried_again(index, runs, monkeypatch):
    failing = True
    read = store.read_document

    def unreadable(path):
        if failing and path.name == "r0.record.json":
            raise StorageError(f"{path}: can't be read: the disk sleeps.")
        return read(path)

    monkeypatch.setattr(store, "read_document", unreadable)

    assert 1 == len(bring(index, runs).problems)
    failing = False
    done = bring(index, runs)
    assert (1, ()) == (done.read, done.problems)


def test_the_plan_of_a_page_needs_no_look_at_all_rows(index, runs):
    """By model and time, and by a parameter, the rows come in their order from an index of SQLite."""
    bring(index, runs)
    with index.reading() as db:
        plans = []
        for columns, parameters in (({"model": "coast"}, {}), ({}, {"even": True})):
            query = module._driven(db, columns, parameters)
            statement = (
                f"SELECT * FROM {query.source} WHERE {' AND '.join(query.conditions)}"
                f" ORDER BY {query.time}.created DESC, e.record_digest DESC LIMIT 5"
            )
            rows = db.execute(f"EXPLAIN QUERY PLAN {statement}", query.values).fetchall()
            plans.append(" | ".join(row[3] for row in rows))

    assert "USING INDEX by_model (model=?)" in plans[0]
    assert "TEMP B-TREE" not in plans[0]
    assert "USING PRIMARY KEY (name=? AND value=?)" in plans[1]
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans[1]
