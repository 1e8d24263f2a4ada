from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def promtool(deploy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments],
        cwd=deploy / "prometheus",
        capture_output=True,
        text=True,
        check=False,
    )


NEWER = "        match_first_network: false\n"
"""An option that Debian 12's promtool is too old for."""


@pytest.mark.parametrize("config", ["docker.yml", "docker-3.yml", "swarm.yml", "compose.yml"])
def test_a_configuration_is_valid_with_its_rules(deploy: Path, tmp_path: Path, config: str) -> None:
    """Promtool accepts it as it is, without a token, and finds the rules it names."""
    copied = shutil.copytree(deploy / "prometheus", tmp_path / "prometheus")
    text = (copied / config).read_text()
    (copied / config).write_text(text.replace(NEWER, ""))
    checked = promtool(tmp_path, "check", "config", config)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 rule files found" in checked.stdout


def test_newer_releases_get_the_same_but_for_one_option(deploy: Path) -> None:
    """Without it they choose a network by themselves, and drop the one that a label asks for."""
    older, newer = (
        re.sub(r"\A(#.*\n)+", "", (deploy / "prometheus" / name).read_text())
        for name in ("docker.yml", "docker-3.yml")
    )
    assert NEWER in newer
    assert newer.replace(NEWER, "") == older


def test_the_rules_are_lint_free(deploy: Path) -> None:
    """Promtool finds no fault with the rules and no rule twice."""
    checked = promtool(deploy, "check", "rules", "--lint-fatal", "recording.yml", "alerts.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_alerts_fire_and_stay_silent_as_their_own_tests_say(deploy: Path) -> None:
    """Promtool's unit tests of the rules pass."""
    tested = promtool(deploy, "test", "rules", "alerts.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_is_tested_both_ways(deploy: Path) -> None:
    """Each alert has a test in which it fires and one in which it does not."""
    rules = (deploy / "prometheus" / "alerts.yml").read_text()
    tests = (deploy / "prometheus" / "alerts.test.yml").read_text()
    found = {
        (name, silent != "")
        for name, silent in re.findall(r"alertname: (\w+)\n +exp_alerts:( \[\])?.*\n", tests)
    }
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert alerts
    assert found == {(alert, silent) for alert in alerts for silent in (True, False)}
