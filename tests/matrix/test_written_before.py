"""A bundle and a pushed experiment of version 0.7.0, opened, pulled and reproduced by this version."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden" / "v0.7.0"
ID = "81f6054646fa430fb2ed1d4effa3b645"
SAME = {"identical-file", "identical-content"}


def said(*words, environ=None):
    return subprocess.run(
        [sys.executable, "-m", "dissmodel", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **(environ or {})},
    )


def same(record, *words, environ=None):
    """Tell whether the values come again."""
    again = said("reproduce", record, "--check", "--json", *words, environ=environ)

    assert 0 == again.returncode, again.stderr
    return json.loads(again.stdout)["artifacts"]["output"]["verdict"] in SAME


@pytest.fixture
def place(tmp_path):
    return Path(shutil.copytree(GOLDEN / "place", tmp_path / "buckets" / "place"))


@pytest.fixture
def bucket(place):
    """The same objects in an S3 server; the environment that leads to it."""
    spec = importlib.util.spec_from_file_location(
        "servers_of_before", Path(__file__).resolve().parents[1] / "support" / "servers.py"
    )
    servers = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = servers
    spec.loader.exec_module(servers)
    if servers.rclone_program() is None:
        pytest.skip("rclone is not installed")
    with servers.rclone(place.parent) as server:
        yield server.environ()


def test_a_bundle(tmp_path):
    bundle = shutil.copy(GOLDEN / "result.zip", tmp_path)

    assert "completed" in said("record", "show", bundle).stdout
    assert 0 == said("record", "verify", bundle).returncode
    assert same(bundle)


@pytest.mark.slow
def test_a_folder_of_pushed_experiments(place, tmp_path):
    pushed = place / "experiments" / ID / "record.json"
    verified = said("record", "verify", pushed)
    pulled = said("pull", place, "--to", tmp_path / "copies", "--with-input")

    assert 0 == verified.returncode, verified.stdout
    assert 0 == pulled.returncode, pulled.stderr
    record = tmp_path / "copies" / ID / "output.record.json"
    assert 0 == said("record", "verify", record).returncode
    assert same(record)
    assert same(pushed, "--input", record.parent / "inputs" / "grid.tif")


@pytest.mark.slow
def test_a_bucket(bucket, tmp_path):
    listed = said("record", "list", "s3://place", "--json", environ=bucket)
    verified = said("record", "verify", f"s3://place/experiments/{ID}/record.json", environ=bucket)
    pulled = said("pull", "s3://place", "--to", tmp_path / "copies", environ=bucket)
    (grid,) = GOLDEN.glob("place/inputs/*/grid.tif")  # where it was pushed to is a folder of that machine

    assert [ID] == [one["experiment_id"] for one in json.loads(listed.stdout)["records"]]
    assert 0 == verified.returncode, verified.stdout
    assert 0 == pulled.returncode, pulled.stderr
    assert same(tmp_path / "copies" / ID / "output.record.json", "--input", grid, environ=bucket)
