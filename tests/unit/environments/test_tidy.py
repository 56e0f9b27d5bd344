import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from dissmodel.environments import list_environments, prune, remove, using
from dissmodel.environments.store import environments
from dissmodel.errors import StorageError, UsageError
from dissmodel.locks import held
from support.packages import make_wheel


@pytest.fixture
def made(index, install):
    make_wheel(index, "coastal-flood", "0.1.0")
    return install("coastal-flood==0.1.0")


def age(environment, model, days):
    then = datetime.now(UTC).timestamp() - days * 86400
    os.utime(environment.path / "used" / model, (then, then))


def test_who_used_it_and_when(made, data_dir):
    before = datetime.now(UTC) - timedelta(seconds=2)
    for model in ("flood", "coast/flood"):
        with using(made, model):
            pass
    age(made, "flood", 3)

    (entry,) = list_environments(data_dir)

    assert ["coast/flood", "flood"] == [name for name, _ in entry.used]
    assert before <= entry.last_used
    assert entry.is_current


def test_what_it_takes(made, data_dir):
    (before,) = list_environments(data_dir)
    (made.path / "more").write_bytes(bytes(1000))

    (entry,) = list_environments(data_dir)

    assert (before.size + 1000, before.own_size + 1000) == (entry.size, entry.own_size)
    assert 0 < entry.own_size <= entry.size


@pytest.mark.fast_cases("name")
@pytest.mark.parametrize("by", ["key", "name"])
def test_one_is_removed(made, data_dir, by):
    removed = remove(made.key if by == "key" else "coastal-flood", data_dir)

    assert (made.key,) == removed.keys
    assert removed.freed > 0
    assert [".wheels"] == sorted(path.name for path in (data_dir / "environments").iterdir())


@pytest.mark.fast_cases("../data", "coastal-floot")
@pytest.mark.parametrize("name", ["coastal-floot", "..", "", ".wheels", "../data"])
def test_what_is_no_environment_is_not_removed(made, data_dir, name):
    with pytest.raises(UsageError):
        remove(name, data_dir)

    assert made.python.exists()


def test_what_a_model_uses_stays(made, data_dir):
    with using(made, "flood"):
        with pytest.raises(UsageError) as caught:
            remove(made.key, data_dir)
        assert () == prune(data_dir, timedelta(0)).keys
    assert "running" in caught.value.message

    remove(made.key, data_dir)


def test_the_mark_of_a_killed_user_keeps_nothing(made, data_dir):
    (made.path / "used").mkdir()
    (made.path / "used" / ".123-dead").touch()

    assert (made.key,) == remove(made.key, data_dir).keys


def test_what_was_removed_meanwhile_can_not_be_used(made, data_dir):
    remove(made.key, data_dir)

    with pytest.raises(StorageError), using(made, "flood"):
        pass

    assert () == environments(data_dir)
    assert not made.path.exists()


@pytest.mark.slow
def test_prune_takes_what_was_not_used_for_so_long(index, install, data_dir):
    for version in ("0.1.0", "0.2.0"):
        make_wheel(index, "coastal-flood", version)
    old, new = (install(f"coastal-flood=={version}") for version in ("0.1.0", "0.2.0"))
    for one, days in ((old, 40), (new, 20)):
        with using(one, "flood"):
            pass
        age(one, "flood", days)

    removed = prune(data_dir, timedelta(days=30))

    assert (old.key,) == removed.keys
    assert not old.path.exists()
    assert new.python.exists()


def test_prune_takes_what_killed_processes_left(made, data_dir):
    root = data_dir / "environments"
    for name in (f".building-{made.key}.12345678", ".removing-x.12345678", "broken-1.0-abc"):
        (root / name).mkdir()
        (root / name / "file").write_bytes(b"1234")
    wheel = root / ".wheels" / "dissmodel-0.0.1-py3-none-any.whl"
    wheel.write_bytes(b"1234")
    os.utime(wheel, (0, 0))

    removed = prune(data_dir, timedelta(days=30))

    assert ((), 16) == (removed.keys, removed.freed)
    assert [".wheels", made.key] == sorted(path.name for path in root.iterdir())
    assert made.python.exists()


@pytest.mark.parametrize("name", ["broken-1.0-abc", ".building-broken-1.0-abc.12345678"])
def test_prune_leaves_what_a_process_is_building(tmp_path, name):
    folder = tmp_path / "environments" / name
    folder.mkdir(parents=True)

    with held(folder.with_name(".lock-broken-1.0-abc")):
        prune(tmp_path, timedelta(0))
        is_left = folder.exists()
    prune(tmp_path, timedelta(0))

    assert is_left
    assert not folder.exists()


def test_a_marker_that_is_none_makes_no_environment(made, data_dir):
    (made.path / "environment.json").write_text('{"schema_version": 1}', encoding="utf-8")

    assert () == environments(data_dir)


def test_nothing_is_there_before_the_first(tmp_path):
    assert () == list_environments(tmp_path)
    assert () == prune(tmp_path, timedelta(0)).keys


def test_an_environment_that_can_not_be_written_can_be_used(made):
    shutil.rmtree(made.path / "used", ignore_errors=True)
    (made.path / "used").write_text("in the way")

    with using(made, "flood"):
        assert made.python.exists()
