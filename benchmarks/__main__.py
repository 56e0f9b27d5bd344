"""Every benchmark, one after the other: ``python benchmarks`` prints the tables of docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMANDS = (
    ("The kernel", ["kernel.py"]),
    ("The kernel, larger", ["kernel.py", "--rows", "4000", "--cols", "4000", "--steps", "10", "--no-numpy"]),
    ("GeoTIFF and hashing", ["geotiff.py"]),
    ("A whole run, and start-up", ["startup.py"]),
    ("Memory", ["bounded_memory.py"]),
    ("Memory, smaller", ["bounded_memory.py", "--side", "6000"]),
    ("Polygons", ["vector.py"]),
    ("Neighbourhoods", ["neighborhood.py"]),
    ("Cells", ["cells.py"]),
    ("Larger than memory", ["tiles.py"]),
    ("Registries", ["registry.py"]),
    ("Records", ["records.py"]),
    ("The index of records", ["index.py"]),
    ("The service", ["service.py"]),
    ("Pages", ["pages.py"]),
    ("Redaction", ["redact.py"]),
    ("Models in environments of their own", ["isolated.py"]),
    ("Engines", ["engines.py"]),
    ("Pushing", ["push.py"]),
    ("Storage", ["storage.py"]),
    ("Many runs", ["sweep_runs.py"]),
    ("Maps over many runs", ["sweep_maps.py"]),
    ("Maps against observation", ["judging.py"]),
)

for title, (script, *options) in COMMANDS:
    print(f"## {title}\n", flush=True)
    subprocess.run([sys.executable, HERE / script, *options], check=True)
    print(flush=True)
