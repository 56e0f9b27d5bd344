"""What a shell offers where Tab is pressed: the scripts for bash, zsh and fish, and the words.

A script gives the command line up to the cursor in ``_DISSMODEL_LINE``. The answer's first line is ``files``
or ``words``, then there is a line for each word: the word and, after a tab, what it is. The scripts evaluate
nothing of it, for names of files and texts of registries are another person's. The scripts of earlier
versions set other variables, and are answered as Typer does.
"""

from __future__ import annotations

import os
from typing import Any

# Typer has no public place for a shell's script.
from typer import _completion_classes as theirs
from typer import _completion_shared as shared
from typer._click import shell_completion

from dissmodel.cli import offers
from dissmodel.printable import cut

_LINE, _BREAKS = "_DISSMODEL_LINE", "_DISSMODEL_BREAKS"

_BASH = """%(complete_func)s() {
    local line kind=
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $kind ]]; then kind=$line; else COMPREPLY+=("${line%%%%$'\\t'*}"); fi
    done < <(_DISSMODEL_LINE="${COMP_LINE:0:COMP_POINT}" _DISSMODEL_BREAKS="$COMP_WORDBREAKS" \\
             %(autocomplete_var)s=complete_bash "$1" 2>/dev/null)
    if [[ $kind == files ]]; then
        compopt -o filenames
    elif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace
    fi
}

complete -o default -F %(complete_func)s %(prog_name)s
"""

_ZSH = """#compdef %(prog_name)s

%(complete_func)s() {
  local -a lines values texts open open_texts
  local line
  line="${(j: :)words[1,CURRENT-1]} $PREFIX"
  lines=("${(@f)$(_DISSMODEL_LINE=$line %(autocomplete_var)s=complete_zsh %(prog_name)s 2>/dev/null)}")
  if (( $#lines < 2 )); then
    _files
    return
  fi
  for line in "${(@)lines[2,-1]}"; do
    if [[ ${line%%%%$'\\t'*} == *[=/] ]]; then
      open+=("${line%%%%$'\\t'*}")
      open_texts+=("${line/$'\\t'/  -- }")
    else
      values+=("${line%%%%$'\\t'*}")
      texts+=("${line/$'\\t'/  -- }")
    fi
  done
  (( $#values )) && compadd -l -d texts -a values
  (( $#open )) && compadd -l -S '' -d open_texts -a open
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  %(complete_func)s "$@"
else
  compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """function %(complete_func)s
    set -lx _DISSMODEL_LINE (commandline -cp | string collect)
    set -lx %(autocomplete_var)s complete_fish
    set -l lines (%(prog_name)s 2>/dev/null)
    if test (count $lines) -gt 1
        printf '%%s\\n' $lines[2..-1]
    else
        __fish_complete_path (commandline -ct)
    end
end

complete --command %(prog_name)s --no-files --arguments '(%(complete_func)s)'
"""


class _Answer(shell_completion.ShellComplete):
    """Answers the scripts above."""

    source_template = ""

    def source_vars(self) -> dict[str, Any]:
        """Return nothing: `show_scripts` has the scripts."""
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the word that is completed, and what is typed of that."""
        line = os.environ[_LINE]
        words = shell_completion.split_arg_string(line)[1:]
        return (words, "") if not words or line[-1].isspace() else (words[:-1], words[-1])

    def format_completion(self, item: Any) -> str:
        """Return a word and what it is."""
        return f"{item.value}\t{cut(item.help)}" if item.help else str(item.value)

    def complete(self) -> str:
        """Return the whole answer."""
        args, word = self.get_completion_args()
        found = self.get_completions(args, word)
        kind = "words" if any(not isinstance(item.value, offers.File) for item in found) else "files"
        # Of --option=VALUE the value alone is completed.
        option = f"{word.partition('=')[0]}=" if word.startswith("-") and "=" in word else ""
        for item in found:
            item.value = f"{option}{item.value}"[self._given(word) :]
        lines = [self.format_completion(item) for item in found]
        return "\n".join([kind, *(line for line in lines if line.replace("\t", "").isprintable())])

    def _given(self, word: str) -> int:
        """Return how many characters the shell does not replace: for bash a ``=`` may end a word."""
        return max((word.rfind(one) + 1 for one in os.environ.get(_BREAKS, "") if one in "=:"), default=0)


class _OlderZsh(theirs.ZshComplete):
    """Answers Typer's script for zsh, which evaluates the answer: a backslash in it could run a program."""

    def get_completions(self, args: list[str], incomplete: str) -> list[Any]:
        """Return what has none."""
        found = super().get_completions(args, incomplete)
        return [one for one in found if "\\" not in f"{one.value}{one.help}" and str(one.value).isprintable()]


def put_scripts() -> None:
    """Let ``--show-completion``, ``--install-completion`` and ``source_SHELL`` give the scripts above."""
    scripts = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
    shared._completion_scripts |= scripts  # noqa: SLF001  (no other place)
    for answer in (theirs.BashComplete, theirs.ZshComplete, theirs.FishComplete):
        answer.source_template = scripts[answer.name]


def put_answers() -> None:
    """Let a question be answered as its script, one of those above or Typer's, can read it."""
    answers = dict.fromkeys(("bash", "zsh", "fish"), _Answer) if _LINE in os.environ else {"zsh": _OlderZsh}
    for name, found in answers.items():
        shell_completion.add_completion_class(found, name)
