"""A user's mistake is one line and exit code 2; anything else is a bug and keeps its traceback."""

import os
import sys
import time
from collections.abc import Callable

USER_ERROR = 2  # exit code
GRACE = 3  # seconds


class UserError(Exception):
    """Something the user can mend. The message says where, what, what is allowed, and the cure."""


def run(main: Callable[[], None]) -> None:
    """Call a stage's main; a UserError ends in one line on stderr and exit code 2. One that all
    processes of a training make is said once: the launcher ends the others when the first ends."""
    try:
        main()
    except UserError as error:
        if os.environ.get("RANK", "0") != "0":
            time.sleep(GRACE)
        print(error, file=sys.stderr)
        raise SystemExit(USER_ERROR) from None
