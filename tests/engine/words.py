"""Every variable of `--export-env`, in a container that has them all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from selfinspect.exports.own import rows
from selfinspect.exports.size import ROWS
from tests.engine.conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.conftest import Container, Engine

MIB = 1 << 20

# Prints the environment that it was started with, and stays.
SHOW = """
import json, time
entries = open("/proc/self/environ").read().split("\\0")[:-1]
print(json.dumps(dict(entry.split("=", 1) for entry in entries)), flush=True)
time.sleep(600)
"""

LABELS = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
    "com.docker.compose.container-number": "2",
    "com.docker.swarm.service.name": "shop_web",
    "com.docker.swarm.task.name": "shop_web.3.xyz",
    "com.docker.swarm.node.id": "n1",
    "org.opencontainers.image.version": "1.4",
    "org.opencontainers.image.revision": "f00",
}
OPTIONS = (
    "--publish", "8080", "--cpus", "1.5", "--memory", "256m",
    "--env", "OTEL_RESOURCE_ATTRIBUTES=team=a",
    *(f"--label={name}={value}" for name, value in LABELS.items()),
)  # fmt: skip
SETS = "self,otel,size,size:go,web"

SIZES = {
    "GOMEMLIMIT": f"{200 * MIB * 9 // 10}B",
    "GOMAXPROCS": "2",
    "PYTHON_CPU_COUNT": "2",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
    "UV_THREADPOOL_SIZE": "4",
    "NODE_OPTIONS": "--max-old-space-size=150",
    "JAVA_TOOL_OPTIONS": "-XX:ActiveProcessorCount=2 -XX:MaxRAMPercentage=75",
    "WEB_CONCURRENCY": "1",
}
LIMITS = {"SELFINSPECT_CPUS": "1.5", "SELFINSPECT_MEMORY_BYTES": str(256 * MIB)}
PREVIOUS = {"SELFINSPECT_PREVIOUS_CAUSE": "stopped", "SELFINSPECT_PREVIOUS_EXIT_CODE": "143"}


def second_run(start: Callable[..., Container], *options: str) -> tuple[Container, dict[str, str]]:
    """A container of all of it that was stopped once, and what it has in its second run."""
    command = ("run", f"--export-env={SETS}", "--wait=60s", "--", "python3", "-c", SHOW)
    app = start(*OPTIONS, *options, command=command)
    until(lambda: printed(app), "the app's environment")
    app.engine.docker("stop", app.id)  # Podman's restart kills at once
    app.engine.docker("start", app.id)
    until(lambda: len(printed(app)) > 1, "that of its second run")
    found: dict[str, str] = json.loads(printed(app)[-1])
    ours = {*SIZES, "OTEL_RESOURCE_ATTRIBUTES"}
    return app, {
        name: value
        for name, value in found.items()
        if (name.startswith("SELFINSPECT_") and name != "SELFINSPECT_URI") or name in ours
    }


def printed(app: Container) -> list[str]:
    return [line for line in app.logs().splitlines() if line.startswith("{")]


def expected(app: Container) -> dict[str, str | None]:
    """What it should have of the sets `self` and `size`; None for what its engine does not have."""
    digests = json.loads(
        app.engine.docker("image", "inspect", "--format", "{{json .RepoDigests}}", app.engine.image)
    )
    image = app.inspect("{{.Image}}")
    return {
        **SIZES,
        **LIMITS,
        **PREVIOUS,
        "SELFINSPECT_CONTAINER_ID": app.id,
        "SELFINSPECT_CONTAINER_NAME": app.inspect("{{.Name}}").removeprefix("/"),
        "SELFINSPECT_CONTAINER_IMAGE": app.inspect("{{.Config.Image}}"),
        "SELFINSPECT_IMAGE_ID": f"sha256:{image.removeprefix('sha256:')}",
        "SELFINSPECT_IMAGE_DIGEST": digests[0] if digests else None,
        "SELFINSPECT_IMAGE_VERSION": "1.4",
        "SELFINSPECT_IMAGE_REVISION": "f00",
        "SELFINSPECT_COMPOSE_PROJECT": "shop",
        "SELFINSPECT_COMPOSE_SERVICE": "web",
        "SELFINSPECT_COMPOSE_NUMBER": "2",
        "SELFINSPECT_SWARM_SERVICE": "shop_web",
        "SELFINSPECT_SWARM_TASK": "shop_web.3.xyz",
        "SELFINSPECT_SWARM_SLOT": "3",
        "SELFINSPECT_SWARM_NODE": "n1",
        "SELFINSPECT_HOST_NAME": app.engine.docker("info", "--format", "{{.Name}}"),
        "SELFINSPECT_IP": app.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"),
        "SELFINSPECT_RESTART_COUNT": "0",
        "SELFINSPECT_STOP_TIMEOUT_SECONDS": "42",
        "SELFINSPECT_HOST_PORT_8080_TCP": app.inspect(
            '{{(index .NetworkSettings.Ports "8080/tcp" 0).HostPort}}'
        ),
    }


def attributes(found: dict[str, str]) -> dict[str, str]:
    """The pairs in OpenTelemetry's variable."""
    pairs = (pair.partition("=") for pair in found["OTEL_RESOURCE_ATTRIBUTES"].split(","))
    return {key: value for key, _, value in pairs}


def names_of_the_table() -> set[str]:
    return {*(row.name for row in rows()), *(row.name for row in ROWS)}


def of_the_engine(engine: Engine) -> str:
    """Whether a container has every variable; the cell names those that this engine lacks."""
    app, found = second_run(engine.start, "--stop-timeout", "42")
    wanted = expected(app)
    assert names_of_the_table() < set(wanted)
    pairs = attributes(found)
    assert next(iter(pairs)) == "team"
    assert (
        pairs.items()
        >= {
            "team": "a",
            "container.id": app.id,
            "service.instance.id": app.id,
            "container.name": wanted["SELFINSPECT_CONTAINER_NAME"],
            "host.name": wanted["SELFINSPECT_HOST_NAME"],
            "service.name": "web",
            "service.namespace": "shop",
            "service.version": "1.4",
        }.items()
    )
    del found["OTEL_RESOURCE_ATTRIBUTES"]
    assert {name: wanted[name] for name in found} == found
    absent = sorted(wanted.keys() - found.keys())
    if SIZES.keys() <= set(absent):
        absent = ["sizes", *(name for name in absent if name not in SIZES)]
    return f"no {', '.join(absent)}" if absent else "yes"


def of_the_kernel(engine: Engine) -> str:
    """What a container has without an engine's word, and nothing else."""
    app, found = second_run(engine.start_plain)
    own = {"SELFINSPECT_CONTAINER_ID": app.id}
    attached = {"container.id": app.id, "service.instance.id": app.id}
    assert attributes(found) == {"team": "a", **(attached if own.keys() <= found.keys() else {})}
    del found["OTEL_RESOURCE_ATTRIBUTES"]
    groups = {"ID": own, "limits": LIMITS, "sizes": SIZES, "the run before": PREVIOUS}
    whole = [name for name, group in groups.items() if group.items() <= found.items()]
    assert {name for each in whole for name in groups[each]} == set(found)
    return ", ".join(whole)
