from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.locate import places

if TYPE_CHECKING:
    from collections.abc import Mapping


def endpoints(setting: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where the places are."""
    return tuple(place.endpoint for place in places(setting, environ))


@pytest.mark.parametrize(
    ("setting", "expected"), [("off", ()), ("unix:///x.sock", ("unix:///x.sock",))]
)
def test_a_choice_is_the_only_place(setting: str, expected: tuple[str, ...]) -> None:
    """An endpoint that was asked for is tried alone, `off` tries none."""
    assert endpoints(setting, {"DOCKER_HOST": "unix:///y.sock"}) == expected


def _resolved(environ: Mapping[str, str]) -> list[str]:
    found = (endpoint.removeprefix("unix://") for endpoint in endpoints("auto", environ))
    return [str(Path(path).resolve()) for path in found]


def test_the_order_of_the_usual_places(tmp_path: Path) -> None:
    """DOCKER_HOST, then Docker's sockets, the user's own, then Podman's."""
    environ = {"DOCKER_HOST": "tcp://1.2.3.4:2375", "XDG_RUNTIME_DIR": str(tmp_path)}
    found = endpoints("auto", environ)
    assert found[:2] == ("tcp://1.2.3.4:2375", "unix:///var/run/docker.sock")
    assert found[-2:] == (f"unix://{tmp_path}/docker.sock", "unix:///run/podman/podman.sock")


def test_no_variable_is_needed() -> None:
    """Without the environment the system's sockets remain; an empty DOCKER_HOST is none."""
    found = endpoints("auto", {})
    assert found == endpoints("auto", {"DOCKER_HOST": ""})
    assert (found[0], found[-1]) == (
        "unix:///var/run/docker.sock",
        "unix:///run/podman/podman.sock",
    )


def test_two_names_of_one_socket_are_one_place(tmp_path: Path) -> None:
    """Links are followed: no socket is tried twice, under whichever name it comes first."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    environ = {
        "DOCKER_HOST": f"unix://{tmp_path}/link/docker.sock",
        "XDG_RUNTIME_DIR": str(tmp_path / "real"),
    }
    assert endpoints("auto", environ)[0] == environ["DOCKER_HOST"]
    assert len(set(_resolved(environ))) == len(endpoints("auto", environ))


def test_a_link_to_itself_is_one_place_more(tmp_path: Path) -> None:
    """It leads to no socket, and is tried like any other."""
    (tmp_path / "docker.sock").symlink_to("docker.sock")
    assert f"unix://{tmp_path}/docker.sock" in endpoints("auto", {"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_password_in_docker_host_is_shown_nowhere() -> None:
    """Places are listed in answers and logs; one with a password cannot be spoken to anyway."""
    found = endpoints("auto", {"DOCKER_HOST": "tcp://bob:hunter2x@10.0.0.1:2375"})
    assert found[0] == "tcp://bob:[masked]@10.0.0.1:2375"


def test_docker_host_may_name_a_usual_place() -> None:
    """DOCKER_HOST that says what is tried anyway adds no second attempt."""
    usual = endpoints("auto", {})
    assert endpoints("auto", {"DOCKER_HOST": usual[0]}) == usual


def test_what_names_a_place_is_kept_with_it() -> None:
    """It says how to get rid of a stranger's engine."""
    environ = {"DOCKER_HOST": "tcp://docker:2375"}
    found = {place.endpoint: place.named_by for place in places("auto", environ)}
    assert found["tcp://docker:2375"] == "DOCKER_HOST"
    assert found["unix:///var/run/docker.sock"] == "mount"
    [place] = places("tcp://engine:2375", environ)
    assert place.named_by == "option"
