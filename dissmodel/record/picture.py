"""The picture of a result: its name, and the mark that shows that dissmodel drew it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, cast, get_args

from dissmodel.errors import UsageError, shell_word
from dissmodel.record import store

SUFFIX = ".preview.png"
Form = Literal["png", "svg", "pdf"]
MARK = "dissmodel"
"""The keyword of the PNG's text chunk that only pictures of ours have."""

# The mark is among the first chunks.
_HEAD_BYTES = 4096
_MARKED = re.compile(rb"\A\x89PNG\r\n\x1a\n.*?tEXt" + MARK.encode() + rb"\x00", re.DOTALL)


def picture_path(record_path: Path, stem: str = "") -> Path:
    """Return where the picture of a result is: beside its record.

    `stem` counts where the record's own name is not ``<stem>.record.json``.

    >>> picture_path(Path("out/r.record.json")).as_posix()
    'out/r.preview.png'
    """
    if record_path.name.endswith(store.SUFFIX):
        stem = record_path.name.removesuffix(store.SUFFIX)
    return record_path.with_name(stem + SUFFIX)


def form_of(path: Path) -> Form:
    """Return the format of a picture by its suffix: png, svg or pdf.

    Raises
    ------
    UsageError
        If it is another.
    """
    form = next((one for one in get_args(Form) if path.suffix.lower() == f".{one}"), None)
    if form is None:
        raise UsageError(
            f"{path}: a preview is drawn as .png, .svg or .pdf.",
            f"--preview {shell_word(str(path.with_suffix('.svg')))}",
            code="output_suffix",
        )
    return cast("Form", form)


def is_ours(path: Path) -> bool:
    """Return whether a regular file is a picture that was drawn of a result; False for what can't be read."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as stream:
            return _MARKED.match(stream.read(_HEAD_BYTES)) is not None
    except OSError:
        return False
