"""A small app that asks its agent who it is before it serves."""

from http.server import BaseHTTPRequestHandler, HTTPServer

from ask import ask


class Greeting(BaseHTTPRequestHandler):
    """Answers with the container's name as it is now."""

    def do_GET(self) -> None:
        """Greet whoever comes."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"hello from {ask('/v1/self/name')}\n".encode())


if __name__ == "__main__":
    name, port = ask("/v1/self/name"), ask("/v1/self/ports/8080/tcp")
    print(f"I am {name}, and the host reaches me at port {port}", flush=True)
    HTTPServer(("", 8080), Greeting).serve_forever()
