"""Start a script, and end it in one line on a user's mistake (exit code 2).

Anything else is a bug and keeps its traceback. Only commands that judge (review.gate, monitor.run)
end a mistake with 1: there 2 means fail or alarm.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

USER_ERROR = 2  # exit code


class UserError(Exception):
    """Something the user can fix. The message says where, what, what is allowed, and the cure."""


class CommandLine(argparse.ArgumentParser):
    """The arguments of a script. `--help` prints its docstring; a mistake is a UserError."""

    def __init__(self, module: str, docstring: str | None) -> None:
        super().__init__(
            prog=f"python -m {module}",
            description=docstring,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage and exiting with 2."""
        raise UserError(f"{' '.join(message.split())}; `{self.prog} --help` lists the arguments")


def run(main: Callable[[], None], arguments: bool = False) -> None:
    """Call a script's main; end a UserError in one line on stderr and exit code 2.

    A main that reads no `arguments` is called without any: `--help` alone is understood.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a log shows each line when it is printed
    try:
        if not arguments:
            refuse_arguments(main, sys.argv[1:])
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        read_no_more()
        raise SystemExit(128 + 13) from None  # as a shell reports SIGPIPE
    except UserError as error:
        tell(str(error))
        raise SystemExit(USER_ERROR) from None
    except RuntimeError as error:  # torch's own words, after lib.model.loading.deterministic
        if "does not have a deterministic implementation" not in str(error):
            raise
        tell(f"{str(error).split(', but')[0]} here; set hardware.deterministic to false")
        raise SystemExit(USER_ERROR) from None


def refuse_arguments(main: Callable[..., object], given: Sequence[str]) -> None:
    """Refuse every argument but `--help`, which prints the docstring of main's script."""
    script = sys.modules[main.__module__]
    module = script.__spec__.name if script.__spec__ else script.__name__
    _, unknown = CommandLine(module, script.__doc__).parse_known_args(given)
    if unknown:
        raise UserError(
            f"{unknown[0]}: unexpected argument; settings of this script are in params.yaml"
        )


def tell(message: str) -> None:
    """Print a message on stderr, once for all processes of a run.

    One of several processes leaves the message to their launcher (lib/train/launch.py), in the file
    where torch looks for errors, so that a mistake that all of them make is reported once.
    """
    launcher = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if launcher:
        Path(launcher).write_text(json.dumps({"message": message}), encoding="utf-8")
    else:
        print(message, file=sys.stderr)


def show(text: str) -> None:
    """Print a text; end quietly where the reader stops early, as in `| head`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        read_no_more()


def read_no_more() -> None:
    """Discard what is still printed: Python would complain about it on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
