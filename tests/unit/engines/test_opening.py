"""Which engine is opened by what a user says; what is wrong is told before anything runs."""

import os
import subprocess
import sys
import time

import pytest

from dissmodel.config import load_settings
from dissmodel.engines import EngineLost, open_engine
from dissmodel.errors import MissingModule, UsageError
from support import tasks


def opened(where, workers=None, **given):
    with open_engine(where, workers, 1, load_settings(given=given, environ=os.environ)) as engine:
        return engine


def test_here_is_this_process():
    with open_engine("here", None, 1, load_settings()) as engine:
        error = engine.submit(tasks.fail, KeyError("tide")).exception()

        assert ("this process", 1) == (engine.name, engine.slots)
        assert os.getpid() == engine.submit(tasks.pid).result()
        assert isinstance(error, KeyError)


def test_an_interruption_here_is_one_of_who_submits():
    with open_engine("here", None, 1, load_settings()) as engine, pytest.raises(KeyboardInterrupt):
        engine.submit(tasks.fail, KeyboardInterrupt())


def test_there_are_as_many_processes_as_processors_by_default():
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    assert expected == opened(None).slots


def test_the_engines_load_no_more_than_they_need():
    code = "import sys, dissmodel.engines, dissmodel.engines.child; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"distributed", "dask", "cryptography", "asyncio", "numpy", "pydantic"} & set(modules)


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_refused(workers):
    with pytest.raises(UsageError, match=f"{workers} workers can do no task"):
        opened(None, workers)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("folder", "it is a folder"),
        ("no json", "Expecting value"),
        ("[]", "list indices"),
        ("{}", "'address'"),
        ("[" * 100_000, ""),
    ],
)
def test_a_file_that_is_no_scheduler_file_is_named(tmp_path, text, why):
    path = tmp_path / "scheduler.json"
    if text == "folder":
        path.mkdir()
    elif text is not None:
        path.write_text(text)

    with pytest.raises(UsageError) as caught:
        opened(str(path))

    assert f"{path} is no file of a Dask scheduler: " in caught.value.message
    assert why in caught.value.message
    assert "slurm" in caught.value.hint


@pytest.mark.parametrize("address", ["http://127.0.0.1:8786", "ucx://host:1", "tcp\x1b://host:1"])
def test_an_address_of_another_kind_is_refused(address):
    with pytest.raises(UsageError, match="is not the address of a Dask scheduler") as caught:
        opened(address)

    assert caught.value.message.isprintable()


def test_an_address_in_a_file_is_no_more_trusted_than_one_that_is_typed(tmp_path):
    path = tmp_path / "scheduler.json"
    path.write_text('{"address": "inproc://10.0.0.1/1/1"}')

    with pytest.raises(UsageError, match="inproc"):
        opened(str(path))


def test_tls_needs_certificates():
    with pytest.raises(UsageError, match=r"tls://127.0.0.1:1 needs certificates") as caught:
        opened("tls://127.0.0.1:1")

    assert "dissmodel config set cluster.tls_ca FILE" in caught.value.hint


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_can_not_be_used_are_named(tmp_path, text):
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text)
    given = {f"cluster.tls_{name}": str(path) for name in ("ca", "cert", "key")}

    with pytest.raises(UsageError, match=rf"The certificates {path}.* can't be used: "):
        opened("tls://127.0.0.1:1", **given)


def test_a_scheduler_that_is_not_there_is_told_soon(monkeypatch):
    monkeypatch.setattr("dissmodel.engines.cluster._CONNECT_S", 0.5)
    began = time.monotonic()

    with pytest.raises(EngineLost, match=r"No Dask scheduler can be reached at tcp://127.0.0.1:1: "):
        opened("tcp://127.0.0.1:1")
    assert time.monotonic() - began < 20


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "distributed"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "distributed")
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(MissingModule) as caught:
        opened("tcp://127.0.0.1:1")

    assert "python -m pip install cryptography distributed" in caught.value.hint


def test_slurm_has_to_be_told_how_many_workers():
    with pytest.raises(UsageError, match="How many workers") as caught:
        opened("slurm")

    assert "--workers 20" in caught.value.hint


def test_without_slurm_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UsageError, match="no program sbatch"):
        opened("slurm", 2)
