"""A server that lists one model and does nothing else; starts in a moment.

usage   python tests/stub.py PORT [stubborn]   (stubborn: it does not end when asked to)
"""

import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Says that there is a model."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "stub"}]}')


if __name__ == "__main__":
    if sys.argv[2:] == ["stubborn"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
