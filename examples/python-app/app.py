"""Asks its agent who it is, with the agent's own module, before it serves."""

from http.server import BaseHTTPRequestHandler, HTTPServer

import selfinspect

try:
    me = selfinspect.me()
except selfinspect.NotAvailable as missing:
    name = "nobody in particular"
    print(f"I do not know who I am: {missing}", flush=True)
else:
    name, port = me.name, me.host_port(8080)
    print(f"I am {name}, and the host reaches me at port {port}", flush=True)


class Greeting(BaseHTTPRequestHandler):
    """Answers with the name that the container had at the start."""

    def do_GET(self) -> None:
        """Greet whoever comes."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"hello from {name}\n".encode())


HTTPServer(("", 8080), Greeting).serve_forever()
