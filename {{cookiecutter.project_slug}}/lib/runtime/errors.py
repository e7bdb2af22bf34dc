"""A user's mistake is one line and exit code 2; anything else is a bug and keeps its traceback.

Only what judges (review.gate, monitor.run) ends a mistake with 1: there 2 says fail or alarm.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

USER_ERROR = 2  # exit code


class UserError(Exception):
    """Something the user can mend. The message says where, what, what is allowed, and the cure."""


def run(main: Callable[[], None], arguments: bool = False) -> None:
    """Call a script's main, which reads `arguments` or has none; a UserError ends in one line on
    stderr and exit code 2. Asked for help, a script that reads no options says what it is, and does
    nothing."""
    script, given = sys.modules[main.__module__], sys.argv[1:]
    if {"-h", "--help"} & set(given) and not hasattr(script, "parse_args"):
        print(script.__doc__)
        return
    try:
        if not arguments:
            no_argument(given)
        main()
    except UserError as error:
        tell(str(error))
        raise SystemExit(USER_ERROR) from None
    except RuntimeError as error:  # torch's own words, of lib.model.loading.deterministic
        if "does not have a deterministic implementation" not in str(error):
            raise
        tell(f"{str(error).split(', but')[0]} here; set hardware.deterministic to false")
        raise SystemExit(USER_ERROR) from None


def no_argument(given: Sequence[str]) -> None:
    """Refuse arguments that nobody reads."""
    if given:
        raise UserError(f"{given[0]}: no argument is taken here; params.yaml says what is done")


def tell(message: str) -> None:
    """Print it on stderr. One of several processes leaves it to their launcher
    (lib/train/launch.py), where torch looks for what went wrong: a mistake that all of them make
    is said once."""
    launcher = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if launcher:
        Path(launcher).write_text(json.dumps({"message": message}), encoding="utf-8")
    else:
        print(message, file=sys.stderr)
