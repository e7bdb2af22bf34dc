"""Stop before the first question where a tool is missing; cookiecutter 2.4 and newer run this.

cookiecutter runs it in a copy of the template, which it forgets when the run ends in an error: the
copy is marked, so that the checks of answers can remove it.
"""

import os
import shutil
import sys
import tempfile

copy = os.getcwd()  # noqa: PTH109
sys.path.insert(0, copy)
from answer_checks import find_what_is_missing  # noqa: E402

home = os.path.dirname(copy)  # noqa: PTH120
temporary = os.path.dirname(home) == os.path.realpath(tempfile.gettempdir())  # noqa: PTH120
is_copy = temporary and os.path.basename(home).startswith("cookiecutter")  # noqa: PTH119
missing = find_what_is_missing()
if missing and is_copy:
    shutil.rmtree(home, ignore_errors=True)
elif is_copy:
    with open(".copy", "w", encoding="utf-8") as marker:  # noqa: PTH123
        marker.write(copy)
sys.exit(missing or 0)
