from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from lab.engine.owner import Owner


def test_an_owner_is_read_as_it_was_written() -> None:
    """What a label holds is the same process again."""
    assert Owner.read(Owner.here().to_json()) == Owner.here()
    assert Owner.here().process == os.getpid()
    assert not Owner.here().gone


def test_what_is_no_owner_is_none() -> None:
    """An older lab carries nothing, and another version something else."""
    others = ('"machine":1', '"process":"1"', '"started":null')
    mixed = [Owner.here().to_json()[:-1] + f",{other}}}" for other in others]
    assert [Owner.read(text) for text in ("", "[]", "{", '{"process": 1}', "3", *mixed)] == [None] * 8


def test_a_process_that_ended_is_gone() -> None:
    """Known by its end, even where its number is another process's now."""
    code = "from lab.engine.owner import Owner; print(Owner.here().to_json())"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        owner = Owner.read(process.communicate()[0].decode())
    assert owner is not None
    assert owner.gone
    assert replace(owner, process=os.getpid()).gone


def test_before_the_machine_started_anew() -> None:
    """No process outlives its machine's stop."""
    assert replace(Owner.here(), boot="another").gone


def test_who_cannot_be_seen_is_not_gone() -> None:
    """A process of another machine, or of a container, may be there: nobody takes its lab away."""
    ended = replace(Owner.here(), started="long ago")
    assert ended.gone
    assert not replace(ended, machine="far away 1234").gone
    assert not replace(ended, space="pid:[1]").gone
    assert "on far" in str(replace(ended, machine="far away 1234"))
