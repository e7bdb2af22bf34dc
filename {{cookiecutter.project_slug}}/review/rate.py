"""Let people compare the answers of two systems, blind, on a local page with keyboard control.

run     make rate OLD=few_shot NEW=tuned
reads   predictions/OLD.jsonl, predictions/NEW.jsonl
writes  ratings/RATER.jsonl, complete after each rating; stop and continue at any time

All raters get the same cases, so that agreement can be measured, in an order and with sides drawn
for each rater. Equal answers are not shown.
"""

import argparse
import json
import re
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lib.cases.systems import SYSTEMS
from lib.report.pages import render_page
from lib.runtime.errors import CommandLine, UserError, run
from review.ratings import TIE
from review.study import Study, questions

TITLE = "Which answer is better?"
RATER = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LONGEST = 4096  # most bytes of a request
_JSON = "application/json"


class Handler(BaseHTTPRequestHandler):
    """GET / (the page), GET /next?rater=, POST /rate and /undo; answers in _JSON."""

    study: Study

    def do_GET(self) -> None:
        """Send the page, or the next question."""
        url = urlsplit(self.path)
        if not self.is_local():
            self.reply(HTTPStatus.FORBIDDEN, {"error": "asked under another host name"})
        elif url.path == "/":
            page = render_page("rate", TITLE, script="rate.js", connects=True)
            self.send(HTTPStatus.OK, "text/html; charset=utf-8", page.encode())
        elif url.path == "/next":
            rater = parse_qs(url.query).get("rater", [""])[0]
            self.answer(rater, lambda: None)
        else:
            self.reply(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self) -> None:
        """Store or undo a rating; reply with the next question."""
        if not self.is_local() or self.headers.get("Content-Type") != _JSON:
            return self.reply(HTTPStatus.FORBIDDEN, {"error": "only the page itself may send"})
        asked = self.body()
        rater = str(asked.get("rater", ""))
        key, choice = str(asked.get("case")), str(asked.get("choice"))
        if self.path == "/undo":
            return self.answer(rater, lambda: self.study.undo(rater))
        if key not in self.study.questions or choice not in ("left", "right", TIE):
            return self.reply(HTTPStatus.BAD_REQUEST, {"error": "no such case or choice"})
        return self.answer(rater, lambda: self.study.rate(rater, key, choice))

    def answer(self, rater: str, act: Any) -> None:
        """Call `act` for a rater, then send the next question."""
        if not RATER.fullmatch(rater):
            allowed = "a name may have a to z, 0 to 9, - and _, at most 32"
            return self.reply(HTTPStatus.BAD_REQUEST, {"error": allowed})
        with self.study.lock:
            act()
            return self.reply(HTTPStatus.OK, self.study.next(rater))

    def is_local(self) -> bool:
        """Tell whether a request is from this server's page and not from another site."""
        port = self.connection.getsockname()[1]
        hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        origin = self.headers.get("Origin")
        own = origin is None or origin in [f"http://{host}" for host in hosts]
        return self.headers.get("Host") in hosts and own

    def body(self) -> dict[str, Any]:
        """Read the JSON object of a request; {} if it is not one."""
        length = self.headers.get("Content-Length", "")
        try:
            asked = json.loads(self.rfile.read(max(0, min(int(length), _LONGEST))))
        except ValueError:
            return {}
        return asked if isinstance(asked, dict) else {}

    def reply(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        """Send a JSON reply."""
        self.send(status, _JSON, json.dumps(value).encode())

    def send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        """Send a reply that is not cached."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: a log of requests is of no use here."""


def serve(study: Study, port: int) -> ThreadingHTTPServer:
    """Start a server for this machine only; port 0 picks a free one."""
    handler = type("StudyHandler", (Handler,), {"study": study})
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UserError(
            f"port {port}: {error.strerror}; choose another with --port; 0 picks a free one"
        ) from None
    except OverflowError:
        raise UserError(f"--port is {port}; it must be from 1 to 65535, or 0 for any") from None


def parse_pair(parser: CommandLine) -> argparse.Namespace:
    """Parse the command line, with the arguments that select the answers to compare."""
    parser.add_argument("--old", choices=SYSTEMS, default="base")
    parser.add_argument("--new", choices=SYSTEMS, default="tuned")
    parser.add_argument("--set", choices=("golden", "test", "adversarial"), default="golden")
    parser.add_argument("--cases", type=int, default=50, help="at most; %(default)s unless given")
    args = parser.parse_args()
    if args.old == args.new or args.cases < 1:
        parser.error("needs two different systems and at least one case")
    return args


def main() -> None:
    """Serve the page until Ctrl+C."""
    parser = CommandLine("review.rate", __doc__)
    parser.add_argument("--port", type=int, default=8321, help="%(default)s unless given")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    args = parse_pair(parser)
    study = Study(args.old, args.new, questions(args.old, args.new, args.set, args.cases))
    server = serve(study, args.port)
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    print(
        f"{len(study.questions)} questions at {url} (Ctrl+C ends; all ratings are saved)",
        flush=True,
    )
    if not args.no_browser:
        webbrowser.open(url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nFor the results, and to add the ratings to DVC: make ratings")


if __name__ == "__main__":
    run(main, arguments=True)
