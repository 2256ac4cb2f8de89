"""What the programs on the nodes share: how they read their words, speak, fail and end.

The lecture's words go to stdout, each line flushed at once, because a far observer waits for them; every
complaint goes to stderr in one line. Exit codes: 0 done, 1 failed, 2 the words were wrong. A program that is
told to end (Ctrl-C, SIGTERM, SIGHUP) does so without a traceback: exit 1, or 0 where it never ends otherwise.

This module knows nothing of sockets, and must not import anything outside the standard library.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import signal
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

DONE, FAILED, WRONG_WORDS = 0, 1, 2

PORT = 11267
"""The lecture's port."""
PORTS_FREE_TO_USE = range(1024, 65536)
MOST_BYTES = 1 << 20
MOST_SECONDS = 1e6

# Zero-width joiner and non-joiner: format characters too, but emoji, Persian and Hindi are written with them.
_HARMLESS_FORMAT = frozenset("\u200c\u200d")
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class AppError(Exception):
    """A failure in words that go on from the program's role, as in "client *found no server at h1:11267*"."""


class Parser(argparse.ArgumentParser):
    """Reads a program's words; wrong ones get one line and exit code 2, not a page of usage."""

    def __init__(self, description: str) -> None:
        super().__init__(prog=Path(sys.argv[0]).stem, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Refuse the words."""
        complain(f"{self.prog}: {message} (--help lists the words)")
        raise SystemExit(WRONG_WORDS)


def port(word: str) -> int:
    """Read a port that is free to use.

    Raises:
        argparse.ArgumentTypeError: it is no number, reserved, or more than 16 bits hold.
    """
    try:
        number = int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a port is a number from 1024 to 65535, not {word!r}") from None
    if number not in PORTS_FREE_TO_USE:
        why = "ports below 1024 are reserved" if 0 <= number < PORTS_FREE_TO_USE.start else "a port has 16 bits"
        raise argparse.ArgumentTypeError(f"{number} is refused: {why}; 1024 to 65535 are free to use")
    return number


def whole(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of whole numbers from `least` to `most`, both included."""

    def read(word: str) -> int:
        try:
            number = int(word)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most} is needed, not {word!r}")
        return number

    return read


def seconds(word: str) -> float:
    """Read a time limit in seconds.

    Raises:
        argparse.ArgumentTypeError: it is no number, or not above zero, or beyond what timers hold.
    """
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"a number of seconds above 0 is needed, not {word!r}")
    return number


def safe(text: str) -> str:
    r"""Make a text from the wire fit for one line of a terminal.

    Control characters (a newline too: one message is one line), bidirectional overrides and the like come
    out as Python escapes (`\x1b`, `\n`, `\u202e`), so that no message can drive the terminal or forge a line.
    A backslash stays as it is.
    """
    return "".join(_escaped(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def _escaped(char: str) -> str:
    return char if char in _HARMLESS_FORMAT else char.encode("unicode_escape").decode("ascii")


def reason(error: OSError, timeout: float | None = None) -> str:
    """Say in a few words why the system refused; `timeout` is the limit in seconds that was in force."""
    if isinstance(error, TimeoutError) and error.errno is None and timeout is not None:
        return f"no answer within {timeout:g} s"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def say(line: str, end: str = "\n") -> None:
    """Print one line to stdout and flush it.

    Raises:
        AppError: nobody listens any more, or the disk is full.
    """
    try:
        print(line, end=end, flush=True)
    except OSError as error:
        _silence(sys.stdout)
        raise AppError(f"cannot speak: {reason(error)}") from error


def complain(line: str) -> None:
    """Print one line to stderr; where even that is closed there is nobody left to tell."""
    try:
        print(safe(line), file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def _silence(stream: TextIO) -> None:
    """Point a broken stream at nothing, or the interpreter complains about it once more at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def ask(prompt: str) -> str:
    """Ask the person for one line, which may hold bytes that are not UTF-8 (as surrogates).

    Raises:
        AppError: there is no answer, only the end of the input.
    """
    try:
        say(prompt, end="")
        line = sys.stdin.readline() if sys.stdin else ""
    except KeyboardInterrupt:
        say("")
        raise
    if not line:
        say("")
        raise AppError("was given no message")
    return line.removesuffix("\n")


def perform(role: str, work: Callable[[], None], *, interrupted: int = FAILED) -> int:
    """Do a program's work, and turn every way in which it can end into an exit code.

    Args:
        role: who speaks in complaints: `server` or `client`.
        work: the work, which raises AppError where it fails.
        interrupted: the exit code for a program that was told to end.
    """
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace")):
        # Whatever the locale, a strange byte is no reason to fall over.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # One that is ignored (nohup, a shell's background job) was meant to be.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        work()
    except AppError as error:
        complain(f"{role} {error}")
        return FAILED
    except KeyboardInterrupt:
        complain(f"{role} was told to end")
        return interrupted
    return DONE


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Answer the first signal to end, and no second one while we tidy up."""
    del number, frame
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt
