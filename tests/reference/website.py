"""The website that servers fetch pages from.

`compare.py` documents the descriptions.
"""

import base64
import contextlib
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGES = pathlib.Path(__file__).resolve().parent / "pages"


@contextlib.contextmanager
def serve(site):
    """Serves the answers of a table, by their paths, on a free port. Returns the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(site))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def handler(site):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = site.get(self.path, {"status": 404})
            body = body_of(answer)
            self.send_response(answer.get("status", 200))
            for name, value in answer.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def body_of(answer):
    if "file" in answer:
        return (PAGES / answer["file"]).read_bytes()
    if "base64" in answer:
        return base64.b64decode(answer["base64"])
    text = answer.get("text", "") * answer.get("times", 1)
    return text.encode(answer.get("encoding", "utf-8"))
