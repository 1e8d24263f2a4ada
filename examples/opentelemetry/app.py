"""Prints the resource that Python's OpenTelemetry SDK makes for this process."""

from opentelemetry.sdk.resources import Resource

for key, value in sorted(Resource.create().attributes.items()):
    print(f"{key} = {value}")
