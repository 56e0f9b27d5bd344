"""Whether the workers of an engine share a folder with this process."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex

from dissmodel import temporary
from dissmodel.engines.engine import Engine
from dissmodel.errors import UsageError, disk_errors


def check_shared(engine: Engine, folder: Path, setting: str) -> None:
    """Check that a worker reads what this process writes into a folder, and the reverse.

    `setting` names the folder.

    Raises
    ------
    UsageError
        If not (code ``"folder_not_shared"``).
    StorageError
        If this process can't write there, or no worker answers.
    """
    hint = f"Name a folder that this machine and all workers share: dissmodel config set {setting} FOLDER"
    word = token_hex(16)
    with disk_errors(f"{folder} can't be written", hint), temporary.new_folder(folder) as probe:
        (probe / "asked").write_text(word, encoding="ascii")
        why = engine.submit(answer, probe).result()
        if not why and _text_of(probe / "answered") != word:
            why = "what it writes there is not seen here"
    if why:
        raise UsageError(
            f"{folder}: a worker of {engine.name} does not share this folder with this machine: {why}.",
            hint,
            code="folder_not_shared",
        )


def answer(probe: Path) -> str:
    """Write what was asked as the answer; return why that can't be done, or nothing."""
    try:
        (probe / "answered").write_text((probe / "asked").read_text(encoding="ascii"), encoding="ascii")
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return ""


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
