"""Shell completion scripts for the commands and flags of `spout-bridge`."""

from collections.abc import Callable, Mapping, Sequence

Words = Mapping[str, Sequence[str]]  # the flags of each command


def _bash(words: Words) -> str:
    cases = "".join(f"    {name}) words='{' '.join(flags)}' ;;\n" for name, flags in words.items())
    return f"""_spout_bridge() {{
  local words='{" ".join(words)}'
  [ "$COMP_CWORD" -eq 1 ] || case "${{COMP_WORDS[1]}}" in
{cases}    *) words='' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _spout_bridge spout-bridge
"""


def _zsh(words: Words) -> str:
    return f"autoload -U +X bashcompinit\nbashcompinit\n{_bash(words)}"


def _powershell(words: Words) -> str:
    table = "".join(
        f"    '{name}' = @({', '.join(map(repr, flags))})\n" for name, flags in words.items()
    )
    return f"""Register-ArgumentCompleter -Native -CommandName spout-bridge -ScriptBlock {{
  param($word, $line, $place)
  $known = @{{
{table}  }}
  $typed = @($line.CommandElements | ForEach-Object {{ "$_" }})
  $first = $typed.Count -lt 2 -or ($typed.Count -eq 2 -and $word -ne '')
  $found = if ($first) {{ $known.Keys }} else {{ $known[$typed[1]] }}
  $found | Where-Object {{ $_ -like "$word*" }} | Sort-Object
}}
"""


_SCRIPTS: Mapping[str, Callable[[Words], str]] = {
    "bash": _bash, "zsh": _zsh, "powershell": _powershell
}  # fmt: skip
SHELLS = tuple(_SCRIPTS)


def script(shell: str, words: Words) -> str:
    """The script for one of `SHELLS`; `words` are the flags of each command."""
    return _SCRIPTS[shell](words)
