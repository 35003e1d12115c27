"""The smallest correct receiver of kerbwatch's cases: verify, take each message once, answer.

pip install standardwebhooks
KERBWATCH_WEBHOOK_SECRET=whsec_... python examples/receiver.py 9000
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["KERBWATCH_WEBHOOK_SECRET"])
inbox = sqlite3.connect("inbox.sqlite")
inbox.execute("create table if not exists messages (key text primary key, body text)")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            webhook.verify(body, {k.lower(): v for k, v in self.headers.items()})
        except WebhookVerificationError:
            self.answer(401, {"error": "not signed with our secret"})
            return
        event = json.loads(body)
        # On the disk before the answer: after a 2xx kerbwatch never sends it again. A message
        # that comes twice (its answer was lost) has the same id, and is taken once.
        with inbox:
            inbox.execute("insert or ignore into messages values (?, ?)", (event["id"], body))
        case = event["data"]
        print(event["type"], case["id"], case["matter"]["code5"], case["matter"]["name_zh"])
        self.answer(200, {"number": f"2026-{case['id'][-6:]}"})

    def answer(self, status: int, document: dict[str, str]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
