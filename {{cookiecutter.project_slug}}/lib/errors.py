"""A user's mistake is one line and exit code 2; anything else is a bug and keeps its traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend. The message says where, what, what is allowed, and the cure."""


def run(main: Callable[[], None]) -> None:
    """Call a stage's main; a UserError ends in one line on stderr and exit code 2."""
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
