"""Every option that more than one command has, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dissmodel.cli import offers
from dissmodel.cli.values import parse_seed

EXIT_DIFFERS = 4
"""The exit code of a command that found a difference."""


_INPUT = typer.Option("--input", "-i", metavar="FILE", help="The dataset, or its URL; a zip may hold it.")
_MOVED = typer.Option(
    "--input",
    "-i",
    metavar="[NAME=]FILE",
    help="The new path or URL of an input that was moved; may be repeated.",
)
_INPUTS = typer.Option("--input", "-i", metavar="FILE", help="A dataset or its URL; may be repeated.")
_SEVERAL = typer.Option(
    "--input",
    "-i",
    metavar="[FIELD=]FILE[:BAND]",
    help="The dataset, or its URL; a zip may hold it. May be repeated: the first one's cells are the space.",
)

Input = Annotated[str, _INPUT]
OptionalInput = Annotated[str | None, _INPUT]
MovedInputs = Annotated[list[str] | None, _MOVED]
Inputs = Annotated[list[str] | None, _INPUTS]
SeveralInputs = Annotated[list[str] | None, _SEVERAL]
Resample = Annotated[
    Literal["nearest", "bilinear", "mode", "average"] | None,
    typer.Option(help="How values of other inputs that are on other cells are read onto the first one's."),
]
Layer = Annotated[str | None, typer.Option(metavar="NAME", help="Which of several datasets in the input.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The result, a file, a folder or s3://BUCKET/KEY; by default ./MODEL_ID.SUFFIX.",
    ),
]
OutputHere = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="The result, a file or a folder; by default ./MODEL_ID.SUFFIX."
    ),
]
BandMap = Annotated[
    list[str] | None,
    typer.Option(
        "--band-map", metavar="NAME=BAND", help="What the input calls a band, or its number; may be repeated."
    ),
]
ColumnMap = Annotated[
    list[str] | None,
    typer.Option(
        "--column-map", metavar="NAME=COLUMN", help="What the input calls a column; may be repeated."
    ),
]
ClassMap = Annotated[
    list[str] | None,
    typer.Option(
        "--class-map",
        metavar="FIELD=TABLE",
        help="From the input's codes to the model's: mapbiomas, or a CSV or TOML; may be repeated.",
    ),
]
InputFormat = Annotated[
    Literal["auto", "raster", "tiff", "vector"], typer.Option("--format", help="The kind of data in it.")
]
Seed = Annotated[
    int | None,
    typer.Option(
        parser=parse_seed,
        metavar="N",
        help="Seed the random numbers; drawn by default, if the model draws.",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The service, such as http://127.0.0.1:8000; by default client.server."),
]
YesClear = Annotated[
    bool, typer.Option("--yes", "-y", help="Consent to send the API key unencrypted, to an http:// URL.")
]
Timeout = Annotated[
    float | None,
    typer.Option(min=0, metavar="SECONDS", help="How long to wait; the job goes on. By default to its end."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Preview = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Draw before, after and change as NAME.preview.png, or as the .png, .svg or .pdf that follows.",
    ),
]
# What a user types as --preview FILE: see `dissmodel.cli.commands.Once`.
PreviewTo = Annotated[str | None, typer.Option("--preview-to", metavar="FILE", hidden=True)]
Animate = Annotated[
    str | None,
    typer.Option("--animate", metavar="FILE.gif", help="Draw the states that the run kept as a GIF."),
]
Report = Annotated[bool, typer.Option("--report", help="Write a report as one HTML file, NAME.report.html.")]
Cog = Annotated[
    bool | None,
    typer.Option(
        "--cog/--no-cog",
        help="Make GeoTIFFs of the result Cloud Optimized, with overviews; by default as output.cog is set.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print how long each phase took.")]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory that the process may take, such as 2GB: a raster is run in tiles on disk then.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on from the last finished round of a run in tiles that was killed."),
]
Records = Annotated[
    list[Path] | None,
    typer.Option(
        "--records", metavar="FOLDER", help="A folder with records of the runs behind the input; repeatable."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Consent to install the model's package.")]
License = Annotated[
    str | None,
    typer.Option(
        "--license", metavar="ID", help="The result's licence where the record has none, such as CC-BY-4.0."
    ),
]
YesAsk = Annotated[
    bool, typer.Option("--yes", "-y", help="Consent to ask the servers that a record names for its input.")
]
YesBoth = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Consent to install its packages, and to ask the server of its input."),
]
AllowBuild = Annotated[
    bool, typer.Option("--allow-build", help="Also build packages that have no wheel; this runs their code.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no index and no repository.")]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="Set a parameter; may be repeated. A table: 'NAME={a = 1}', or JSON.",
        autocompletion=offers.parameters,
    ),
]
Toml = Annotated[
    Path | None, typer.Option("--toml", "-t", metavar="FILE", help="The model's TOML: parameters and names.")
]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="NAME=VALUES",
        help="What varies: 0.5,1,2 or 0:1:0.1 or log:1e-4:1e-1:7 or input=a.tif,b.tif; of a design LOW:HIGH. "
        "May be repeated: all are combined.",
        autocompletion=offers.parameters,
    ),
]
Replicates = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Runs with other seeds of each row of values; by default 1."),
]
Design = Annotated[
    str | None,
    typer.Option(
        metavar="KIND:N|FILE.csv", help="lhs:200, sobol:256, morris:20, or a CSV with a row for each run."
    ),
]
PlanToml = Annotated[
    Path | None,
    typer.Option("--toml", "-t", metavar="FILE", help="The model's TOML, or one with the whole plan."),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Runs at the same time; by default one for each processor."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE", help="A Dask scheduler, tcp://HOST:PORT, tls://HOST:PORT or its file; or slurm."
    ),
]
ClusterTls = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ca|cert|key=FILE",
        help="A certificate file of a cluster at tls://; by default the settings'.",
    ),
]
RelativeTolerance = Annotated[
    float | None,
    typer.Option("--rtol", metavar="NUMBER", help="Allow |A - B| up to this share of |B|; not for classes."),
]
AbsoluteTolerance = Annotated[
    float | None,
    typer.Option(
        "--atol", metavar="NUMBER", help="Allow |A - B| up to this, in the data's unit; not for classes."
    ),
]
DiffMap = Annotated[
    str | None,
    typer.Option("--diff-map", metavar="FILE.tif", help="Write B - A of two rasters as a GeoTIFF."),
]
