"""A small service: greets as its settings say, and counts visits."""

import argparse
import http.server
import json
import os
import pathlib
import string

PAGE = string.Template(
    "<!doctype html><title>quickstart</title>"
    "<h1 style='color: $colour'>$greeting</h1>"
    "<p>Visit $visits. Revision $revision.</p>\n"
)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=pathlib.Path, required=True)
    parser.add_argument("--visits", type=pathlib.Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    return parser.parse_args()


def page(settings, visits):
    count = json.loads(visits.read_text())["visits"] + 1
    visits.write_text(json.dumps({"visits": count}))
    revision = os.environ.get("TRUEUP_REVISION", "unknown")[:7]
    return PAGE.substitute(
        greeting=settings["greeting"], colour=settings["colour"], visits=count, revision=revision
    )


def handler(settings, visits):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = "ok\n" if self.path == "/healthz" else page(settings, visits)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, form, *values):
            if self.path != "/healthz":
                super().log_message(form, *values)

    return Handler


def main():
    given = arguments()
    settings = json.loads(given.settings.read_text())
    for name in ("greeting", "colour"):
        if name not in settings:
            raise SystemExit(f"{given.settings}: {name} is missing")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", given.port), handler(settings, given.visits))
    print(f"listening on http://127.0.0.1:{given.port}", flush=True)
    server.serve_forever()


main()
