"""The errors a user can cause, sorted by what they would do next.

Each carries a stable ``code`` (only ever added to), a ``hint`` that says what to type next, and the
exit code of the command line. A model's own exceptions are not wrapped here; a run turns them into
`RunFailed` and keeps the original as its cause.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_LONGEST_CHAIN = 100


class DissmodelWarning(UserWarning):
    """Something that a user should know and that did not stop the work."""


class DissmodelError(Exception):
    """An error that names what was given, what is wrong with it and what to do next.

    Parameters
    ----------
    message : str
        What was given and what is wrong with it; one or a few sentences, no trailing newline.
    hint : str
        The next step, best a command to type. Empty if there is none.
    code : str, optional
        A stable identifier such as ``"unknown_model"``; the class's own by default.

    Attributes
    ----------
    record_path : pathlib.Path or None
        Where the record of the run lies that the error ended, if one had begun.
    """

    code = "error"
    exit_code = 1
    record_path: Path | None = None

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(DissmodelError):
    """The command, or a parameter in it, is wrong: type it again."""

    code = "usage"
    exit_code = 2


class ConsentRequired(DissmodelError):
    """The action needs the user's word before it goes on.

    Attributes
    ----------
    what : str
        Exactly what the word would be for, such as a package and its version.
    """

    code = "consent_required"
    exit_code = 2
    what = ""


class InvalidInput(DissmodelError, ValueError):
    """The data is wrong: mend the file."""

    code = "invalid_input"
    exit_code = 3


class Differs(DissmodelError):
    """Something is not what a record says it is."""

    code = "differs"
    exit_code = 4


class StorageError(DissmodelError):
    """A place could not be read or written: look at the disk, the rights or the network."""

    code = "storage"
    exit_code = 5


class RunFailed(DissmodelError):
    """A run began and did not complete; its record says where and why."""

    code = "run_failed"
    exit_code = 1


def interruption_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the interruption that an error is, or that it came from; None where there was none."""
    for _ in range(_LONGEST_CHAIN):
        if error is None or isinstance(error, KeyboardInterrupt):
            return error
        error = error.__cause__ or error.__context__
    return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the nearest known names, or all of them where none is near.

    >>> did_you_mean("costal_raster", ["coastal_raster", "flood_raster"])
    "Did you mean 'coastal_raster'?"
    >>> did_you_mean("tide", ["end_time", "tide_height"])
    "Did you mean 'tide_height'?"
    >>> did_you_mean("x", [])
    ''
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.7)
    near = near or [one for one in names if name.lower() in one.lower()][:3]
    if near:
        return "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    return "Known: " + ", ".join(names) + "." if names else ""
