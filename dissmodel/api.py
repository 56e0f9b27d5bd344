"""The commands as Python functions.

Options of a command are keyword arguments here (``--band-map`` is ``band_map``), also where an error names
the option. Results are frozen, errors are a `dissmodel.errors.DissmodelError` each, and nothing prompts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args, overload

from dissmodel import arguments, gdal_settings
from dissmodel.arguments import StrPath
from dissmodel.consent import Consent
from dissmodel.errors import UsageError
from dissmodel.outcome import Experiment, Run
from dissmodel.watching import call_reporter, paused, with_consent

if TYPE_CHECKING:
    from dissmodel.client.jobs import Client
    from dissmodel.comparing.compare import Compared
    from dissmodel.comparison import Tolerance
    from dissmodel.experiment.diff import RecordDiff
    from dissmodel.experiment.listing import Listing
    from dissmodel.experiment.sign import Signed
    from dissmodel.experiment.verify import Verification
    from dissmodel.preview import Preview
    from dissmodel.progress import Reporter
    from dissmodel.reporting import Report
    from dissmodel.reproducing.reproduction import Reproduced
    from dissmodel.running.run import RunResult
    from dissmodel.running.show import ModelList, ModelView
    from dissmodel.running.validate import Validation
    from dissmodel.sharing.bundle import Bundle
    from dissmodel.sharing.export import Exported
    from dissmodel.sharing.pull import Pulled
    from dissmodel.sharing.push import Pushed
    from dissmodel.sharing.remote_output import Uploaded
    from dissmodel.sweeping.calibrated import Calibrated
    from dissmodel.sweeping.status import SweepStatus
    from dissmodel.sweeping.summary import Summary
    from dissmodel.sweeping.swept import Sweep

__all__ = [
    "Experiment",
    "Run",
    "bundle",
    "calibrate",
    "cite",
    "compare",
    "connect",
    "diff",
    "export",
    "open_record",
    "pull",
    "push",
    "records",
    "report",
    "reproduce",
    "run",
    "show",
    "sign",
    "sweep",
    "sweep_status",
    "sweep_summary",
    "typed",
    "validate",
    "verify",
]

Inputs: TypeAlias = Mapping[str, StrPath] | Sequence[StrPath | tuple[str, StrPath]]
Method: TypeAlias = Literal["nearest", "bilinear", "mode", "average"]
Format: TypeAlias = Literal["auto", "raster", "tiff", "vector"]
Env: TypeAlias = Literal["here", "recorded"]
Citation: TypeAlias = Literal["text", "bibtex", "csl", "datacite"]
Export: TypeAlias = Literal["ro-crate", "prov", "stac", "datacite"]

# What determines the runs of a sweep; how they are run does not.
_DETERMINES_SWEEP = frozenset(
    [
        "model",
        "input",
        "inputs",
        "output",
        "vary",
        "replicates",
        "seed",
        "design",
        "parameters",
        "toml",
        "band_map",
        "column_map",
        "class_map",
        "format",
        "layer",
        "resample",
        "keep",
        "cog",
    ]
)

_typed: ContextVar[tuple[str, ...]] = ContextVar("dissmodel_command", default=())


def _method(given: Method | None) -> Method | None:
    return None if given is None else arguments.choice(given, "resample", get_args(Method))


def run(
    model: StrPath | None = None,
    *,
    input: StrPath | None = None,
    inputs: Inputs = (),
    output: StrPath | None = None,
    parameters: Mapping[str, object] | None = None,
    toml: StrPath | None = None,
    band_map: Mapping[str, str | int] | None = None,
    column_map: Mapping[str, str] | None = None,
    class_map: Mapping[str, object] | None = None,
    format: Format = "auto",
    layer: str | None = None,
    resample: Method | None = None,
    seed: int | None = None,
    threads: int | None = None,
    memory: int | str | None = None,
    resume: bool = False,
    records: Sequence[StrPath] = (),
    cog: bool | None = None,
    preview: bool | StrPath = False,
    animate: StrPath | None = None,
    report: bool = False,
    push: bool | StrPath = False,
    overwrite: bool = False,
    consent: Consent | None = None,
) -> Run:
    """Run a model; write the result and, beside it, its record.

    Parameters
    ----------
    model : str or path-like, optional
        A model's name, or a ``.py`` file; by default the one that `toml` names.
    input : str or path-like, optional
        The dataset, or its URL.
    inputs : mapping or sequence, optional
        Several datasets: name of the field that is read from it → dataset, which may end in ``:`` and a band;
        or a list of datasets, or of pairs of name and dataset, an empty name without one. The cells of
        `input` are the space, without it those of the first, or of the one that is called ``space``.
    output : str or path-like, optional
        The result: a file, a folder (a text that ends in a slash) or ``s3://BUCKET/KEY``; by default a file
        in the current folder, named by the model and the id of the run.
    parameters : mapping, optional
        Parameters by name: numbers, texts, booleans, lists and mappings of these; NumPy scalars too. A table
        also as a path or a DataFrame.
    toml : str or path-like, optional
        The model's TOML: parameters and names. Arguments win over it.
    band_map, column_map : mapping, optional
        The model's name of a band or column → its name in the input; for a band also its number.
    class_map : mapping, optional
        A field of classes → the name of a table of the kit, such as ``"mapbiomas"``, the path of a CSV or
        TOML, or a mapping: code or label in the input → code of the model, or ``"none"``.
    format : {"auto", "raster", "tiff", "vector"}
        The kind of data in the input.
    layer : str, optional
        Which of several datasets in the input.
    resample : {"nearest", "bilinear", "mode", "average"}, optional
        How the values of other inputs that are on other cells are read onto the space.
    seed : int, optional
        Seed of the random numbers of Python and NumPy, 0 or more; by default drawn, if the model draws.
    threads : int, optional
        How many threads the model may use; by default all.
    memory : int or str, optional
        How much memory the process may take, in bytes or as ``"2GB"``: a raster is run in tiles then, which
        lie on disk beside the output. By default a run that does not fit into the free memory is.
    resume : bool
        Go on from the last finished round of a run in tiles that was killed; the rest of the call has to be
        the same.
    records : sequence of str or path-like
        Folders where records of the runs that made the input may be.
    cog : bool, optional
        Make each GeoTIFF of the result a Cloud Optimized GeoTIFF; by default as ``output.cog`` is set.
    preview : bool, str or path-like
        Draw before, after and change: beside the result, or as this .png, .svg or .pdf.
    animate : str or path-like, optional
        Draw the states that the run keeps (the parameters ``every`` and ``snapshots``) as this .gif.
    report : bool
        Write a report of the run, one HTML file, beside the result.
    push : bool, str or path-like
        Push the result and its record: True to the bucket of the settings, else to that place.
    overwrite : bool
        Replace an earlier result.
    consent : Consent, optional
        What you consent to, if the model's package has to be installed.

    Raises
    ------
    ConsentRequired
        If a package would have to be installed.
    DissmodelError
        If the run can't begin; nothing is written then. If it began and did not complete, the error's
        ``record_path`` is the record of what happened. Earlier results stay as they were.

    Examples
    --------
    >>> import dissmodel
    >>> made = dissmodel.run("coastal_raster", input="grid.zip", output="result.tif")  # doctest: +SKIP
    >>> dataset = made.open()  # doctest: +SKIP
    """
    from dissmodel.running.others import given_inputs
    from dissmodel.running.run import RunRequest
    from dissmodel.running.run import run as run_model
    from dissmodel.storage.uri import is_remote

    gdal_settings.ignore()  # before the record notes them
    method = _method(resample)
    request = RunRequest(
        model=arguments.optional_text(model, "model"),
        output=arguments.optional_text(output, "output"),
        parameters=arguments.parameters(parameters),
        parameters_from=_caller(),
        toml=arguments.optional_path(toml, "toml"),
        band_map=arguments.band_map(band_map),
        column_map=arguments.column_map(column_map),
        class_map=arguments.class_map(class_map),
        format=arguments.choice(format, "format", get_args(Format)),
        layer=arguments.optional_word(layer, "layer", "cells"),
        overwrite=arguments.flag(overwrite, "overwrite"),
        input="",
        seed=arguments.whole_number(seed, "seed"),
        threads=arguments.whole_number(threads, "threads", least=1),
        memory=arguments.memory(memory, "memory"),
        resume=arguments.flag(resume, "resume"),
        records=arguments.paths(records, "records"),
        cog=arguments.optional_flag(cog, "cog"),
        command=_typed.get(),
    )
    elsewhere = request.output is not None and is_remote(request.output)
    to = None if isinstance(push, bool) else arguments.text(push, "push")
    pictures, wants_report = _pictures(preview=preview, animate=animate), arguments.flag(report, "report")
    consent = arguments.optional_consent(consent)
    pairs = arguments.inputs(inputs, "inputs")
    if input is not None or not pairs:
        pairs.insert(0, ("", arguments.text(input, "input")))
    place, fields, others = given_inputs(pairs, method)
    request = replace(request, input=place, fields=fields, others=others)
    if elsewhere and (pictures or wants_report):
        raise UsageError(
            "A preview or a report is written beside the result, and the result goes to a bucket.",
            "Leave it out, or give a local output.",
        )
    if pictures:
        _check_pictures(pictures, overwrite=overwrite)
        request = replace(request, keeps_states="animation" in pictures)
    if elsewhere and push is not False:
        raise UsageError(
            "An output at s3://... is uploaded, and a push would upload it again.",
            "Give a local output, or leave the push out.",
        )

    def act(given: Consent) -> RunResult | Uploaded:
        if elsewhere:
            from dissmodel.sharing.remote_output import run_to

            return run_to(replace(request, consent=given), reporter)
        return run_model(replace(request, consent=given), reporter)

    with call_reporter() as reporter:
        if push is not False:
            from dissmodel.sharing.push import check_place as check_push
            from dissmodel.sharing.push import push_of_run

            check_push(to, offline=consent is not None and consent.offline)
        made = with_consent(act, consent)
        drawn = _drawn(made, pictures, reporter, overwrite=overwrite) if pictures else {}
        written = pushed = None
        if wants_report:
            from dissmodel.reporting import ReportRequest, report_of_run

            asked = ReportRequest(given=str(made.record_path), overwrite=overwrite)
            written = report_of_run(asked, reporter)
        if push is not False:
            pushed = push_of_run(Path(made.record_path), to, reporter)
    return Run(made.record, made.record_path, made.files, **drawn, pushed=pushed, report=written)


def _pictures(*, preview: bool | StrPath, animate: StrPath | None) -> dict[str, Path | None]:
    """Return the pictures that are asked for by the attribute of `Run`, and where each is to be drawn."""
    pictures: dict[str, Path | None] = {}
    if isinstance(preview, bool):
        pictures = {"preview": None} if preview else {}
    else:
        pictures["preview"] = Path(arguments.text(preview, "preview"))
    if animate is not None:
        pictures["animation"] = Path(arguments.text(animate, "animate"))
    return pictures


def _check_pictures(pictures: Mapping[str, Path | None], *, overwrite: bool) -> None:
    from dissmodel.preview import check_place

    for name, place in pictures.items():
        if place is not None:
            check_place(place, animated=name == "animation", overwrite=overwrite)


def _drawn(
    made: RunResult | Uploaded, pictures: Mapping[str, Path | None], reporter: Reporter, *, overwrite: bool
) -> dict[str, Preview | None]:
    from dissmodel.preview import PreviewRequest, preview_of_run

    record = Path(made.record_path)
    return {
        name: preview_of_run(
            PreviewRequest(record=record, to=to, animated=name == "animation", overwrite=overwrite), reporter
        )
        for name, to in pictures.items()
    }


def sweep(
    model: StrPath | None = None,
    *,
    input: StrPath | None = None,
    inputs: Inputs = (),
    output: StrPath,
    vary: Mapping[str, object] | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    design: StrPath | None = None,
    parameters: Mapping[str, object] | None = None,
    toml: StrPath | None = None,
    band_map: Mapping[str, str | int] | None = None,
    column_map: Mapping[str, str] | None = None,
    class_map: Mapping[str, object] | None = None,
    format: Format = "auto",
    layer: str | None = None,
    resample: Method | None = None,
    keep: Literal["all", "records"] | None = None,
    cog: bool | None = None,
    workers: int | None = None,
    cluster: StrPath | None = None,
    cluster_tls: Mapping[str, StrPath] | None = None,
    threads: int = 1,
    fail_fast: bool = False,
    keep_old_code: bool = False,
    other_plan: bool = False,
    dry_run: bool = False,
    consent: Consent | None = None,
) -> Sweep:
    """Run a model many times, each run with its record; what has completed before is not run again.

    Parameters
    ----------
    model, input, inputs, parameters, band_map, column_map, class_map, format, layer, resample
        As `run` takes them; they are the same for all runs.
    output : str or path-like
        The folder of the sweep, or ``s3://BUCKET/PREFIX``.
    vary : mapping, optional
        What varies: name of a parameter, ``"input"`` or ``"input.NAME"`` → a list of values, or a text as on
        the command line, such as ``"0:1:0.1"``; for a design also its bounds ``(low, high)`` or ``(low, high,
        "log")``. Several names are crossed.
    replicates : int, optional
        How many runs with other seeds each row of values has; 1 by default.
    seed : int, optional
        From it and from a run's own values the run's seed is derived; 0 by default.
    design : str or path-like, optional
        ``"lhs:N"``, ``"sobol:N"``, ``"morris:N"``, or a CSV with a row for each run.
    toml : str or path-like, optional
        The model's TOML, which may have the whole plan. Arguments win over it.
    keep : {"all", "records"}, optional
        With ``"records"`` each result is removed once its record describes it.
    cog : bool, optional
        As `run` takes it.
    workers : int, optional
        How many processes run the model at the same time; by default one for each processor.
    cluster : str, optional
        The address or the file of a Dask scheduler, or ``"slurm"``; ``"here"`` runs in this process.
    cluster_tls : mapping, optional
        The certificate files of a scheduler at ``tls://``, by ``ca``, ``cert`` and ``key``; by default those
        of the settings.
    threads : int
        How many threads each run may use.
    fail_fast : bool
        Begin no run after one that failed.
    keep_old_code : bool
        Keep the runs that an earlier state of the model's code made.
    other_plan : bool
        Let the plan take the place of another plan in this folder.
    dry_run : bool
        Write nothing, and try the first missing run: ``estimate`` has what the runs will take.
    consent : Consent, optional
        What you consent to: more than 10,000 runs, or to install the model's package.

    Raises
    ------
    ConsentRequired
        If there are more than 10,000 runs, or a package would have to be installed.
    DissmodelError
        If the plan can't be run, or no run can go on; a run that fails is a row of the table.

    Examples
    --------
    >>> import dissmodel
    >>> made = dissmodel.sweep(
    ...     "fire_spread", input="forest.tif", output="fires", vary={"p_h": [0.4, 0.5, 0.6]}, replicates=20
    ... )  # doctest: +SKIP
    >>> made.table().groupby("p_h").fire_burned.mean()  # doctest: +SKIP
    """
    from dissmodel.sweeping.folder import SweepFolder
    from dissmodel.sweeping.standing import digest_of, standing

    given = {name: one for name, one in locals().items() if name in _DETERMINES_SWEEP}
    place, asked = arguments.text(output, "output"), digest_of(given)
    done = standing(SweepFolder(Path(place)), asked)  # never of a bucket
    if done is not None:
        return done
    from dissmodel.sweeping.plan import Plan
    from dissmodel.sweeping.sweep import sweep as run_sweep
    from dissmodel.sweeping.swept import SweepRequest
    from dissmodel.sweeping.values import varied

    pairs = arguments.inputs(inputs, "inputs")
    if input is not None:
        pairs.insert(0, ("", arguments.text(input, "input")))
    file = arguments.optional_path(toml, "toml")
    plan = Plan.of(
        model=arguments.optional_text(model, "model"),
        toml=file,
        inputs=pairs,
        resample=_method(resample),
        vary={name: varied(one, name) for name, one in arguments.varied(vary).items()},
        parameters=arguments.parameters(parameters),
        band_map=arguments.band_map(band_map),
        column_map=arguments.column_map(column_map),
        class_map=arguments.class_map(class_map),
        format=arguments.choice(format, "format", get_args(Format)),
        layer=arguments.optional_word(layer, "layer", "cells"),
        design=arguments.optional_text(design, "design"),
        replicates=arguments.whole_number(replicates, "replicates", least=1),
        seed=arguments.whole_number(seed, "seed"),
        keep=None if keep is None else arguments.choice(keep, "keep", ("all", "records")),
        cog=arguments.optional_flag(cog, "cog"),
    )
    request = SweepRequest(
        plan=plan,
        output=place,
        cluster=arguments.optional_text(cluster, "cluster"),
        cluster_tls=arguments.tls_files(cluster_tls, "cluster_tls"),
        workers=arguments.whole_number(workers, "workers", least=1),
        threads=arguments.whole_number(threads, "threads", least=1) or 1,
        fail_fast=arguments.flag(fail_fast, "fail_fast"),
        keep_old_code=arguments.flag(keep_old_code, "keep_old_code"),
        other_plan=arguments.flag(other_plan, "other_plan"),
        dry_run=arguments.flag(dry_run, "dry_run"),
        command=_typed.get(),
        asked=asked,
        asked_files=() if file is None else (file.absolute(),),
    )
    with call_reporter() as reporter:
        return with_consent(
            lambda given: run_sweep(replace(request, consent=given), reporter),
            arguments.optional_consent(consent),
        )


def calibrate(
    model: StrPath | None = None,
    *,
    input: StrPath | None = None,
    inputs: Inputs = (),
    output: StrPath,
    vary: Mapping[str, object] | None = None,
    observed: StrPath | Mapping[str, StrPath] | None = None,
    metric: str = "figure_of_merit",
    target: float | None = None,
    trials: int = 100,
    replicates: int | None = None,
    seed: int | None = None,
    sampler: Literal["tpe", "random"] = "tpe",
    parameters: Mapping[str, object] | None = None,
    toml: StrPath | None = None,
    band_map: Mapping[str, str | int] | None = None,
    column_map: Mapping[str, str] | None = None,
    class_map: Mapping[str, object] | None = None,
    format: Format = "auto",
    layer: str | None = None,
    resample: Method | None = None,
    workers: int | None = None,
    cluster: StrPath | None = None,
    cluster_tls: Mapping[str, StrPath] | None = None,
    threads: int = 1,
    consent: Consent | None = None,
) -> Calibrated:
    """Find the values of parameters with which a model comes nearest to what was observed.

    Parameters
    ----------
    model, input, inputs, parameters, toml, band_map, column_map, class_map, format, layer, resample
        As `run` takes them; they are the same for all runs.
    output : str or path-like
        The folder of the calibration; one that is there goes on.
    vary : mapping
        What varies: name of a parameter → its bounds ``(low, high)`` or ``(low, high, "log")``, or a list of
        values to choose from; or a text as on the command line, such as ``"log:1e-4:1e-1"``.
    observed : str, path-like or mapping, optional
        The observed map, which may end in ``:`` and a band; or name of its field → the map.
    metric : str
        A metric of `dissmodel.metrics`: ``figure_of_merit``, ``fit``, ``kappa``, ``disagreement``,
        ``quantity_disagreement``, ``allocation_disagreement``, ``mae`` or ``rmse``. Without an observed map a
        metric of the runs themselves, such as a measure of the model after its last step.
    target : float, optional
        What a metric of the runs themselves is to come near.
    trials : int
        How many trials there are to be, with those of earlier calls.
    replicates : int, optional
        How many runs with other seeds each trial has; the mean of their metric counts. 1 by default.
    seed : int, optional
        From it the trials and the seeds of their runs are derived; 0 by default.
    sampler : {"tpe", "random"}
        What proposes the trials: Optuna's tree-structured Parzen estimator, or chance.
    workers, cluster, cluster_tls, threads
        As `sweep` takes them.
    consent : Consent, optional
        What you consent to, if the model's package has to be installed.

    Raises
    ------
    ConsentRequired
        If a package would have to be installed.
    DissmodelError
        If there is nothing to compare, or no run can go on; a trial whose run fails is a failed trial.

    Examples
    --------
    >>> import dissmodel
    >>> made = dissmodel.calibrate(
    ...     "fire_spread", input="forest.tif", observed="burnt.tif", output="fires", vary={"p_h": (0.1, 0.9)}
    ... )  # doctest: +SKIP
    >>> made.best.values  # doctest: +SKIP
    {'p_h': 0.58}
    """
    from dissmodel.sweeping.calibrate import calibrate as run_calibration
    from dissmodel.sweeping.calibrate_study import SAMPLERS
    from dissmodel.sweeping.calibrated import CalibrateRequest
    from dissmodel.sweeping.plan import Plan
    from dissmodel.sweeping.values import varied

    pairs = arguments.inputs(inputs, "inputs")
    if input is not None:
        pairs.insert(0, ("", arguments.text(input, "input")))
    several = isinstance(observed, Mapping)
    maps = arguments.named_files(observed, "observed") if several else {}
    if len(maps) > 1:
        raise UsageError("observed: a calibration compares one field.", "Give one map.")
    if observed is not None and not several:
        maps = {"": arguments.text(observed, "observed")}
    plan = Plan.of(
        model=arguments.optional_text(model, "model"),
        toml=arguments.optional_path(toml, "toml"),
        inputs=pairs,
        resample=_method(resample),
        parameters=arguments.parameters(parameters),
        band_map=arguments.band_map(band_map),
        column_map=arguments.column_map(column_map),
        class_map=arguments.class_map(class_map),
        format=arguments.choice(format, "format", get_args(Format)),
        layer=arguments.optional_word(layer, "layer", "cells"),
        replicates=arguments.whole_number(replicates, "replicates", least=1),
        seed=arguments.whole_number(seed, "seed"),
    )
    request = CalibrateRequest(
        plan=plan,
        vary={name: varied(one, name) for name, one in arguments.varied(vary).items()},
        output=Path(arguments.text(output, "output")),
        metric=arguments.word(metric, "metric", "figure_of_merit"),
        observed=next(iter(maps.items()), None),
        target=arguments.number(target, "target"),
        trials=arguments.whole_number(trials, "trials", least=1) or 1,
        sampler=arguments.choice(sampler, "sampler", SAMPLERS),
        cluster=arguments.optional_text(cluster, "cluster"),
        cluster_tls=arguments.tls_files(cluster_tls, "cluster_tls"),
        workers=arguments.whole_number(workers, "workers", least=1),
        threads=arguments.whole_number(threads, "threads", least=1) or 1,
        command=_typed.get(),
    )
    with call_reporter() as reporter:
        return with_consent(
            lambda given: run_calibration(replace(request, consent=given), reporter),
            arguments.optional_consent(consent),
        )


def sweep_status(folder: StrPath) -> SweepStatus:
    """Tell how far a sweep is; it may be running.

    Parameters
    ----------
    folder : str or path-like
        The folder of the sweep; of a sweep in a bucket that this machine runs its ``s3://BUCKET/PREFIX``.

    Raises
    ------
    InvalidInput
        If no sweep is there.
    """
    from dissmodel.storage.uri import is_remote
    from dissmodel.sweeping.status import status

    place = arguments.text(folder, "folder")
    if is_remote(place):
        from dissmodel.sweeping.bucket import Bucket

        return status(Bucket.open(place).folder)
    return status(Path(place))


def validate(
    model: StrPath | None = None,
    *,
    input: StrPath | Sequence[StrPath] = (),
    inputs: Inputs = (),
    output: StrPath | None = None,
    parameters: Mapping[str, object] | None = None,
    toml: StrPath | None = None,
    band_map: Mapping[str, str | int] | None = None,
    column_map: Mapping[str, str] | None = None,
    class_map: Mapping[str, object] | None = None,
    format: Format = "auto",
    layer: str | None = None,
    resample: Method | None = None,
    overwrite: bool = False,
    consent: Consent | None = None,
) -> Validation:
    """Find everything that is wrong with a model and inputs for it, all at once; write nothing.

    Parameters
    ----------
    model, output, parameters, toml, band_map, column_map, class_map
        As `run` takes them.
    format, layer, resample, overwrite, consent
        As `run` takes them.
    input : str or path-like, or sequence of these
        The dataset, or several, as `inputs`; without one only the model is checked.
    inputs
        As `run` takes them.

    Returns
    -------
    Validation
        The findings; ``ok`` if a run could succeed.

    Raises
    ------
    UsageError
        If no model is named. Everything else that is wrong is a finding.
    """
    from dissmodel.running.others import given_inputs
    from dissmodel.running.validate import ValidateRequest
    from dissmodel.running.validate import validate as look

    method = _method(resample)
    pairs = [("", one) for one in arguments.texts(input, "input")] + arguments.inputs(inputs, "inputs")
    place, fields, others = given_inputs(pairs, method) if pairs else ("", {}, ())
    request = ValidateRequest(
        model=arguments.optional_text(model, "model"),
        output=arguments.optional_text(output, "output"),
        parameters=arguments.parameters(parameters),
        parameters_from=_caller(),
        toml=arguments.optional_path(toml, "toml"),
        band_map=arguments.band_map(band_map),
        column_map=arguments.column_map(column_map),
        class_map=arguments.class_map(class_map),
        format=arguments.choice(format, "format", get_args(Format)),
        layer=arguments.optional_word(layer, "layer", "cells"),
        overwrite=arguments.flag(overwrite, "overwrite"),
        inputs=(place,) if place else (),
        fields=fields,
        others=others,
    )
    with call_reporter():
        return with_consent(
            lambda given: look(replace(request, consent=given)), arguments.optional_consent(consent)
        )


@overload
def show() -> ModelList: ...
@overload
def show(
    model: StrPath,
    *,
    toml: StrPath | None = None,
    parameters: Mapping[str, object] | None = None,
    consent: Consent | None = None,
) -> ModelView: ...
@overload
def show(
    model: None = None,
    *,
    toml: StrPath,
    parameters: Mapping[str, object] | None = None,
    consent: Consent | None = None,
) -> ModelView: ...
def show(
    model: StrPath | None = None,
    *,
    toml: StrPath | None = None,
    parameters: Mapping[str, object] | None = None,
    consent: Consent | None = None,
) -> ModelList | ModelView:
    """List the models, or return one model's parameters as a run would resolve them.

    Parameters
    ----------
    model, toml, parameters, consent
        As `run` takes them; without a model and a TOML all models are listed.

    Raises
    ------
    DissmodelError
        If there is no such model, or a parameter is unknown or out of bounds.
    """
    from dissmodel.running.model import ModelRequest
    from dissmodel.running.show import list_models, show_model

    with call_reporter():
        if model is None and toml is None:
            return list_models()
        request = ModelRequest(
            model=arguments.optional_text(model, "model"),
            parameters=arguments.parameters(parameters),
            parameters_from=_caller(),
            toml=arguments.optional_path(toml, "toml"),
        )
        return with_consent(
            lambda given: show_model(replace(request, consent=given)), arguments.optional_consent(consent)
        )


def reproduce(
    record: StrPath,
    *,
    input: StrPath | None = None,
    inputs: Mapping[str, StrPath] | None = None,
    output: StrPath | None = None,
    check: bool = False,
    model: StrPath | None = None,
    strict: bool = False,
    rtol: float | None = None,
    atol: float | None = None,
    threads: int | None = None,
    diff_map: StrPath | None = None,
    env: Env = "here",
    overwrite: bool = False,
    attest: bool = False,
    key: StrPath | None = None,
    may_ask: bool = False,
    consent: Consent | None = None,
) -> Reproduced:
    """Repeat a run from its record alone, and compare the new result with the recorded one.

    Parameters
    ----------
    record : str or path-like
        A record, a bundle, or a URL of either.
    input : str or path-like, optional
        The new path of the input; it must have the recorded bytes.
    inputs : mapping, optional
        The new paths of other inputs, by their names in the record.
    output : str or path-like, optional
        The new result; by default ``NAME.repro-ID`` beside the record.
    check : bool
        Keep only the verdict, no result.
    model : str or path-like, optional
        The model, if the record alone does not identify it.
    strict : bool
        Refuse code other than the recorded code.
    rtol, atol : float, optional
        Allow ``|A - B|`` up to this share of ``|B|``, or up to this, in the data's unit; not for classes.
    threads : int, optional
        How many threads the model may use; by default as in the recorded run.
    diff_map : str or path-like, optional
        Write B - A of the main rasters to this GeoTIFF.
    env : {"here", "recorded"}
        Run with the installed packages, or install those of the record for it.
    overwrite : bool
        Replace an earlier reproduction or map, never the original.
    attest, key : bool, str or path-like
        Leave a statement of the verdict beside the record, signed with this SSH key.
    may_ask : bool
        Whether ssh-keygen may ask for the key's passphrase in the terminal.
    consent : Consent, optional
        What you consent to, if packages have to be installed or a server asked for the input.

    Returns
    -------
    Reproduced
        The verdict and what it rests on; A is the recorded result, B the new one.

    Raises
    ------
    ConsentRequired
        If consent is needed.
    Differs
        If the input is not the recorded input; with `strict`, if the code is not.
    DissmodelError
        If the record or its input can't be read, or the run does not complete.
    """
    from dissmodel.experiment.attest import attest as attest_reproduction
    from dissmodel.experiment.attest import signing_key
    from dissmodel.experiment.source import refuse_remote
    from dissmodel.reproducing.reproduce import ReproduceRequest
    from dissmodel.reproducing.reproduce import reproduce as repeat

    gdal_settings.ignore()  # before the record notes them
    request = ReproduceRequest(
        record=arguments.text(record, "record"),
        input=arguments.optional_text(input, "input"),
        others=arguments.named_files(inputs, "inputs"),
        output=arguments.optional_text(output, "output"),
        check=arguments.flag(check, "check"),
        model=arguments.optional_text(model, "model"),
        strict=arguments.flag(strict, "strict"),
        tolerance=_tolerance(rtol, atol),
        threads=arguments.whole_number(threads, "threads", least=1),
        diff_map=arguments.optional_text(diff_map, "diff_map"),
        env=arguments.choice(env, "env", get_args(Env)),
        overwrite=arguments.flag(overwrite, "overwrite"),
        command=_typed.get(),
    )
    wanted, signer = arguments.flag(attest, "attest"), arguments.optional_path(key, "key")
    may_ask = arguments.flag(may_ask, "may_ask")
    consent = arguments.optional_consent(consent)
    if wanted or signer is not None:
        refuse_remote(request.record, "a statement is")
    with paused():
        signing = signing_key(wanted=wanted, key=signer, may_ask=may_ask)
    with call_reporter() as reporter:
        found = with_consent(lambda given: repeat(replace(request, consent=given), reporter), consent)
    if signing is None:
        return found
    with paused():
        statement = attest_reproduction(found.record, Path(found.recorded_path), signing, may_ask=may_ask)
    return replace(found, statement=statement)


def verify(record: StrPath, *others: StrPath, allowed_signers: StrPath | None = None) -> Verification:
    """Check results, inputs and the records themselves against their digests.

    Parameters
    ----------
    record, *others : str or path-like
        Records, bundles, or URLs of either, which are fetched, hashed and removed.
    allowed_signers : str or path-like, optional
        A file of the allowed signers, in git's format; each record needs a signature then.

    Returns
    -------
    Verification
        Every check; ``ok`` if nothing differs and nothing is missing.

    Raises
    ------
    DissmodelError
        If a record at a URL can't be fetched.
    """
    from dissmodel.experiment.verify import verify as verify_records

    given = tuple(arguments.text(one, "record") for one in (record, *others))
    with call_reporter():
        return verify_records(given, arguments.optional_path(allowed_signers, "allowed_signers"))


def compare(
    a: StrPath,
    b: StrPath,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    layer: str | Sequence[str] = (),
    diff_map: StrPath | None = None,
    overwrite: bool = False,
    metrics: bool = False,
    initial: StrPath | None = None,
    band: str | None = None,
    landscape: bool = False,
) -> Compared:
    """Compare two datasets: the same result, or where and by how much they differ; how good a map is.

    Parameters
    ----------
    a, b : str or path-like
        Two files, or their URLs; files that are not datasets are compared by their bytes.
    rtol, atol : float, optional
        Allow ``|A - B|`` up to this share of ``|B|``, or up to this, in the data's unit; not for classes.
    layer : str or sequence of str
        Which of several datasets: in both files, or in A and in B.
    diff_map : str or path-like, optional
        Write B - A of two rasters to this GeoTIFF.
    overwrite : bool
        Replace an earlier map.
    metrics : bool
        Measure how good A, a simulated map, is against B, an observed one: `Compared.metrics`.
    initial : str or path-like, optional
        The map from which the simulation began: how good is the simulated change?
    band : str, optional
        The band or column that is measured; the first with classes that all maps have.
    landscape : bool
        Measure patches and edges of both maps too, with pylandstats (extra ``landscape``).

    Raises
    ------
    DissmodelError
        If a file can't be read, the map has no place, or it is not clear which band to measure.
    """
    from dissmodel.comparing.compare import CompareRequest
    from dissmodel.comparing.compare import compare as compare_files

    request = CompareRequest(
        arguments.text(a, "a"),
        arguments.text(b, "b"),
        _tolerance(rtol, atol),
        arguments.words(layer, "layer", "cells"),
        arguments.optional_text(diff_map, "diff_map"),
        arguments.flag(overwrite, "overwrite"),
        arguments.flag(metrics, "metrics"),
        arguments.optional_text(initial, "initial"),
        arguments.optional_word(band, "band", "uso"),
        arguments.flag(landscape, "landscape"),
    )
    with call_reporter():
        return compare_files(request)


def diff(a: StrPath, b: StrPath) -> RecordDiff:
    """Compare two runs: what was given, the code, the machine, the results.

    Parameters
    ----------
    a, b : str or path-like
        Two records, bundles, or URLs of either.

    Raises
    ------
    DissmodelError
        If a record can't be read.
    """
    from dissmodel.experiment.diff import diff as diff_records

    with call_reporter():
        return diff_records(arguments.text(a, "a"), arguments.text(b, "b"))


def records(
    folder: StrPath = ".",
    *,
    model: str | None = None,
    status: str | None = None,
    parameters: Mapping[str, object] | None = None,
    since: datetime | None = None,
    sort: str = "-when",
    columns: str | Sequence[str] = (),
    verify: bool = False,
    index: bool = False,
) -> Listing:
    """List the records in a folder and below it.

    Parameters
    ----------
    folder : str or path-like
        The folder, or ``s3://BUCKET/PREFIX`` for the pushed records.
    model, status : str, optional
        Only runs of this model, or with this status, such as ``completed``.
    parameters : mapping, optional
        Only runs that had these values.
    since : datetime, optional
        Only runs that began then or later; a time without a zone is local.
    sort : str
        ``when``, ``model``, ``status``, ``output``, ``seed``, a metric or a parameter; with a ``-`` before it
        in reverse. Records without a value come last.
    columns : str or sequence of str
        The columns that a notebook shows, and those of `Listing.table`: what ``sort`` takes, ``files``,
        ``given``, ``id`` and ``record``; by default those that ``dissmodel record list`` prints, and all.
    verify : bool
        Hash results and inputs too.
    index : bool
        Read only what is new or changed since the last list with the index; the answer is the same.

    Returns
    -------
    Listing
        The records, to iterate over, and the files that can't be read as records; ``table()`` gives a
        DataFrame, and a notebook shows a table.

    Raises
    ------
    DissmodelError
        If the folder can't be read.
    """
    from dissmodel.experiment.listing import ListRequest, list_records

    request = ListRequest(
        folder=arguments.text(folder, "folder"),
        model=arguments.optional_word(model, "model", "coastal_raster"),
        status=arguments.optional_word(status, "status", "completed"),
        parameters=arguments.parameters(parameters),
        since=arguments.moment(since, "since"),
        sort=arguments.word(sort, "sort", "-when"),
        columns=arguments.words(columns, "columns", "seed"),
        verify=arguments.flag(verify, "verify"),
        index=arguments.flag(index, "index"),
    )
    with call_reporter() as reporter:
        return list_records(request, reporter)


def open_record(record: StrPath) -> Experiment:
    """Read a record; its result can be opened as data, wherever it is stored.

    Parameters
    ----------
    record : str or path-like
        A record, a file of a result with its record beside it, a bundle, or the URL of a record or bundle.

    Raises
    ------
    InvalidInput
        If there is no such record, or it can't be read.
    StorageError
        If it can't be fetched.
    """
    from dissmodel.experiment.records import open_record as read_record
    from dissmodel.experiment.records import record_of
    from dissmodel.storage.uri import is_remote, parse

    text = arguments.text(record, "record")
    with call_reporter():
        given, read = record_of(text)
        found, document = read_record(given, read)
        uri = parse(given)
    return Experiment(found, uri.shown if is_remote(given) else uri.local(), document, given)


def push(
    record: StrPath,
    *others: StrPath,
    to: StrPath | None = None,
    with_input: bool = False,
    dry_run: bool = False,
    consent: Consent | None = None,
) -> Pushed:
    """Put experiments where other people can reach them: first the result, last the record.

    Parameters
    ----------
    record, *others : str or path-like
        Records whose results are beside them.
    to : str or path-like, optional
        ``s3://BUCKET/PREFIX`` or a folder; by default the bucket of the settings.
    with_input : bool
        Push the input too.
    dry_run : bool
        Check everything and send nothing.
    consent : Consent, optional
        Whether a server may be asked for an input that only a record names.

    Returns
    -------
    Pushed
        What became of each record; of several, those that failed are in ``failures``.

    Raises
    ------
    ConsentRequired
        If a server would have to be asked.
    DissmodelError
        If the place can't be reached, or the only record can't be pushed.
    """
    from dissmodel.experiment.source import refuse_remote
    from dissmodel.sharing.push import PushRequest
    from dissmodel.sharing.push import push as push_records

    for one in (record, *others):
        refuse_remote(arguments.text(one, "record"), "its result is")
    request = PushRequest(
        arguments.paths((record, *others), "record"),
        arguments.optional_text(to, "to"),
        arguments.flag(with_input, "with_input"),
        arguments.flag(dry_run, "dry_run"),
    )
    with call_reporter() as reporter:
        return with_consent(
            lambda given: push_records(replace(request, consent=given), reporter),
            arguments.optional_consent(consent),
        )


def pull(
    experiment: StrPath,
    *,
    to: StrPath = ".",
    with_input: bool = False,
    consent: Consent | None = None,
) -> Pulled:
    """Bring experiments to this machine from where they were pushed, every byte checked.

    Parameters
    ----------
    experiment : str or path-like
        An id in the bucket of the settings, ``s3://.../record.json``, or a place with experiments below it.
    to : str or path-like
        The folder in which each experiment gets a folder, named by its id.
    with_input : bool
        Bring the input too.
    consent : Consent, optional
        Whether a server may be asked for an input that only a record names.

    Returns
    -------
    Pulled
        What became of each experiment; of several, those that failed are in ``failures``.

    Raises
    ------
    ConsentRequired
        If a server would have to be asked.
    DissmodelError
        If there is no such experiment, or the only one can't be pulled.
    """
    from dissmodel.sharing.pull import PullRequest
    from dissmodel.sharing.pull import pull as pull_experiments

    request = PullRequest(
        arguments.text(experiment, "experiment"),
        Path(arguments.text(to, "to")),
        arguments.flag(with_input, "with_input"),
    )
    with call_reporter() as reporter:
        return with_consent(
            lambda given: pull_experiments(replace(request, consent=given), reporter),
            arguments.optional_consent(consent),
        )


def bundle(
    record: StrPath,
    *,
    output: StrPath,
    input: StrPath | None = None,
    inputs: Mapping[str, StrPath] | None = None,
    with_input: bool = True,
    license: str | None = None,
    overwrite: bool = False,
    consent: Consent | None = None,
) -> Bundle:
    """Put a record, its result and its input into one zip; the same content gives the same bytes.

    Parameters
    ----------
    record : str or path-like
        The record, or its URL.
    output : str or path-like
        The zip.
    input : str or path-like, optional
        The new path of the input, if it was moved.
    inputs : mapping, optional
        The new paths of other inputs that were moved, by their names in the record.
    with_input : bool
        Put the input in.
    license : str, optional
        The licence of the result, where the record names none, such as ``CC-BY-4.0``.
    overwrite : bool
        Replace an earlier bundle.
    consent : Consent, optional
        Whether a server may be asked for an input that only the record names.

    Raises
    ------
    ConsentRequired
        If a server would have to be asked.
    Differs
        If the record, a file of the result or the input is not as recorded.
    DissmodelError
        If something can't be read or written.
    """
    from dissmodel.sharing.bundle import BundleRequest
    from dissmodel.sharing.bundle import bundle as make_bundle

    request = BundleRequest(
        record=arguments.text(record, "record"),
        output=arguments.text(output, "output"),
        input=arguments.optional_text(input, "input"),
        others=arguments.named_files(inputs, "inputs"),
        with_input=arguments.flag(with_input, "with_input"),
        license=arguments.optional_word(license, "license", "CC-BY-4.0") or "",
        overwrite=arguments.flag(overwrite, "overwrite"),
    )
    with call_reporter():
        return with_consent(
            lambda given: make_bundle(replace(request, consent=given)), arguments.optional_consent(consent)
        )


def cite(
    record: StrPath,
    *,
    format: Citation = "text",
    license: str | None = None,
) -> str:
    """Return a citation of a result.

    Parameters
    ----------
    record : str or path-like
        The record, a bundle, or the URL of either.
    format : {"text", "bibtex", "csl", "datacite"}
        A line of text, an entry for BibTeX, or JSON: CSL-JSON, or DataCite 4.6.
    license : str, optional
        The licence of the result, where the record names none, such as ``CC-BY-4.0``.

    Raises
    ------
    DissmodelError
        If the record can't be read, was changed, or its run did not complete.
    """
    from dissmodel.sharing.export import cite as citation

    form = arguments.choice(format, "format", get_args(Citation))
    given = arguments.optional_word(license, "license", "CC-BY-4.0") or ""
    with call_reporter():
        return citation(arguments.text(record, "record"), form, given)


def export(
    record: StrPath,
    *,
    format: Export,
    output: StrPath | None = None,
    license: str | None = None,
    input: StrPath | None = None,
    inputs: Mapping[str, StrPath] | None = None,
    with_input: bool = True,
    overwrite: bool = False,
    consent: Consent | None = None,
) -> Exported:
    """Export a record: as a crate, as provenance, as an item of a catalogue, as metadata for a DOI.

    Parameters
    ----------
    record : str or path-like
        The record, a bundle (not for a crate), or the URL of either; for ``"stac"`` also a folder of records,
        of which a static catalogue is made.
    format : {"ro-crate", "prov", "stac", "datacite"}
        RO-Crate 1.1 (Process Run Crate 0.5), W3C PROV-JSON, STAC 1.1, or DataCite 4.6 as JSON.
    output : str or path-like, optional
        The file; for a crate a zip or a new folder, for a catalogue a new folder. Without one the document is
        only returned.
    license : str, optional
        The licence of the result, where the record names none, such as ``CC-BY-4.0``.
    input, inputs, with_input, consent
        For a crate, as `bundle` takes them.
    overwrite : bool
        Replace an earlier file.

    Raises
    ------
    ConsentRequired
        If a server would have to be asked.
    Differs
        If the record, a file of the result or the input is not as recorded.
    DissmodelError
        If there is nothing to export, a crate has no licence, or something can't be read or written.
    """
    from dissmodel.sharing.export import ExportRequest
    from dissmodel.sharing.export import export as export_record

    request = ExportRequest(
        record=arguments.text(record, "record"),
        format=arguments.choice(format, "format", get_args(Export)),
        output=arguments.optional_text(output, "output"),
        license=arguments.optional_word(license, "license", "CC-BY-4.0") or "",
        input=arguments.optional_text(input, "input"),
        others=arguments.named_files(inputs, "inputs"),
        with_input=arguments.flag(with_input, "with_input"),
        overwrite=arguments.flag(overwrite, "overwrite"),
    )
    with call_reporter():
        return with_consent(
            lambda given: export_record(replace(request, consent=given)), arguments.optional_consent(consent)
        )


def connect(server: str | None = None, *, key: str | None = None, consent: Consent | None = None) -> Client:
    """Return a service, on which models run as here: ``connect(url).run(...)``.

    Nothing is sent yet.

    Parameters
    ----------
    server : str, optional
        Its URL; by default that of the setting ``client.server``.
    key : str, optional
        Your API key; by default what is in ``DISSMODEL_API_KEY``, in the file that the setting
        ``client.key_file`` names, or in the system's keyring under ``dissmodel`` and the URL.
    consent : Consent, optional
        Whether the key may cross the network unencrypted, to an ``http://`` URL of another machine.

    Raises
    ------
    ConsentRequired
        If it would.
    UsageError
        If there is no server, or this is not its URL.

    Examples
    --------
    >>> import dissmodel
    >>> server = dissmodel.connect("https://models.example.org")  # doctest: +SKIP
    >>> made = server.run("coastal_raster", input="grid.zip", output="result.tif")  # doctest: +SKIP
    >>> job = server.submit("coastal_raster", input="grid.zip")  # doctest: +SKIP
    >>> job.wait().status, job.result("again.tif").files["output"]  # doctest: +SKIP
    """
    from dissmodel.client.jobs import Client
    from dissmodel.client.keys import checked_key, find_key
    from dissmodel.client.server import Server
    from dissmodel.config import load_settings

    place = arguments.optional_word(server, "server", "http://127.0.0.1:8000")
    given, agreed = arguments.optional_word(key, "key", "..."), arguments.optional_consent(consent)
    with call_reporter():
        settings = load_settings()
        place = settings.text("client.server") if place is None else place
        if place is None:
            hint = "Give its URL, or set it: dissmodel config set client.server URL"
            raise UsageError("Which server?", hint)
        url = Server(place).url
        found = given or find_key(url, settings)
        return with_consent(lambda asked: Client(Server(url, checked_key(found, url, asked))), agreed)


def report(record: StrPath, *, output: StrPath | None = None, overwrite: bool = False) -> Report:
    """Write a report as one HTML file that needs no network: maps, areas, charts, parameters, digests.

    Parameters
    ----------
    record : str or path-like
        A record, a file of a result with its record beside it, a bundle, the URL of a record or bundle, the
        folder of a sweep, or a folder of records.
    output : str or path-like, optional
        The file; by default ``NAME.report.html`` beside the record, the bundle or in the folder.
    overwrite : bool
        Replace a file that is not a report; an earlier report is always replaced.

    Returns
    -------
    Report
        The path, the bytes, and what the report lacks, such as maps of files that are gone.

    Raises
    ------
    DissmodelError
        If the record can't be read, or the report can't be written.
    """
    from dissmodel.reporting import ReportRequest
    from dissmodel.reporting import report as write_report

    request = ReportRequest(
        given=arguments.text(record, "record"),
        output=arguments.optional_path(output, "output"),
        overwrite=arguments.flag(overwrite, "overwrite"),
    )
    with call_reporter():
        return write_report(request)


def sign(record: StrPath, *, key: StrPath, overwrite: bool = False, may_ask: bool = False) -> Signed:
    """Sign a record with an SSH key; the signature is beside it, as ``RECORD.sig``.

    Parameters
    ----------
    record : str or path-like
        The record.
    key : str or path-like
        The key, such as ``~/.ssh/id_ed25519``.
    overwrite : bool
        Replace the signature of another key.
    may_ask : bool
        Whether ssh-keygen may ask for the key's passphrase in the terminal.

    Raises
    ------
    Differs
        If the record, or a file that it describes, has changed.
    UsageError
        If another key's signature is there, or the key can't sign.
    """
    from dissmodel.experiment.sign import SignRequest, sign_record

    request = SignRequest(
        Path(arguments.text(record, "record")),
        Path(arguments.text(key, "key")),
        arguments.flag(overwrite, "overwrite"),
        arguments.flag(may_ask, "may_ask"),
    )
    with call_reporter(), paused():
        return sign_record(request)


def sweep_summary(
    folder: StrPath,
    *,
    metrics: Sequence[str] = (),
    group_by: Sequence[str] = (),
    maps: Literal["all", "mean", "none"] = "all",
    overwrite: bool = False,
) -> Summary:
    """Summarise the runs of a sweep into ``summary`` in its folder: tables, charts and maps over runs.

    Parameters
    ----------
    folder : str or path-like
        The output of the sweep.
    metrics : sequence of str
        Names of metrics; all by default.
    group_by : sequence of str
        What varies and is told apart; by default all that varies, if there are replicates.
    maps : {"all", "mean", "none"}
        With ``"mean"``, maps have no quantiles, which take most of the time.
    overwrite : bool
        Replace an earlier summary, with all that is in its folder.

    Returns
    -------
    Summary
        The statistics of each group and metric, indices of sensitivity, the files, and what was left out.

    Raises
    ------
    DissmodelError
        If there is no sweep or no run that completed, no such name, results are on different cells, or the
        summary can't be written.
    """
    from dissmodel.sweeping.summary import SummaryRequest, summarize

    request = SummaryRequest(
        folder=Path(arguments.text(folder, "folder")),
        metrics=arguments.words(metrics, "metrics", "built"),
        group_by=arguments.words(group_by, "group_by", "rate"),
        maps=arguments.choice(maps, "maps", ("all", "mean", "none")),
        overwrite=arguments.flag(overwrite, "overwrite"),
    )
    with call_reporter():
        return summarize(request)


@contextlib.contextmanager
def typed(words: Sequence[str]) -> Iterator[None]:
    """Note these words as the typed command in the records of the block's runs; a Python call has none."""
    token = _typed.set(tuple(words))
    try:
        yield
    finally:
        _typed.reset(token)


def _caller() -> Literal["command line", "call"]:
    return "command line" if _typed.get() else "call"


def _tolerance(rtol: float | None, atol: float | None) -> Tolerance | None:
    from dissmodel.comparison import Tolerance

    relative, absolute = arguments.number(rtol, "rtol"), arguments.number(atol, "atol")
    return None if relative is None and absolute is None else Tolerance(relative or 0.0, absolute or 0.0)
