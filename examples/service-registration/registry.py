"""A registry in a hundred words: PUT a service's address, DELETE it, GET them all."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

services: dict[str, str] = {}


class Registry(BaseHTTPRequestHandler):
    """What a name server of services does, for one machine."""

    def do_PUT(self) -> None:
        """Note where a service is."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        services[self.path.strip("/")] = body
        print(f"+ {self.path.strip('/')} at {body}", flush=True)
        self._answer(b"")

    def do_DELETE(self) -> None:
        """Forget it."""
        services.pop(self.path.strip("/"), None)
        print(f"- {self.path.strip('/')}", flush=True)
        self._answer(b"")

    def do_GET(self) -> None:
        """Every service and its address."""
        self._answer(json.dumps(services).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8500), Registry).serve_forever()
