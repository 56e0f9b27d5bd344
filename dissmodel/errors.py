"""The errors a user can cause, grouped by what to do next.

Each carries a stable ``code`` (only ever added to), a ``hint`` that says what to type next, and the
exit code of the command line. A model's own exceptions are not wrapped here; a run turns them into
`RunFailed` and keeps the original as its cause.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

_QUOTES = "'\"`“”„‘’«»"
_SPACES = re.compile(r"[\s\u00a0\u2009\u202f]+")
# A number as people write it, then a unit; in the number a point, a comma, spaces or apostrophes.
_WRITTEN = re.compile(
    r"([+-]?[0-9][0-9.,' ’]*|[+-]?[.,][0-9]+)(e[+-]?[0-9]+)?(?: ?([^\W\d_].{0,19}|[%°/(].{0,19}))?",
    re.IGNORECASE,
)
_LONGEST_NUMBER = 40
_GROUP = 3  # digits between the marks of thousands
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
        The next step, best a command to type; may be empty.
    code : str, optional
        A stable identifier such as ``"unknown_model"``; the class's own by default.

    Attributes
    ----------
    record_path : pathlib.Path or None
        The record of the run that the error ended, if one had begun.
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


class WrongValue(UsageError, ValueError):
    """A function was given a value that it does not take, such as an unknown format; a ValueError too."""


class WrongType(UsageError, TypeError):
    """A function was given an object of another type than it takes; a TypeError too."""


class MissingModule(UsageError, ImportError):
    """A module that is needed is not installed; an ImportError too."""


class ConsentRequired(DissmodelError):
    """The action needs the user's consent before it goes on.

    The hint does not say how consent is given: the command line adds its option, the Python API its argument.

    Attributes
    ----------
    what : str
        Exactly what consent would be given for, such as a package and its version.
    """

    code = "consent_required"
    exit_code = 2
    what = ""


class InvalidInput(DissmodelError, ValueError):
    """The data is wrong: fix the file."""

    code = "invalid_input"
    exit_code = 3


class MissingFile(InvalidInput, FileNotFoundError):
    """There is no such file: check the path. It is a FileNotFoundError too."""

    code = "input_missing"


class Differs(DissmodelError):
    """A file, a package or a record is not as recorded."""

    code = "differs"
    exit_code = 4


class StorageError(DissmodelError):
    """A place could not be read or written: look at the disk, the rights or the network."""

    code = "storage"
    exit_code = 5


@contextlib.contextmanager
def disk_errors(what: str, hint: str = "", *, code: str | None = None) -> Iterator[None]:
    """Raise a `StorageError` for an OSError of the block, unless it is ours: `what`, and why."""
    try:
        yield
    except DissmodelError:  # a missing file is an OSError too
        raise
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}.", hint, code=code) from error


class RunFailed(DissmodelError):
    """A run began and did not complete; its record says where and why."""

    code = "run_failed"
    exit_code = 1


def extra_hint(missing: BaseException | str) -> str:
    """Return which extra brings a module, or the module that an ImportError misses; may be empty.

    >>> extra_hint("libpysal.weights")
    "The extra 'pysal' brings it: python -m pip install libpysal"
    >>> extra_hint(ValueError("no ImportError"))
    ''
    """
    name = missing if isinstance(missing, str) else missing.name if isinstance(missing, ImportError) else None
    module = (name or "").partition(".")[0]
    extra = _EXTRAS.get(module)
    packages = _PACKAGES.get(extra or "", module.lower())
    return f"The extra {extra!r} brings it: python -m pip install {packages}" if extra else ""


# The modules of the optional dependencies, which are named as their packages are.
_EXTRAS = {
    "cryptography": "dask",
    "distributed": "dask",
    "fastapi": "service",
    "libpysal": "pysal",
    "netCDF4": "xarray",
    "optuna": "calibrate",
    "pyarrow": "parquet",
    "pylandstats": "landscape",
    "python_multipart": "service",
    "rasterstats": "pysal",
    "redis": "service",
    "ruamel": "service",
    "SALib": "sweep",
    "spreg": "lucc",
    "starlette": "service",
    "statsmodels": "lucc",
    "uvicorn": "service",
    "xarray": "xarray",
}
_PACKAGES = {
    "dask": "cryptography distributed",
    "lucc": "spreg statsmodels",
    "service": "fastapi python-multipart redis ruamel-yaml uvicorn",
}


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
    near = near_names(name, names)
    if near:
        return "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    return "Known: " + ", ".join(names) + "." if names else ""


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Return at most three of the known names that `name` may be a misspelling or a part of."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.7)
    return near or [one for one in names if name.lower() in one.lower()][:3]


def likely_numbers(text: str) -> tuple[str, ...]:
    """Return the numbers that a text may stand for, as they have to be typed; the likeliest first.

    Decimal commas, marks of thousands, per cent, units and quotes are understood; where two numbers may be
    meant, both are returned.

    >>> [likely_numbers(text) for text in ("0,5", "1.000,5", "10 m", "5%", "1,000", "ten")]
    [('0.5',), ('1000.5',), ('10',), ('0.05', '5'), ('1000', '1.000'), ()]
    """
    plain = _SPACES.sub(" ", text.strip().strip(_QUOTES).strip()).replace("−", "-")
    found = _WRITTEN.fullmatch(plain) if len(plain) <= _LONGEST_NUMBER else None
    if found is None:
        return ()
    exponent, unit = found[2] or "", found[3] or ""
    numbers = [f"{one}{exponent}" for one in _readings(found[1].strip())]
    if unit.startswith("%"):
        from decimal import Decimal  # noqa: PLC0415  (only a hint needs it)

        numbers = [one for number in numbers for one in (f"{Decimal(number) / 100:f}", number)]
    return tuple(numbers)


def _readings(written: str) -> tuple[str, ...]:
    """Return what digits with points, commas, spaces and apostrophes may mean."""
    sign, digits = (written[0], written[1:]) if written[:1] in {"+", "-"} else ("", written)
    sign = sign.replace("+", "")
    parts = re.split(r"[., '’]", digits)
    marks = re.findall(r"[., '’]", digits)
    whole, joined = parts[0] or "0", sign + "".join(parts)
    is_grouped = 1 <= len(whole) <= _GROUP and not whole.startswith("0")
    if not marks:
        return (joined,)
    if len(set(marks)) == 1 and is_grouped and all(len(one) == _GROUP for one in parts[1:]):
        one = f"{sign}{whole}.{parts[1]}"
        if len(marks) > 1 or marks[0] not in ".,":
            return (joined,)
        return (joined, one) if marks[0] == "," else (one,)
    end, groups = parts[-1], parts[1:-1]
    is_decimal = marks[-1] in ".," and marks[-1] not in marks[:-1] and len(set(marks[:-1])) <= 1
    if not is_decimal or (groups and not (is_grouped and all(len(one) == _GROUP for one in groups))):
        return ()
    number = f"{sign}{''.join([whole, *groups])}"
    return (f"{number}.{end}",) if end else (number,)


def shell_word(text: str) -> str:
    """Return a text as it is typed as one word of a command.

    >>> shell_word("grid.tif")
    'grid.tif'
    """
    if os.name == "nt":
        return f'"{text}"' if re.search(r"[\s&|<>^()%!]", text) or not text else text
    return shlex.quote(text)
