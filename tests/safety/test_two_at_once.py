"""Two runs at one time: one result, one owner."""

import json
import sys

import pytest

from dissmodel.record import store

# It writes its own word many times, and only when it is let go.
SLOW = """
    Path(f'../running-{record.parameters["word"]}').touch()
    until = time.monotonic() + record.parameters["seconds"]
    while time.monotonic() < until and not Path(f'../go-{record.parameters["word"]}').exists():
        time.sleep(0.005)
    return record.parameters["word"].encode() * 1000
"""
SIDED = """
    Path(record.output_path).write_bytes(result)
    Path(record.output_path).with_name(f'{record.parameters["word"]}.side').write_bytes(result)
    return record
"""


@pytest.fixture
def start(place):
    model = place.model(cls="output_suffix = '.bin'", run=SLOW, save=SIDED)

    def start(word, *words, output="r.bin", seconds=0.0):
        named = ["-o", output] if output else []
        given = ["-p", f"word={word}", "-p", f"seconds={seconds}"]
        return place.start("run", model, "-i", "data.bin", "--json", *named, *given, *words)

    return start


@pytest.mark.parametrize("first", ["one", "two"])
@pytest.mark.slow
def test_the_second_is_refused_by_name_while_the_first_runs(place, start, waiting, ending, first):
    second = {"one": "two", "two": "one"}[first]
    for number in range(10):
        for name in (f"running-{first}", f"go-{first}"):
            (place.folder.parent / name).unlink(missing_ok=True)
        winner = start(first, "--overwrite", seconds=30)
        waiting(place.folder.parent / f"running-{first}", winner)
        loser = ending(start(second, "--overwrite"))
        (place.folder.parent / f"go-{first}").touch()
        won = ending(winner)

        assert (0, 2, "output_busy") == (won.code, loser.code, loser.error["code"]), number
        assert str(place.folder / "r.record.json") in loser.error["message"]
        assert first.encode() * 1000 == (place.folder / "r.bin").read_bytes()
        assert {"data.bin", f"{first}.side", "r.bin", "r.record.json"} == set(place.names)
        assert place.holds()


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--overwrite"]], ids=["new", "overwrite"])
def test_two_that_start_together_never_mix(place, start, ending, words):
    for _ in range(10):
        for path in place.folder.glob("*r.*"):
            path.unlink()
        both = [start(word, *words, seconds=0.05) for word in ("one", "two")]
        said = [ending(process) for process in both]

        assert 0 in {one.code for one in said}
        for one in said:
            assert one.code in {0, 2}
            assert one.code == 0 or one.error["code"] in {"output_busy", "output_exists"}
        record = store.read(place.folder / "r.record.json")
        ids = [json.loads(one.out)["record"]["experiment_id"] for one in said if one.code == 0]
        assert record.experiment_id in ids
        assert record.parameters["word"].encode() * 1000 == (place.folder / "r.bin").read_bytes()
        assert [] == [name for name in place.names if name.startswith(".dissmodel-")]
        assert place.holds()


def test_two_outputs_in_one_folder_leave_each_other_alone(place, start, waiting, ending):
    for number in range(2):
        slow = start("one", "--overwrite", output="a.bin", seconds=30)
        waiting(place.folder.parent / "running-one", slow)
        quick = [ending(start("two", "--overwrite", output=f"b{number}.bin")) for number in range(2)]
        (place.folder.parent / "go-one").touch()

        assert (0, [0, 0]) == (ending(slow).code, [one.code for one in quick]), number
        assert all(place.holds(f"{stem}.record.json") for stem in ("a", "b0", "b1"))
        for name in ("running-one", "go-one"):
            (place.folder.parent / name).unlink()


