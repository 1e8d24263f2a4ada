from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

import pytest

from tests.engine.busy_container import busy_container
from tests.engine.conftest import until
from tests.engine.prometheus import scraping

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Engine
    from tests.engine.prometheus import Prometheus

pytestmark = pytest.mark.engine

EXPRESSIONS = """
sum(rate(container_cpu_usage_seconds_total{name=~".+"}[1m])) by (name) * 100
(sum(container_memory_working_set_bytes{name!=""}) BY (instance, name) \
  / sum(container_spec_memory_limit_bytes > 0) BY (instance, name) * 100)
sum(container_memory_rss{name=~".+"}) by (name)
sum(container_memory_swap{name=~".+"}) by (name)
container_memory_max_usage_bytes{image!=""}
(time() - container_start_time_seconds{name=~".+"}) / 86400
count(rate(container_last_seen{name=~".+"}[1m]))
(1 - (sum(container_fs_inodes_free{name!=""}) BY (instance) \
  / sum(container_fs_inodes_total) BY (instance))) * 100
sum(rate(container_cpu_cfs_throttled_periods_total[1m])) by (name) \
  / sum(rate(container_cpu_cfs_periods_total[1m])) by (name)
sum(rate(container_network_receive_bytes_total{name=~".+"}[1m])) by (name)
sum without (id) (irate(container_fs_writes_bytes_total{name=~".+",image!="",\
  device!~"/dev/dm.*"}[1m]))
container_spec_cpu_quota / container_spec_cpu_period
container_threads{name!=""} / (container_threads_max{name!=""} > 0)
sum(rate(container_memory_failures_total{failure_type="pgmajfault"}[1m])) by (name)
sum(rate(container_blkio_device_usage_total{operation="Read"}[1m])) by (name, device)
container_processes{name!=""} <= container_file_descriptors
sum(container_tasks_state{name!=""}) by (name, state)
container_memory_kernel_usage{image!=""}
sum(container_memory_file_dirty_bytes{name=~".+"}) by (name)
rate(container_cpu_cfs_burst_seconds_total{name=~".+"}[1m])
machine_memory_bytes / 2 ^ 30
machine_swap_bytes
machine_cpu_physical_cores / machine_cpu_sockets
count(cadvisor_version_info) by (dockerVersion)
rate(container_oom_events_total[1m]) == 0
""".strip().splitlines()


WITHOUT_ENGINE = """
sum(rate(container_cpu_usage_seconds_total[1m])) by (instance) * 100
sum(container_memory_working_set_bytes) by (instance) \
  / sum(container_spec_memory_limit_bytes > 0) by (instance) * 100
(time() - container_start_time_seconds) / 86400
sum(rate(container_cpu_usage_seconds_total[1m])) by (instance) \
  / sum(container_spec_cpu_quota / container_spec_cpu_period) by (instance)
sum(rate(container_cpu_cfs_throttled_periods_total[1m])) by (instance) \
  / sum(rate(container_cpu_cfs_periods_total[1m])) by (instance)
sum(container_tasks_state) by (instance, state)
sum(rate(container_network_receive_bytes_total[1m])) by (instance)
machine_memory_bytes / machine_cpu_cores
count(cadvisor_version_info) by (kernelVersion)
""".strip().splitlines()


def has_data(server: Prometheus, expression: str) -> bool:
    """Whether there are numbers; a scrape that a busy machine made too late brings none."""
    found = server.query(expression)
    return bool(found) and not any(isnan(value) for _, value in found)


def test_every_expression_of_the_usual_dashboards_returns_data(
    engine: Engine, tmp_path: Path
) -> None:
    """A real Prometheus on a real busy container: no panel stays empty."""
    with (
        busy_container(engine, tmp_path, "--env", "SELFINSPECT_METRICS_MACHINE=1") as app,
        scraping(app, tmp_path) as server,
    ):
        enough = "count_over_time(container_last_seen[1m]) >= 4"
        until(lambda: server.query(enough), "four scrapes")
        for each in EXPRESSIONS:
            until(lambda each=each: has_data(server, each), each)  # type: ignore[misc]


def test_an_expression_by_instance_returns_data_without_an_engine(
    engine: Engine, tmp_path: Path
) -> None:
    """The kernel says when it started, what binds it, and what the machine has."""
    app = engine.start_plain(
        "--memory", "128m", "--cpus", "0.5", "--env", "SELFINSPECT_METRICS_MACHINE=1",
        command=("run", "--engine", "off", "--", "sh", "-c", "while :; do :; done"),
    ).ready()  # fmt: skip
    with scraping(app, tmp_path) as server:
        enough = "count_over_time(container_last_seen[1m]) >= 4"
        until(lambda: server.query(enough), "four scrapes")
        for each in WITHOUT_ENGINE:
            until(lambda each=each: has_data(server, each), each)  # type: ignore[misc]
