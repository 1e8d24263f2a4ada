"""What the kernel's files say without an engine where they mislead: the right ID, or none.

Each case is a kind that was answered wrongly somewhere, with its neighbours that must stay right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.identity.evidence import gather
from selfinspect.identity.resolve import resolve
from selfinspect.kernel.identity_files import IdentityFiles
from selfinspect.model import Kubernetes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.model import Level

A = "a1b2c3d4" * 8
B = "b0b1b2b3" * 8
S = "5a5b5c5d" * 8
M = "9d8c7b6a" * 8
L = "1e2f3a4b" * 8
UUID = "11112222-3333-4444-5555-666677778888"
SLICE = f"/kubepods.slice/kubepods-pod{UUID.replace('-', '_')}.slice"
STORAGE = "/containers/storage/overlay-containers"
KUBELET = f"/var/lib/kubelet/pods/{UUID}"
ETC = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")

Answer = tuple[str | None, "Level | None"]
NONE: Answer = (None, None)
Mounts = dict[str, str]


def mount(root: str, point: str, kind: str = "ext4", options: str = "rw") -> str:
    return f"715 705 8:3 {root} {point} rw,relatime - {kind} {kind} {options}"


def overlay(upperdir: str) -> str:
    return mount("/", "/", "overlay", f"rw,lowerdir=/x,upperdir={upperdir},workdir=/w")


DOCKERS = overlay(f"/var/lib/docker/overlay2/{L}/diff")


def docker(identifier: str, folder: str = "/var/lib/docker/containers") -> Mounts:
    """What Docker mounts into a container from the folder that it keeps for it."""
    return {point: f"{folder}/{identifier}/{point.removeprefix('/etc/')}" for point in ETC}


def crio(sandbox: str) -> Mounts:
    """What CRI-O mounts from the sandbox's folder into each container of a pod."""
    files = {point: f"{STORAGE}/{sandbox}/userdata/{point.removeprefix('/etc/')}" for point in ETC}
    return {**files, "/run/.containerenv": f"{STORAGE}/{sandbox}/userdata/.containerenv"}


def answer(
    mounts: Mapping[str, str] | None = None,
    *cgroups: str,
    root: str = DOCKERS,
    hostname: str = "x",
    containerenv: str = "",
    extra: Sequence[str] = (),
    **environ: str,
) -> Answer:
    """The ID and the level for a container with these files and no engine."""
    lines = [root, *extra, *(mount(where, point) for point, where in (mounts or {}).items())]
    files = IdentityFiles(
        cgroup="".join(f"{line}\n" for line in cgroups or ("0::/",)),
        mountinfo="\n".join([*lines, ""]),
        hostname=f"{hostname}\n",
        containerenv=containerenv,
    )
    identity = resolve(gather(files, environ), None).identity
    return identity.id, identity.level


ABOVE = ("/docker/{}", "/system.slice/docker-{}.scope", "/foo/{}", "/docker/" + M + "/docker/{}")

OF_AN_INIT = (
    "", "/init.scope", "/init", "/container", "/supervisor", "/container/init.scope",
    "/system.slice/app.service", "/system.slice/docker.service/worker", "/user.slice/user-0.slice",
    "/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope", "/system.slice/a/b/c",
    "/init.scope/system.slice/ssh.service",
)  # fmt: skip


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("tail", OF_AN_INIT)
def test_what_an_init_makes_is_no_container(above: str, tail: str) -> None:
    """Systemd and others sort the processes of our own container into cgroups."""
    assert answer({}, f"0::{above.format(A)}{tail}") == (A, "observed")


OF_A_RUNTIME = (
    "/runc-web.scope", "/system.slice/runc-web.scope", "/crun-web.scope", "/libcrun-web",
    "/user.slice/user-0.slice/crun-web.scope", "/buildah-buildah3409814", "/init/runc-1.scope",
    "/system.slice/buildah-1.scope/container", "/machine.slice/web.scope", "/lxc.payload.web",
    "/buildkit/x", "/web/runc-a.scope", "/runc-web",
)  # fmt: skip
UNKNOWN_TWICE = ("/default/web", "/a/b", "/init/a/b", "/jobs/1/init.scope", "/a/b/c/d")


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("tail", OF_A_RUNTIME + UNKNOWN_TWICE)
def test_a_container_inside_another_is_not_that_one(above: str, tail: str) -> None:
    """Whatever else names the outer one: it is what surrounds us."""
    path = f"{above.format(B)}{tail}"
    root = mount("/srv/bundle/rootfs", "/")
    assert answer({}, f"0::{path}", root=root) == NONE
    assert answer(docker(B), f"0::{path}", hostname=B[:12], HOSTNAME=B[:12]) == NONE
    lines = ("0::/docker/" + B, f"4:memory:{path}", f"1:name=systemd:/docker/{B}")
    assert answer({}, *lines, root=root) == NONE
    assert answer({}, *reversed(lines), root=root) == NONE