def test_what_a_killed_run_left_is_swept_though_others_run(place, start, waiting, ending):
    killed = start("dead", output="k.bin", seconds=60)
    waiting(place.folder.parent / "running-dead", killed)
    killed.kill()
    killed.communicate()

    said = [ending(process) for process in [start(word, output=f"{word}.bin") for word in ("one", "two")]]

    assert [0, 0] == [one.code for one in said]
    assert [] == [name for name in place.names if name.startswith((".dissmodel-", "k."))]


@pytest.mark.slow
def test_eight_at_once_without_an_output(place, start, ending):
    processes = [start(f"w{number}", output=None) for number in range(8)]
    said = [ending(process) for process in processes]

    assert [0] * 8 == [one.code for one in said], said
    records = [json.loads(one.out) for one in said]
    assert 8 == len({record["record_path"] for record in records})
    assert all(place.holds(record["record_path"]) for record in records)
    latest = store.read(place.folder / "experiment_record.json")
    assert latest.experiment_id in {record["record"]["experiment_id"] for record in records}
    assert [] == [name for name in place.names if name.startswith(".dissmodel-")]


def test_a_record_is_shown_while_its_run_goes_on(place, start, waiting, ending):
    assert 0 == ending(start("one")).code
    running = start("two", "--overwrite", seconds=30)
    waiting(place.folder.parent / "running-two", running)

    verified = place("record", "verify", "r.record.json")
    (place.folder.parent / "go-two").touch()

    assert (0, 0) == (verified.code, ending(running).code)


# A file system without locks, such as some NFS. The model's file is loaded before the place is claimed.
NO_LOCKS = """
import errno
import fcntl
def flock(_descriptor, _operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
"""


@pytest.fixture
def start_without_locks(place):
    pytest.importorskip("fcntl")
    model = place.model("mine", head=NO_LOCKS, cls="output_suffix = '.bin'", run=SLOW, save=SIDED)

    def start(word, *words, output="r.bin", seconds=0.0):
        given = ["-p", f"word={word}", "-p", f"seconds={seconds}", "--json"]
        return place.start("run", model, "-i", "data.bin", "-o", output, *given, *words)

    return start


@pytest.mark.slow
def test_without_locks_several_that_start_together_never_mix(place, start_without_locks, ending):
    for number in range(2):
        words = [f"w{one}" for one in range(6)]
        said = [ending(process) for process in [start_without_locks(one, "--overwrite") for one in words]]

        assert 0 in {one.code for one in said}, number
        for one in said:
            assert one.code in {0, 2}, one.err
            assert one.code == 0 or one.error["code"] == "output_busy"
        record = store.read(place.folder / "r.record.json")
        word = record.parameters["word"]
        assert word.encode() * 1000 == (place.folder / "r.bin").read_bytes()
        assert {"data.bin", f"{word}.side", "r.bin", "r.record.json"} == set(place.names)
        assert place.holds()


@pytest.mark.slow
def test_without_locks_the_second_is_told_where_the_lock_is_and_who_has_it(
    place, start_without_locks, waiting, ending
):
    first = start_without_locks("one", seconds=30)
    waiting(place.folder.parent / "running-one", first)

    refused = ending(start_without_locks("two", "--overwrite"))
    (place.folder.parent / "go-one").touch()

    assert (2, "output_busy") == (refused.code, refused.error["code"])
    lock = place.folder / ".dissmodel-r.lock.owner"
    assert f"The lock {lock} is held by process {first.pid} on " in refused.error["message"]
    assert 0 == ending(first).code
    assert ["data.bin", "one.side", "r.bin", "r.record.json"] == place.names


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a process is over")
def test_without_locks_a_killed_run_is_in_nobodys_way(place, start_without_locks, waiting, ending):
    killed = start_without_locks("dead", seconds=60)
    waiting(place.folder.parent / "running-dead", killed)
    killed.kill()
    killed.communicate()
    assert ".dissmodel-r.lock.owner" in place.names

    other = ending(start_without_locks("one", output="s.bin"))

    assert 0 == other.code
    assert ["data.bin", "one.side", "s.bin", "s.record.json"] == place.names
