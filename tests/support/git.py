"""Git, as a user with a name but no settings runs it."""

import subprocess

OPTIONS = (
    *("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"),
    *("-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"),
)


def git(folder, *words, **how):
    """Run git in a folder; return what it prints."""
    command = ["git", "-C", str(folder), *OPTIONS, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, **how).stdout.strip()
