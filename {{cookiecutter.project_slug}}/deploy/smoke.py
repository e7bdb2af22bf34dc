"""Ask a server the recorded questions of its package: is it the model that was evaluated?

reads   smoke.json beside this file

Needs Python alone, so it travels in the package. Exits 0 when all is well, 2 when a check fails, 1
when the server does not answer or refuses to. Each failed check names itself: `template` (the
server makes other prompts of the chats than training did, told by their number of tokens), `stop`
(an answer does not end by itself), `special` (control tokens in an answer), `answers` (too few are
those recorded).
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn

_SECONDS = 120  # one answer may take


def _ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask the server and return the JSON that it answers."""
    request = urllib.request.Request(  # noqa: S310 the URL is the user's own
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
        reply: dict[str, Any] = json.load(response)
        return reply


def check_server_answers(url: str, recorded: dict[str, Any]) -> list[str]:
    """List what is wrong, one line each."""
    wrong, same = list[str](), 0
    for number, case in enumerate(recorded["cases"]):
        body = {"model": recorded["model"], "messages": case["messages"], "temperature": 0}
        reply = _ask(url, body | {"max_tokens": recorded["max_tokens"]})
        choice, tokens = reply["choices"][0], reply["usage"]["prompt_tokens"]
        text = choice["message"]["content"] or ""
        if tokens != case["input_tokens"]:
            wrong.append(
                f"template: case {number}: {tokens} prompt tokens, not {case['input_tokens']}"
            )
        if choice["finish_reason"] != "stop":
            wrong.append(f"stop: case {number}: finish_reason is {choice['finish_reason']}")
        if any(token in text for token in recorded["special"]):
            wrong.append(f"special: case {number}: a control token is in the answer")
        # what a model thinks aloud is apart on llama-server, before the answer on others
        same += text.rpartition("</think>")[2].strip() == case["output"].strip()
    share = same / len(recorded["cases"])
    if share < recorded["same"]:
        wrong.append(f"answers: {share:.0%} are those recorded, {recorded['same']:.0%} must be")
    return wrong


class _CommandLine(argparse.ArgumentParser):
    """The arguments; a mistake is one line and exit code 1, as 2 means that a check failed."""

    def error(self, message: str) -> NoReturn:
        """End with 1."""
        self.exit(1, f"{self.prog}: {message}; --help lists the arguments\n")


def main() -> None:
    parser = _CommandLine(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = "by default http://127.0.0.1:PORT/v1, the port of the package"
    parser.add_argument("url", nargs="?", metavar="URL", help=default)
    args = parser.parse_args()
    cases = Path(__file__).with_name("smoke.json")
    if not cases.exists():
        print(f"{cases} is missing; run the smoke.py of a package in dist/", file=sys.stderr)
        raise SystemExit(1)
    recorded = json.loads(cases.read_text(encoding="utf-8"))
    url = (args.url or f"http://127.0.0.1:{recorded['port']}/v1").rstrip("/")
    try:
        wrong = check_server_answers(url, recorded)
    except urllib.error.HTTPError as error:
        said = error.read(200).decode("utf-8", "replace").strip()
        print(f"{url}: answered {error.code}: {said}", file=sys.stderr)
        raise SystemExit(1) from None
    except (OSError, HTTPException, LookupError, TypeError, ValueError) as error:
        reason = str(error).strip()
        print(f"{url}: no OpenAI-compatible answer ({reason}); is the server up?", file=sys.stderr)
        raise SystemExit(1) from None
    for line in wrong:
        print(line)
    print(f"smoke: {url}: {len(recorded['cases'])} cases, {len(wrong)} failures")
    raise SystemExit(2 if wrong else 0)


if __name__ == "__main__":
    main()