def test_a_cgroup_mount_shows_a_container_inside_as_well() -> None:
    """Its root is the cgroup of the inner one."""
    inside = mount(f"/docker/{B}/a/b", "/sys/fs/cgroup/memory", "cgroup", "rw,memory")
    assert answer({}, f"4:memory:/docker/{B}", extra=[inside]) == NONE


@pytest.mark.parametrize(
    ("path", "upperdir"),
    [
        (f"/docker/{B}", f"/var/lib/containers/storage/overlay/{L}/diff"),
        (f"/docker/{B}", f"/home/u/.local/share/containers/storage/overlay/{L}/diff"),
        (f"/system.slice/docker-{B}.scope", f"/mnt/disk/overlay/{L}/diff"),
        (f"/docker/{B}/init", "/var/lib/buildkit/runc-overlayfs/snapshots/snapshots/7/fs"),
        (f"/machine.slice/libpod-{B}.scope/container", f"/var/lib/docker/overlay2/{L}/diff"),
        (f"/libpod_parent/libpod-{B}", "/var/lib/containerd/io.containerd.x/snapshots/7/fs"),
        (f"{SLICE}/cri-containerd-{B}.scope", f"/var/lib/docker/overlay2/{L}/diff"),
        (f"{SLICE}/crio-{B}.scope", f"/var/lib/docker/overlay2/{L}/diff"),
    ],
)
def test_a_layer_in_another_kind_of_store_is_of_a_container_inside(
    path: str, upperdir: str
) -> None:
    """Docker keeps no layer where Podman does: the engine that made our root runs inside."""
    assert answer({}, f"0::{path}", root=overlay(upperdir)) == NONE


def test_a_folder_in_another_kind_of_store_is_of_a_container_inside() -> None:
    """Drivers without an overlay have folders for roots."""
    root = mount(f"/containers/storage/vfs/dir/{L}", "/")
    assert answer({}, f"0::/docker/{B}", root=mount("/", "/")) == (B, "observed")
    assert answer({}, f"0::/docker/{B}", root=root.replace("/containers", "/x/containers")) == NONE


@pytest.mark.parametrize(
    ("path", "upperdir"),
    [
        (f"/docker/{A}", f"/var/lib/docker/overlay2/{L}/diff"),
        (f"/docker/{A}", f"/data/100000.100000/overlay2/{L}/diff"),
        (f"/docker/{A}", f"{L}/diff"),
        (f"/docker/{A}", "/var/lib/docker/containerd/daemon/io.containerd.x/snapshots/7/fs"),
        (f"/machine.slice/libpod-{A}.scope", f"/var/lib/containers/storage/overlay/{L}/diff"),
        (f"/machine.slice/libpod-{A}.scope", f"/srv/podman/overlay/{L}/diff"),
        (f"/kubepods/burstable/pod{UUID}/{A}", f"/var/lib/docker/overlay2/{L}/diff"),
        (f"/foo/{A}", f"/var/lib/containers/storage/overlay/{L}/diff"),
        (f"/default/{A}", f"/var/lib/docker/overlay2/{L}/diff"),
    ],
)
def test_a_layer_in_its_engines_own_store_contradicts_nothing(path: str, upperdir: str) -> None:
    """Nor does one where the path does not speak of an engine."""
    assert answer({}, f"0::{path}", root=overlay(upperdir)) == (A, "observed")


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("tail", ["/web", "/mycontainer/init.scope", "/init/web", "/1"])
def test_one_unknown_segment_is_either(above: str, tail: str) -> None:
    """A subgroup of our own, or a container's: a mount of ours that names the same ID decides."""
    path = f"{above.format(A)}{tail}"
    assert answer({}, f"0::{path}") == (A, "assumed")
    assert answer({}, f"0::{path}", hostname=A[:12]) == (A, "assumed")
    assert answer({}, f"4:memory:{path}", f"0::{above.format(A)}") == (A, "assumed")
    assert answer(docker(B), f"0::{path}") == (A, "assumed")
    for point, where in docker(A).items():
        assert answer({point: where}, f"0::{path}") == (A, "observed")


