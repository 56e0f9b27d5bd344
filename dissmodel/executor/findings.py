"""What is found by looking at a model or at its input, without running it."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dissmodel.errors import ConsentRequired, DissmodelError, InvalidInput

Severity = Literal["ok", "warning", "error"]

_LONGEST = 2_000
# A model may read what nothing here knows, and several datasets of one archive.
_ONLY_THE_MODEL_KNOWS = {"format_unknown"}
_THE_MODEL_MAY_KNOW = {"layer_needed", "no_dataset"}


@dataclass(frozen=True)
class Finding:
    """What was found on one subject.

    Attributes
    ----------
    severity : {"ok", "warning", "error"}
        With an error a run can't succeed.
    subject : str
        What was looked at: a model, a file.
    message : str
        What was found there.
    hint : str
        What to do about it; empty if there is nothing to do.
    """

    severity: Severity
    subject: str
    message: str
    hint: str = ""


class Problems:
    """What to do with a problem: this class raises it, for a caller that needs the data.

    A function that takes a `Problems`, does each of its checks within `at` and reports what it sees itself to
    `tell` serves both who wants the data and, with a `Collector`, who wants to know everything that is wrong.
    """

    @property
    def failed(self) -> bool:
        """Whether something is wrong and the work went on all the same."""
        return False

    def at(self) -> AbstractContextManager[None]:
        """Enter one check."""
        return contextlib.nullcontext()

    def tell(self, error: DissmodelError) -> None:
        """Raise the error."""
        raise error

    def tell_all(self, errors: Sequence[DissmodelError], together: DissmodelError) -> None:
        """Raise `together`, which says what all of the errors say."""
        if errors:
            raise together


RAISED = Problems()
"""Problems are raised."""


class Collector(Problems):
    """Keeps every problem as a finding, so that the checks go on.

    Examples
    --------
    >>> collector = Collector("grid.tif")
    >>> collector.tell(InvalidInput("There is no band 'alt'."))
    >>> with collector.at():
    ...     raise InvalidInput("There is no band 'solo'.")
    >>> [finding.message for finding in collector.findings], collector.failed
    (["There is no band 'alt'.", "There is no band 'solo'."], True)
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.findings: list[Finding] = []

    @property
    def failed(self) -> bool:
        """Whether an error was found."""
        return any(finding.severity == "error" for finding in self.findings)

    @contextlib.contextmanager
    def at(self) -> Iterator[None]:
        """Do one check; what it raises for the user, or warns of, is kept."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except ConsentRequired:  # a question to the user, which is not a finding
                raise
            except DissmodelError as error:
                self.tell(error)
            except ValueError as error:
                self.add("error", str(error) or "ValueError without a message")
            finally:
                for one in caught:
                    if issubclass(one.category, UserWarning):
                        self.add("warning", str(one.message))

    def tell(self, error: DissmodelError) -> None:
        """Keep the error."""
        self.add("error", error.message, error.hint)

    def tell_all(self, errors: Sequence[DissmodelError], together: DissmodelError) -> None:  # noqa: ARG002
        """Keep each of the errors."""
        for error in errors:
            self.tell(error)

    def add(self, severity: Severity, message: str, hint: str = "") -> None:
        """Keep a finding on the subject."""
        self.keep(Finding(severity, self.subject, message, hint))

    def keep(self, finding: Finding) -> None:
        """Keep a finding, each text as one line, if it was not found before."""
        message, hint = (" ".join(text.splitlines())[:_LONGEST] for text in (finding.message, finding.hint))
        if all((finding.subject, message) != (known.subject, known.message) for known in self.findings):
            self.findings.append(Finding(finding.severity, finding.subject, message, hint))


def look_at_dataset(uri: str, fmt: str, layer: str | None, collector: Collector) -> None:
    """Find out what the header of a local file says; a format that nothing here knows is no problem."""
    # Imported here: a model is defined without GDAL.
    from dissmodel.io.locate import locate  # noqa: PLC0415

    with collector.at():
        try:
            with locate(uri, fmt, layer) as found:
                if found.kind == "raster":
                    from dissmodel.io.geotiff import reading  # noqa: PLC0415

                    with reading(found.path, found.shown) as dataset:
                        size = f"{dataset.height} rows × {dataset.width} columns"
                        collector.add("ok", f"a raster of {size}, {dataset.count} bands")
                else:
                    from dissmodel.io.vector import open_layer  # noqa: PLC0415

                    open_layer(found.path, found.layer, found.shown)
                    collector.add("ok", "vector data")
        except InvalidInput as error:
            if error.code in _THE_MODEL_MAY_KNOW:
                collector.add("warning", error.message, error.hint)
            elif error.code not in _ONLY_THE_MODEL_KNOWS:
                raise


def look_at_room(needed: int, output_path: str | None, collector: Collector) -> None:
    """Find out whether `needed` bytes have room where the output goes, by default the current folder.

    The folder of `output_path` need not exist yet.
    """
    folder = nearest_folder(Path(output_path).absolute().parent if output_path else Path.cwd())
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        collector.add("warning", f"{folder}: the free space there is not known: {error.strerror or error}.")
        return
    said = f"the result takes at most {needed / 1e6:,.1f} MB; {free / 1e6:,.1f} MB are free in {folder}"
    if needed <= free:
        collector.add("ok", said)
    else:
        place = f"FOLDER/{Path(output_path).name}" if output_path else "FOLDER/NAME"
        collector.add("error", f"No room: {said}.", f"Make room, or give another place: --output {place}")


def look_at_memory(needed: int, collector: Collector) -> None:
    """Find out whether cells of about `needed` bytes fit into the memory of this machine."""
    from dissmodel.io.bands import memory  # noqa: PLC0415  (it loads GDAL)

    said = f"the cells take about {needed / 1e6:,.1f} MB of memory; this machine has {memory() / 1e6:,.0f} MB"
    if needed <= memory():
        collector.add("ok", said)
    else:
        collector.add("warning", f"{said}.", "Cut out a part of the input, or take a larger machine.")


def nearest_folder(folder: Path) -> Path:
    """Return `folder`, or the nearest existing folder above it."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            if place.exists():
                return place
    return folder
