"""What a bundle says of itself to people."""

from __future__ import annotations

import re

from dissmodel.record import MAIN, Code, ExperimentRecord

_LONGEST = 200


def readme(
    record: ExperimentRecord, record_digest: str, *, has_input: bool, model: str = "", runs: bool = False
) -> str:
    """Return what a bundle is and how to reproduce it, as Markdown; it depends on the content alone.

    `model` is the name of the model's file in the bundle, empty if it is not in it; `runs` says whether the
    runs of a sweep are in it.
    """
    code = record.code
    package = f" of {code.package} {code.version or ''}".rstrip() if code and code.package else ""
    main = record.files.get(MAIN)
    output = main.sha256 if main is not None else record.output_sha256 or ""
    is_sweep = record.sweep is not None
    made = "A result" if record.status == "completed" else "A run that did not complete"
    made, many = ("A sweep", "Many runs") if is_sweep else (made, "One run")
    lines = [
        f"# {made} of {_plain(record.model_name) or 'a model'}",
        "",
        f"{many} of a spatial model, with the record of what ran, on what, with what, and what came out.",
        "The folder is an RO-Crate: `ro-crate-metadata.json` says the same for programs.",
        "",
        f"- Model: {_plain(record.model_name)}{_plain(package)}",
        f"- Run: {_plain(record.experiment_id)}, {record.created_at.isoformat(timespec='seconds')}",
        f"- dissmodel: {_plain(_version(record))}",
        f"- sha256 of the output: `{_plain(output)}`",
        f"- Digest of the record: `{record_digest}`",
        "",
        "## Install dissmodel",
        "",
        *_install(record),
        "",
    ]
    if is_sweep:
        lines += _check_sweep(record, has_input=has_input, model=model, runs=runs)
    elif record.status == "completed":
        lines += _reproduce(record, has_input=has_input, model=model)
    return "\n".join(lines)


def _version(record: ExperimentRecord) -> str:
    ours = record.runtime.dissmodel if record.runtime is not None else None
    return record.code_version or (ours.version if ours is not None else None) or ""


def _install(record: ExperimentRecord) -> list[str]:
    ours = (record.runtime.dissmodel if record.runtime is not None else None) or Code()
    version = f"The run had dissmodel {_plain(_version(record))}".rstrip()
    repository = (ours.repository or "").removeprefix("git+")
    commit = ours.commit if re.fullmatch(r"[0-9a-f]{40,64}", ours.commit or "") else None
    if commit and not ours.dirty and re.fullmatch(r"https://[\w./~-]+", repository):
        return [f"{version}:", "", f'    pip install "dissmodel @ git+{repository}@{commit}"']
    known = (
        f", commit {commit}{' with changes that are in no commit' if ours.dirty else ''}" if commit else ""
    )
    return [
        f"{version}{known}. Get its wheel or its source from whom you got this, and install it:",
        "",
        "    pip install FILE.whl",
        "",
        "The name `dissmodel` on PyPI is of another package.",
    ]


def _check_sweep(record: ExperimentRecord, *, has_input: bool, model: str, runs: bool) -> list[str]:
    again = "    dissmodel reproduce runs/KEY/result.record.json"
    if record.code is not None and record.code.package is None:
        again += f" --model {model or 'FILE.py'}"
    if not has_input:
        again += " --input FILE"
    what = (
        " The second runs one run again and compares the results; KEY is one of the folders." if runs else ""
    )
    return [
        "## Check it",
        "",
        "With dissmodel and the model installed, in this folder:",
        "",
        "    dissmodel record verify record.json",
        *([again] if runs else []),
        "",
        f"The first checks that the files are as recorded.{what}",
        "`runs.csv` has a row for each run: parameters, seed, measures, digests. `sweep.toml` is the plan.",
        "",
    ]


def _reproduce(record: ExperimentRecord, *, has_input: bool, model: str) -> list[str]:
    code = record.code
    reproduce = "dissmodel reproduce record.json"
    needs = []
    if code is not None and code.package is None:
        reproduce += f" --model {model or 'FILE.py'}"
        sum_ = f", a file with the sha256 {code.source_digest}" if code.source_digest else ""
        needs.append(
            f"`{model}` is the model. Read it before you run it."
            if model
            else f"`FILE.py` is the model{_plain(sum_)}. It is not in here: get it from whom you trust."
        )
    elif record.runtime is not None and record.runtime.packages:
        needs.append(
            "To run it with the packages of the record, which are installed into an environment of their own:"
            " `dissmodel reproduce record.json --env recorded`"
        )
    if not has_input:
        reproduce += " --input FILE"
        needs.append(
            f"`FILE` is the input, with the sha256 `{_plain(record.source.checksum)}`. It is not in here."
        )
        for one in record.sources:
            name = _plain(one.name)
            reproduce += f" --input {name}=FILE"
            needs.append(f"The input {name} has the sha256 `{_plain(one.checksum)}`. It is not in here.")
    return [
        "## Reproduce it",
        "",
        "With dissmodel and the model installed, in this folder:",
        "",
        "    dissmodel record verify record.json",
        f"    {reproduce}",
        "",
        "The first checks that the files are as recorded; the second runs the model again and compares the",
        "results. Both also take the zip itself instead of `record.json`.",
        *[line for need in needs for line in ("", need)],
        "",
    ]


def _plain(text: str) -> str:
    """Return a text without what is Markdown: a record is not trusted."""
    return re.sub(r"[^\w .,+:@/-]", "?", text[:_LONGEST])
