"""What a run gave and what a record is, for Python: the values that `run` and `open_record` return."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dissmodel import arguments, markup
from dissmodel.arguments import StrPath
from dissmodel.errors import UsageError
from dissmodel.result import Result
from dissmodel.watching import call_reporter

if TYPE_CHECKING:
    from dissmodel.experiment.lineage import Lineage
    from dissmodel.experiment.steps import StepTable
    from dissmodel.preview import Preview
    from dissmodel.record import ExperimentRecord
    from dissmodel.reporting import Report
    from dissmodel.sharing.push import PushedExperiment


@dataclass(frozen=True, repr=False)
class Run(Result):
    """A run that completed.

    Attributes
    ----------
    record : ExperimentRecord
        What ran, on what, with what, and what came out.
    record_path : Path or str
        Where the record is; a text is its URI.
    files : Mapping of str to Path or str
        The files of the result by name, the main one as ``output``; a text is a URI.
    preview, animation : Preview or None
        The pictures, if they were asked for and could be drawn.
    pushed : PushedExperiment or None
        What was pushed, if that was asked for.
    report : Report or None
        The report, if one was asked for and could be written.
    """

    record: ExperimentRecord
    record_path: Path | str
    files: Mapping[str, Path | str]
    preview: Preview | None = None
    animation: Preview | None = None
    pushed: PushedExperiment | None = None
    report: Report | None = None

    def _repr_html_(self) -> str:
        from dissmodel.preview.notebook import run_html

        return markup.cell(lambda: run_html(self.record, self.record_path, self.files))


@dataclass(frozen=True, repr=False)
class Experiment(Result):
    """A record and its result, on this machine, in a bundle, in a bucket or on a web server.

    Attributes
    ----------
    record : ExperimentRecord
        What ran, on what, with what, and what came out.
    record_path : Path or str
        The record or the bundle; a text is its URL, without credentials.
    document : Mapping
        The record as its file has it.
    """

    record: ExperimentRecord
    record_path: Path | str
    document: Mapping[str, object]
    _given: str  # the URL may hold a password

    @cached_property
    def files(self) -> Mapping[str, Path | str]:
        """The files of the result by name, the main one as ``output``.

        A text is a URL, or the name of a file in a bundle. Files whose path the record does not contain
        are left out.

        Raises
        ------
        InvalidInput
            If the record names a file outside its folder that the model did not put there.
        """
        from dissmodel.experiment.files import artifacts_of, located, name_of
        from dissmodel.experiment.source import is_bundle, is_remote_bundle
        from dissmodel.storage.uri import beside, shown

        place = self.record_path
        is_bundled = is_remote_bundle(self._given) or (isinstance(place, Path) and is_bundle(place))
        here = place if isinstance(place, Path) and not is_bundled else None
        files: dict[str, Path | str] = {}
        for name, artifact in artifacts_of(self.record).items():
            said = artifact.path
            path = located(here or Path(name_of(str(place))), artifact, all_beside=here is None)
            if path is None:
                continue
            if here is not None:
                files[name] = path
            else:
                files[name] = f"{place}/{said}" if is_bundled else shown(beside(self._given, said))
        return files

    def _repr_html_(self) -> str:
        from dissmodel.preview.notebook import run_html

        return markup.cell(lambda: run_html(self.record, self.record_path, self.files))

    def steps(self) -> StepTable:
        """Return what the model measured at each step.

        Raises
        ------
        InvalidInput
            If it measured nothing.
        """
        from dissmodel.experiment.steps import step_table

        return step_table(self.record, self.record_path)

    def lineage(self, records: Sequence[StrPath] = ()) -> Lineage:
        """Return the runs that made the input, the latest first; files are hashed.

        Parameters
        ----------
        records : sequence of str or path-like
            Folders where records of these runs may be; the folder of this record is always searched.

        Raises
        ------
        UsageError
            If the record is not a file on this machine.
        """
        from dissmodel.experiment.lineage import lineage
        from dissmodel.experiment.source import is_bundle, refuse_remote

        refuse_remote(self._given, "the records of earlier runs are")
        if is_bundle(Path(self.record_path)):
            raise UsageError(
                f"{self.record_path}: the records of earlier runs are beside a record; this is a bundle.",
                "Unpack the bundle and give the record in it.",
            )
        return lineage(Path(self.record_path), arguments.paths(records, "records"))

    def draw(self, to: StrPath | None = None, *, overwrite: bool = False) -> Preview:
        """Draw before, after and change.

        Parameters
        ----------
        to : str or path-like, optional
            A .png, .svg or .pdf; by default ``NAME.preview.png`` beside the record or the bundle.
        overwrite : bool
            Replace a file of that name that was not drawn here.

        Raises
        ------
        UsageError
            If the record is not a file on this machine, or the picture has no place.
        DissmodelError
            If the result can't be drawn.
        """
        return self._draw(arguments.optional_path(to, "to"), animated=False, overwrite=overwrite)

    def animate(self, to: StrPath, *, overwrite: bool = False) -> Preview:
        """Draw the states that the run kept as a GIF, with before and after.

        Parameters
        ----------
        to : str or path-like
            The .gif.
        overwrite : bool
            Replace a file of that name.

        Raises
        ------
        InvalidInput
            If the run kept no states.
        UsageError, DissmodelError
            As of `draw`.
        """
        return self._draw(Path(arguments.text(to, "to")), animated=True, overwrite=overwrite)

    def _draw(self, to: Path | None, *, animated: bool, overwrite: bool) -> Preview:
        from dissmodel.experiment.source import refuse_remote
        from dissmodel.preview import PreviewRequest, preview

        refuse_remote(self._given, "the picture is drawn")
        overwrite = arguments.flag(overwrite, "overwrite")
        record = Path(self.record_path)
        request = PreviewRequest(record=record, to=to, animated=animated, overwrite=overwrite)
        with call_reporter():
            return preview(request)

    def toml(self) -> str:
        """Return the TOML that repeats the run; `run` takes it as ``toml``."""
        from dissmodel.reproducing.record_toml import repeating_toml

        return repeating_toml(self.record, str(self.record_path))

    @contextlib.contextmanager
    def _file(self, name: str) -> Iterator[tuple[Path, str]]:
        from dissmodel.experiment.at_hand import at_hand
        from dissmodel.experiment.files import artifacts_of
        from dissmodel.experiment.source import open_source
        from dissmodel.storage.uri import beside

        artifact = artifacts_of(self.record)[name]
        with open_source(self._given) as source:
            path = source.located(artifact)  # what a record may not name is refused first
            assert path is not None  # `files` has only those that the record places
            if source.is_remote:
                with at_hand(beside(self._given, artifact.path)) as here:
                    yield here.path, artifact.sha256
                return
            source.bring()
            yield path, artifact.sha256
