"""Registers the port by which the host reaches it, and leaves when it is asked to stop."""

import os
import signal
import sys
import threading
import urllib.request

import selfinspect

REGISTRY = os.environ["REGISTRY"]


def send(method: str, service: str, address: str = "") -> None:
    """Have the registry add or remove a service."""
    request = urllib.request.Request(f"{REGISTRY}/{service}", data=address.encode(), method=method)
    urllib.request.urlopen(request, timeout=5).close()


me = selfinspect.me()
port = (me.ports or {}).get("8080", {}).get("tcp")
if port is None:
    sys.exit(f"{me.name}: port 8080 is not published, so there is nothing to register")
service = f"shop/{me.short_id}"

stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
send("PUT", service, f"{os.environ['HOST_ADDRESS']}:{port}")
print(f"{service} is at {os.environ['HOST_ADDRESS']}:{port}", flush=True)
stopping.wait()
send("DELETE", service)
