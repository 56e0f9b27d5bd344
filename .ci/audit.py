"""Look up the installed packages among the known vulnerabilities; fail where a later version has none."""

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path


def main() -> int:
    """Run pip-audit and judge what it found."""
    uv, packages = Path(sys.executable).with_name("uv"), sysconfig.get_path("purelib")
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "found.json")
        words = [uv, "tool", "run", "--quiet", "pip-audit", "--path", packages, "--skip-editable"]
        words += ["--progress-spinner", "off", "--format", "json", "--output", found]
        said = subprocess.run(words, capture_output=True, text=True, check=False)
        if not found.exists():
            print("skipped: pip-audit got no answer:", (said.stderr.splitlines() or ["no reason"])[-1])
            return 0
        dependencies = json.loads(found.read_text())["dependencies"]
    unknown = [one["name"] for one in dependencies if "vulns" not in one]
    if len(unknown) == len(dependencies):
        print(f"skipped: the index knows nothing of vulnerabilities of the {len(unknown)} packages")
        return 0
    bad = [(one, hole) for one in dependencies for hole in one.get("vulns", ())]
    for one, hole in bad:
        print(one["name"], one["version"], hole["id"], "fixed in", hole["fix_versions"] or "no version yet")
    print(f"{len(dependencies) - len(unknown)} packages looked up, {len(unknown)} unknown to the index")
    return int(any(hole["fix_versions"] for _, hole in bad))


if __name__ == "__main__":
    sys.exit(main())
