"""The texts that a bundle has for people: what it is, the model's TOML, the lock of its environment."""

from __future__ import annotations

import re

from dissmodel.record import MAIN, ExperimentRecord
from dissmodel.registry.spec import plain_spec, without_null

_LONGEST = 200


def readme(record: ExperimentRecord, record_digest: str, *, has_input: bool) -> str:
    """Return what a bundle is and how to reproduce it, as Markdown; it depends on the content alone."""
    code = record.code
    package = f" of {code.package} {code.version or ''}".rstrip() if code and code.package else ""
    reproduce = "dissmodel reproduce record.json"
    needs = []
    if code is not None and code.package is None:
        reproduce += " --model FILE.py"
        sum_ = f", a file with the sha256 {code.source_digest}" if code.source_digest else ""
        needs.append(f"`FILE.py` is the model{_plain(sum_)}. It is not in here: get it from whom you trust.")
    if not has_input:
        reproduce += " --input FILE"
        needs.append(
            f"`FILE` is the input, with the sha256 `{_plain(record.source.checksum)}`. It is not in here."
        )
    main = record.files.get(MAIN)
    output = main.sha256 if main is not None else record.output_sha256 or ""
    lines = [
        f"# A result of {_plain(record.model_name) or 'a model'}",
        "",
        "The result of one run of a spatial model, with the record of what ran, on what, with what.",
        "",
        f"- Model: {_plain(record.model_name)}{_plain(package)}",
        f"- Run: {_plain(record.experiment_id)}, {record.created_at.isoformat(timespec='seconds')}",
        f"- dissmodel: {_plain(record.code_version)}",
        f"- sha256 of the output: `{_plain(output)}`",
        f"- Digest of the record: `{record_digest}`",
        "",
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
    return "\n".join(lines)


def spec_as_toml(record: ExperimentRecord, told: list[str]) -> str:
    """Return the spec that the record has as TOML, empty if there is none; add to `told` why it can't be."""
    model = record.resolved_spec.get("model")
    plain = plain_spec(record.model_name, record.parameters, record.band_map, record.column_map)
    if not isinstance(model, dict) or not model or record.resolved_spec == plain:
        return ""  # what the record says of a run without a spec, it says elsewhere too
    import tomlkit  # noqa: PLC0415  (few records have a spec)
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415  (as above)

    try:
        return tomlkit.dumps(without_null(record.resolved_spec))
    except (TOMLKitError, ValueError, TypeError, RecursionError) as error:
        told.append(f"model.toml is not in the bundle: the spec in the record is not TOML: {error}")
        return ""


def _plain(text: str) -> str:
    """Return a text without what is Markdown: a record is not trusted."""
    return re.sub(r"[^\w .,+:@/-]", "?", text[:_LONGEST])