@pytest.mark.parametrize("tail", [f"/{M}", f"/jobs/{M}", f"/{M}/init", f"/a/b/c/{M}"])
def test_a_cgroup_named_by_a_digest_is_no_container_for_certain(tail: str) -> None:
    """Either ID may be ours; what an engine mounts for a container decides."""
    path = f"0::/docker/{A}{tail}"
    assert answer({}, path) == NONE
    assert answer({}, path, f"4:memory:/docker/{A}") == NONE
    assert answer(docker(A), path) == (A, "observed")
    assert answer(docker(B), path) == NONE


@pytest.mark.parametrize("name", [M[:40], M[:32], f"job-{M}", f"sha256:{M}", f"{M}.scope", f"{M}0"])
def test_a_name_with_a_digest_in_it_keeps_the_id_for_a_proof(name: str) -> None:
    """By itself it decides nothing; in an engine's own folder it is a container's."""
    files = IdentityFiles(cgroup=f"0::/docker/{A}/{name}\n", mountinfo=DOCKERS)
    found = gather(files, {})
    assert [one.id for one in found.candidates] == [A]
    assert found.outer == frozenset()
    assert answer(docker(A), f"0::/docker/{A}/{name}") == NONE
    inner = gather(IdentityFiles(cgroup=f"0::/docker/{A}/docker/{name}\n"), {})
    assert not inner.candidates
    assert inner.outer == {A}


def test_a_container_of_an_inner_engine_may_be_in_any_cgroup() -> None:
    """Where its own files name it, the outer one is not it."""
    path = f"0::/docker/{B}/jobs/{A}"
    assert answer({}, path) == NONE
    assert answer(docker(A), path) == (A, "observed")


def test_an_id_around_a_digest_may_still_be_proven() -> None:
    """It is not among those that are never ours, and an engine is asked about it."""
    found = gather(IdentityFiles(cgroup=f"0::/docker/{A}/{M}\n"), {})
    assert {one.id for one in found.candidates} == {A, M}
    assert found.outer == frozenset()
    inside = gather(IdentityFiles(cgroup=f"0::/docker/{B}/docker/{A}/{M}\n"), {})
    assert inside.outer == {B}


# Pods

SERVICE_ACCOUNT = mount("/", "/run/secrets/kubernetes.io/serviceaccount", "tmpfs")
PODS = {
    "etc-hosts": mount(f"{KUBELET}/etc-hosts", "/etc/hosts"),
    "a moved kubelet": mount(f"/data/k8s/pods/{UUID}/etc-hosts", "/etc/hosts"),
    "a disk of its own": mount(f"/pods/{UUID}/etc-hosts", "/etc/hosts"),
    "a static pod": mount(f"/k/pods/{UUID.replace('-', '')}/etc-hosts", "/etc/hosts"),
    "termination": mount(f"{KUBELET}/containers/web/ab12cd34", "/dev/termination-log"),
    "termination elsewhere": mount(f"{KUBELET}/containers/web/ab12cd34", "/tmp/end"),
    "a volume": mount(f"{KUBELET}/volumes/kubernetes.io~empty-dir/x", "/cache"),
    "a sub-path": mount(f"{KUBELET}/volume-subpaths/config/web/0", "/etc/app.conf"),
    "the service account": SERVICE_ACCOUNT,
    "the service account at its old place": mount(
        "/", "/var/run/secrets/kubernetes.io/serviceaccount", "tmpfs"
    ),
    "a sandbox": mount(f"/run/containerd/x/sandboxes/{S}/resolv.conf", "/etc/resolv.conf"),
}


@pytest.mark.parametrize("sign", PODS.values(), ids=PODS)
def test_in_a_pod_the_sandbox_is_never_the_answer(sign: str) -> None:
    """Hostname, the files in /etc and CRI-O's `.containerenv` are the sandbox's there."""
    point = sign.split(" ")[4]
    shared = {where: root for where, root in crio(S).items() if where != point}
    assert answer(shared, extra=[sign], hostname=S[:12], HOSTNAME=S) == NONE
    assert answer(shared, extra=[sign], containerenv=f'id="{S}"\n') == NONE
    dockers = {"/etc/hostname": docker(S)["/etc/hostname"]}
    assert answer(dockers, extra=[sign], hostname=S[:12]) == NONE


