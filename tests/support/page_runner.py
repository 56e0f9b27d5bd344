"""Run the steps of a page, which are JSON on standard input: Python in one namespace, commands in bash."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, "")
namespace = {"__name__": "__main__"}
for where, kind, text, code in json.load(sys.stdin):
    print(f"== {where}", flush=True)  # noqa: T201  (a script)
    if kind == "file":
        name, _, content = text.partition("\n")
        Path(name).write_text(content, encoding="utf-8")
    elif kind == "python" and text.startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(text, namespace, where, None, None)
        if doctest.DocTestRunner().run(test, clear_globs=False).failed:
            sys.exit(f"{where}: the doctest failed")
    elif kind == "python":
        source = Path(f"block_{where.rpartition(':')[2]}.py")  # some code looks at its own source
        source.write_text(text, encoding="utf-8")
        try:
            exec(compile(text, source, "exec"), namespace)
        except SystemExit as ended:
            if ended.code:
                raise
    else:
        ended = subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=False).returncode
        if ended != code:
            sys.exit(f"{where}: {text}\nended with {ended}, not with {code}")
