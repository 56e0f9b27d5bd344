"""Files of a bounded size: only a regular file is read, and no more than the limit of it."""

import os

import pytest

from dissmodel.bounded import Unfit, contents


def test_a_file_up_to_the_limit_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")

    assert b"12345" == contents(tmp_path / "a", 5)
    with pytest.raises(Unfit, match="it has more than 4 bytes"):
        contents(tmp_path / "a", 4)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(Unfit, match="it is a folder"):
        contents(tmp_path, 5)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_that_nobody_writes_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(Unfit, match="it is not a regular file"):
        contents(tmp_path / "pipe", 5)


def test_a_missing_file_is_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError):
        contents(tmp_path / "none", 5)


def test_a_file_that_is_replaced_meanwhile_is_read_whole(tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"1")
    before = file.stat()
    file.write_bytes(b"12345")
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda _path: before)
        found = contents(file, 5)

    assert b"12345" == found