@pytest.mark.parametrize("sign", PODS.values(), ids=PODS)
@pytest.mark.parametrize(
    "cgroup",
    [
        f"{SLICE}/crio-{A}.scope",
        f"/kubepods/burstable/pod{UUID}/crio-{A}",
        f"/system.slice/crio-{A}.scope",
    ],
)
def test_in_a_pod_what_only_the_container_has_names_it(sign: str, cgroup: str) -> None:
    """Its cgroup, and its own `/run/secrets`; never the sandbox that the rest names."""
    root = overlay(f"/var/lib/containers/storage/overlay/{L}/diff")
    point = sign.split(" ")[4]
    shared = {where: path for where, path in crio(S).items() if where != point}
    assert answer(shared, f"4:memory:{cgroup}", root=root, extra=[sign]) == (A, "observed")
    secrets = {**shared, "/run/secrets": f"{STORAGE}/{A}/userdata/run/secrets"}
    assert answer(secrets, root=root, extra=[sign], hostname=S[:12]) == (A, "observed")


def test_a_scope_of_cri_os_makes_a_pod() -> None:
    """Without a kubelet's mounts, as crictl starts one."""
    assert answer(crio(S), f"0::/system.slice/crio-{A}.scope", root=mount("/", "/")) == (
        A,
        "observed",
    )


def test_secrets_of_another_folder_outweigh_the_containerenv() -> None:
    """Where nothing shows the pod, the two mounts show that one of them is a sandbox's."""
    mounts = {
        "/run/.containerenv": f"{STORAGE}/{S}/userdata/.containerenv",
        "/run/secrets": f"{STORAGE}/{A}/userdata/run/secrets",
    }
    root = mount("/", "/")
    assert answer(mounts, root=root) == (A, "observed")
    assert answer(mounts, root=root, containerenv=f'id="{S}"\n') == (A, "observed")


INSIDE = f"{KUBELET}/volumes/kubernetes.io~empty-dir/dind"
HANDED_ON = {
    "nothing": [],
    "a volume of the pod's": [mount(f"{KUBELET}/volumes/kubernetes.io~empty-dir/w", "/builds")],
    "the service account": [SERVICE_ACCOUNT],
    "a volume of the engine's": [mount(f"{INSIDE}/volumes/data/_data", "/data")],
}


@pytest.mark.parametrize("handed_on", HANDED_ON.values(), ids=HANDED_ON)
def test_an_engine_inside_a_pod_names_its_own_containers(handed_on: list[str]) -> None:
    """Its files lie in a volume of the pod's, and are evidence all the same."""
    dockers = docker(A, f"{INSIDE}/containers")
    assert answer(dockers, extra=handed_on, hostname=A[:12]) == (A, "assumed")
    path = f"4:memory:/kubepods/burstable/pod{UUID}/{B}/docker/{A}"
    assert answer(dockers, path, extra=handed_on) == (A, "observed")
    podmans = {
        point: f"{INSIDE}/overlay-containers/{A}/userdata/{point.rpartition('/')[2]}"
        for point in (*ETC, "/run/.containerenv")
    }
    assert answer(podmans, extra=handed_on, root=mount("/", "/")) == (A, "observed")


def test_the_cgroup_of_a_pod_with_an_engine_inside_is_no_pods() -> None:
    """The innermost container is that engine's, whose files in /etc are its own."""
    path = f"4:memory:/kubepods/burstable/pod{UUID}/{B}/docker/{M}"
    assert answer(docker(A), path) == (M, "observed")  # in another's network
    within = f"4:memory:/docker/{B}/kubelet/kubepods/burstable/pod{UUID}/{A}"
    assert answer(docker(S), within) == (A, "observed")
    assert answer(docker(S), f"4:memory:/kubepods/besteffort/pod{UUID}") == NONE


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        (
            [PODS["etc-hosts"], PODS["termination"]],
            Kubernetes(pod_uid=UUID, container="web"),
        ),
        ([PODS["etc-hosts"]], Kubernetes(pod_uid=UUID)),
        ([PODS["termination"]], Kubernetes(pod_uid=UUID, container="web")),
        ([PODS["a static pod"]], Kubernetes(pod_uid=UUID.replace("-", ""))),
        ([SERVICE_ACCOUNT], None),
        ([mount(f"{KUBELET}/containers/web/ab12", "/host/dev/termination-log")], None),
        ([mount(f"/docker/containers/{A}/hosts", "/etc/hosts")], None),
    ],
)
def test_the_kubelets_mounts_name_pod_and_container(
    mounts: list[str], expected: Kubernetes | None
) -> None:
    """They need no engine, and count at their own places alone."""
    assert gather(IdentityFiles(mountinfo="\n".join(mounts)), {}).kubernetes == expected


