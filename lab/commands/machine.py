"""The machine: what it can do for labs, and what it lacks."""

from __future__ import annotations

import textwrap

from invoke.context import Context
from invoke.exceptions import Exit
from rich.text import Text

from lab.commands.base import err, out, print_json, task
from lab.errors import MachineError, plain
from lab.observe import doctor as diagnosis
from lab.observe.firewall import LACK, NOTE, OK

MARKS = {OK: ("ok  ", "green"), NOTE: ("note", "yellow"), LACK: ("lack", "bold red")}

INDENT = 6  # columns of the mark before the words


@task()
def doctor(_: Context, json: bool = False, fix: bool = False) -> None:
    """Tell what this machine can do, each lack with its remedy; exit code 3 where no lab can come up."""
    from lab.observe import probing  # noqa: PLC0415 - it loads both engines

    facts = probing.probe()
    if fix:
        for line in probing.mend(facts) or ["nothing to mend"]:
            err.print(line, markup=False)
        facts = probing.probe()
    findings = diagnosis.judge(facts)
    usable = diagnosis.engines(facts, findings)
    print_json(diagnosis.document(findings, usable)) if json else show(findings, usable)
    if not usable:
        raise Exit(code=MachineError.exit_code)


def folded(words: str, width: int) -> str:
    """A finding's words beside its mark, in lines of a terminal's width; 0: in one line, as programs read it.

    A remedy is never folded: it is to be pasted.
    """
    room = max(width - INDENT, 20) if width else len(words)
    return f"\n{' ' * INDENT}".join(textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False))


def show(findings: list[diagnosis.Finding], usable: list[str]) -> None:
    """Print the findings for people."""
    for finding in findings:
        mark, style = MARKS[finding.level]
        words = folded(plain(f"{finding.subject}: {finding.text}"), out.width if out.is_terminal else 0)
        out.print(Text.assemble((mark, style), f"  {words}"), soft_wrap=True)
        if finding.remedy and finding.level != OK:
            out.print(Text(plain(f"        {finding.remedy}")), soft_wrap=True)
    out.print(Text(f"a lab can come up on: {', '.join(usable) or 'no engine'}", style="bold"))
