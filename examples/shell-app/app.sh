#!/bin/sh
# Knows its own port from the environment, and asks for the rest with what every shell has.
memory=$(wget -q -O - "$SELFINSPECT_URI/v1/self/limits/memory_bytes") || memory=unknown
echo "I am ${SELFINSPECT_CONTAINER_NAME:-unknown}, at port ${SELFINSPECT_HOST_PORT_8080_TCP:-none} of the host, with ${memory:-unlimited} bytes of memory"
mkdir -p /www && echo "hello from ${SELFINSPECT_CONTAINER_NAME:-a container}" >/www/index.html
exec httpd -f -p 8080 -h /www