# What is not ours

CONTAINERENV = f'engine="podman-5.4.1"\nname="node"\nid="{B}"\nimageid="{M}"\n'


@pytest.mark.parametrize("kind", ["tmpfs", "ext4", "overlay"])
def test_the_machines_run_folder_is_not_ours(kind: str) -> None:
    """With `-v /run:/run` the text in it is of the machine, which may be a container itself."""
    run = mount("/", "/run", kind)
    assert answer(docker(A), extra=[run], containerenv=CONTAINERENV) == (A, "assumed")
    assert answer({}, extra=[run], containerenv=CONTAINERENV) == NONE


def test_a_note_of_our_own_is_ours() -> None:
    """A mount of the file itself, whatever is below it; or a file of the image's root."""
    root = mount("/", "/")
    own = mount(f"{STORAGE}/{B}/userdata/.containerenv", "/run/.containerenv")
    tmpfs = mount("/", "/run", "tmpfs")
    assert answer({}, root=root, containerenv=CONTAINERENV) == (B, "observed")
    assert answer({}, root=root, extra=[tmpfs, own], containerenv=CONTAINERENV) == (B, "observed")


@pytest.mark.parametrize("hostname", [B[:12], B[:8], "web", M[:12]])
def test_a_short_hostname_is_outweighed_by_three_files(hostname: str) -> None:
    """It stays behind when a container is made again with its old settings."""
    assert answer(docker(A), hostname=hostname, HOSTNAME=hostname) == (A, "assumed")


def test_a_short_hostname_counts_against_fewer_files() -> None:
    """One file may be bound from anywhere; three that differ say nothing at all."""
    for left_out in ETC:
        some = {point: root for point, root in docker(A).items() if point != left_out}
        assert answer(some, hostname=B[:12]) == NONE
        assert answer({**docker(A), left_out: docker(B)[left_out]}, hostname=A[:12]) == NONE


def test_a_whole_hostname_of_another_is_a_contradiction() -> None:
    """Nobody's hostname is 64 digits of another's ID by chance."""
    assert answer(docker(A), hostname=B) == NONE


@pytest.mark.parametrize("seconds", [-3600.0, -0.4, 0.0, 0.5, 61.0, 3600.0, 10.0**8])
@pytest.mark.parametrize("stepped", [-3600.0, 0.0, 39.5])
def test_only_the_clock_of_one_writer_is_compared(seconds: float, stepped: float) -> None:
    """A file written long after PID 1 started says nothing; one older than ours is another's."""
    created = 1_700_000_000
    files = IdentityFiles(
        cgroup="0::/\n",
        init_cgroup="0::/\n",
        mountinfo="\n".join([DOCKERS, *(mount(root, at) for at, root in docker(A).items())]),
        dockerenv_mtime=created * 10**9,
        etc_mtimes=dict.fromkeys(ETC, int((created + seconds) * 10**9)),
        init_started_at=created + 0.5 - stepped,
    )
    identity = resolve(gather(files, {}), None).identity
    joined = seconds < -0.1
    assert (identity.id, identity.level) == (NONE if joined else (A, "assumed"))


def test_the_process_of_another_is_no_evidence_of_ours() -> None:
    """PID 1's cgroup names us only where PID 1 is in our own container."""
    files = IdentityFiles(cpuset=f"/docker/{B}\n")
    identity = resolve(gather(files, {}), None).identity
    assert (identity.id, identity.level) == (B, "assumed")


@pytest.mark.parametrize("tail", ["/web", f"/{M}", "/runc-x.scope"])
def test_a_claim_does_not_lift_a_doubt(tail: str) -> None:
    """What --container says is assumed where our own cgroup does not say the same."""
    evidence = gather(IdentityFiles(cgroup=f"0::/docker/{B}{tail}\n"), {})
    identity = resolve(evidence, None, claim=B).identity
    assert identity.level in (None, "assumed")


# Whatever comes together

words = st.text("abcxyz019-_", min_size=1, max_size=12)
segments = st.one_of(words, st.sampled_from(["init", "init.scope", "system.slice"]))
tails = st.lists(segments, max_size=4)
marks = st.sampled_from(
    ["runc-{}.scope", "crun-{}.scope", "libcrun-{}", "buildah-{}", "lxc.payload.{}"]
)
named = st.sets(st.sampled_from(ETC))
hostnames = st.sampled_from(["x", B[:12], B, S[:12]])


