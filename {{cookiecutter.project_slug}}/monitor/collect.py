"""Store logs of any known format in ours: sampled, personal data and secrets masked.

reads   the logs, params.yaml (`monitor.sample`, `curate.pii`)
writes  OUT (JSONL), whole or not at all; requests left out are counted on the terminal

Keep these logs instead of raw ones. Run it where the raw logs are, so that they need not be copied.
"""

from collections import Counter

from lib.core.config import load
from lib.curate.params import CurateParams
from lib.monitoring.calls import dumps
from lib.monitoring.masked import masked_calls
from lib.monitoring.params import MonitorParams
from lib.pii.redact import Finder
from lib.runtime.errors import CommandLine, run
from lib.runtime.files import atomic_text


def main() -> None:
    """Collect production logs into a window of days."""
    parser = CommandLine("monitor.collect", __doc__)
    parser.add_argument("out", metavar="OUT", help="a file, such as kept.jsonl")
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="files or globs")
    args = parser.parse_args()
    share = load("monitor", MonitorParams).sample
    finder, skipped, count = Finder(load("curate", CurateParams).pii), Counter[str](), 0
    with atomic_text(args.out) as file:
        for call in masked_calls(args.logs, share, finder, skipped):
            file.write(dumps(call) + "\n")
            count += 1
    left = ", ".join(f"{number:,} {reason}" for reason, number in sorted(skipped.items()))
    print(f"collect: {count:,} requests kept{f'; left out {left}' if left else ''}")


if __name__ == "__main__":
    run(main, arguments=True)
