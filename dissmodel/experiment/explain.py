"""Why a file is not the recorded file, if its bytes show it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dissmodel.placeholders import HEAD_BYTES, link_to_nothing, pointer_in
from dissmodel.record import digest

_CHUNK = 2**20
_LOG = "-wal"


def why_differs(file: Path, expected: str) -> str:
    """Return why a file has another sha256 than `expected`; empty if unknown."""
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as stream:
            pointer = pointer_in(stream.read(HEAD_BYTES))
        if pointer is not None:
            of_it = " to the recorded file" if pointer.sha256 == expected.lower() else ""
            return f"this is {pointer.what}{of_it}; fetch the file: {pointer.fetch}"
        if expected.lower() in _with_other_line_ends(file):
            return (
                "only its line ends differ, as git changes them where core.autocrlf is set; to keep them, "
                f'put "*{file.suffix or file.name} -text" into .gitattributes and check it out again'
            )
    except OSError:
        return ""
    return ""


def why_missing(file: Path) -> str:
    """Return why a file is missing."""
    link = link_to_nothing(file)
    if link is None:
        return "no such file"
    return f"{link.what}; fetch the file: {link.fetch}" if link.fetch else link.what


def why_log_counts(file: Path, sidecars: Collection[str]) -> str:
    """Return what to know of an input that was a GeoPackage with changes beside it; empty for others."""
    logs = [name for name in sidecars if name.lower().endswith(_LOG)]
    if not logs:
        return ""
    return (
        f"when it was read, a part of the data was in {Path(logs[0]).name}, for another program had it open; "
        f"merging that into {file.name} changes its sha256, though the data may be the same"
    )


def _with_other_line_ends(file: Path) -> tuple[str, str]:
    """Return the sha256 that a file would have with LF, and with CRLF, at the end of its lines."""
    unix, windows = digest.new(), digest.new()
    with file.open("rb") as stream:
        kept = b""
        while chunk := stream.read(_CHUNK):
            # A pair of CR and LF may be cut in two.
            chunk = kept + chunk
            kept = chunk[-1:] if chunk.endswith(b"\r") else b""
            plain = chunk.removesuffix(kept).replace(b"\r\n", b"\n")
            unix.update(plain)
            windows.update(plain.replace(b"\n", b"\r\n"))
        unix.update(kept)
        windows.update(kept)
    return unix.hexdigest(), windows.hexdigest()