@given(
    above=st.sampled_from(ABOVE),
    before=st.lists(st.one_of(segments, st.just(M)), max_size=4),
    mark=st.builds(str.format, marks, words),
    after=tails,
    at=named,
    hostname=hostnames,
)
def test_behind_a_runtimes_mark_the_outer_id_is_never_the_answer(
    *, above: str, before: list[str], mark: str, after: list[str], at: set[str], hostname: str
) -> None:
    """A container's runtime between the outer ID and us: whatever agrees, it is not the answer."""
    path = "/".join([above.format(B), *before, mark, *after])
    mounts = {point: root for point, root in docker(B).items() if point in at}
    assert answer(mounts, f"0::{path}", hostname=hostname) == NONE


@given(
    signs=st.lists(st.sampled_from(sorted(PODS)), min_size=1, unique=True),
    at=st.sets(st.sampled_from([*ETC, "/run/.containerenv"])),
    hostname=hostnames,
    note=st.booleans(),
    secrets=st.booleans(),
)
def test_no_sandbox_is_ever_the_answer(
    *, signs: list[str], at: set[str], hostname: str, note: bool, secrets: bool
) -> None:
    """However many signs of a pod there are, and whatever else names the sandbox."""
    lines = [PODS[sign] for sign in signs]
    taken = {line.split(" ")[4] for line in lines}
    mounts = {point: root for point, root in crio(S).items() if point in at - taken}
    if secrets:
        mounts["/run/secrets"] = f"{STORAGE}/{A}/userdata/run/secrets"
    text = f'id="{S}"\n' if note else ""
    found = answer(mounts, root=mount("/", "/"), extra=lines, hostname=hostname, containerenv=text)
    assert found == ((A, "observed") if secrets else NONE)


@given(paths=st.lists(st.tuples(st.sampled_from(ABOVE), tails), min_size=1, max_size=4), at=named)
def test_a_path_that_goes_on_is_observed_only_where_a_mount_agrees(
    *, paths: list[tuple[str, list[str]]], at: set[str]
) -> None:
    """Of all lines that one decides which tells most of a container inside."""
    lines = [
        f"{number}:x{number}:{'/'.join([above.format(B), *tail])}"
        for number, (above, tail) in enumerate(paths, 1)
    ]
    mounts = {point: root for point, root in docker(B).items() if point in at}
    cut = [tail[: [*tail, "system.slice"].index("system.slice")] for _, tail in paths]
    unknown = max(sum(one not in ("init", "init.scope") for one in tail) for tail in cut)
    if unknown > 1:
        assert answer(mounts, *lines) == NONE
    else:
        assert answer(mounts, *lines) == (B, "assumed" if unknown and not at else "observed")


@pytest.mark.parametrize(
    ("cgroup", "folder", "expected"),
    [
        ("/docker/{}", "/bundle/rootfs", NONE),
        ("/foo/{}", "/bundle/rootfs", NONE),
        (
            "/system.slice/docker-{}.scope",
            f"/var/lib/containers/storage/vfs/dir/{L}",
            NONE,
        ),
        ("/docker/{}", f"/data/vfs/dir/{L}", (B, "observed")),
        ("/docker/{}", f"/var/lib/docker/vfs/dir/{L}", (B, "observed")),
        ("/k8s.io/{}", "/c/io.containerd.snapshotter.v1.native/snapshots/7", (B, "observed")),
    ],
)
def test_a_folder_of_an_overlay_is_a_container_inside(
    cgroup: str, folder: str, expected: Answer
) -> None:
    """As buildah's chroot and rootless runc make one, without a cgroup of its own."""
    options = f"rw,upperdir=/var/lib/docker/overlay2/{L}/diff"
    root = mount(folder, "/", "overlay", options)
    assert answer(docker(B), f"0::{cgroup.format(B)}", root=root) == expected


def test_what_is_mounted_over_a_containers_own_note_hides_it() -> None:
    """The text at `/run/.containerenv` is then the machine's."""
    own = mount(f"{STORAGE}/{A}/userdata/.containerenv", "/run/.containerenv")
    over = mount("/run", "/run")
    note = f'id="{B}"\n'
    assert answer(extra=(own, over), containerenv=note) == (A, "observed")
    assert answer(extra=(over, own), containerenv=f'id="{A}"\n') == (A, "observed")
