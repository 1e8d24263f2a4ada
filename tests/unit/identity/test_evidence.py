"""Where an ID counts as evidence, and where it does not."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.identity.evidence import (
    LONGEST_EVIDENCE,
    MOST_CANDIDATES,
    from_cgroup,
    from_containerenv,
    from_cpuset,
    from_ecs,
    from_hostname,
    gather,
)
from selfinspect.identity.mounts import Hit, Root, hits, layer_id
from selfinspect.kernel.identity_files import IdentityFiles
from selfinspect.kernel.proc_self import parse_mounts

A = "a1b2c3d4" * 8
B = "b0b1b2b3" * 8
S = "5a5b5c5d" * 8
L = "1a2e3f40" * 8
T = "0123456789abcdef" * 2
UUID = "8f1d2c3b-4a5e-6f70-8192-a3b4c5d6e7f8"
UUID_ = UUID.replace("-", "_")
FARGATE = f"{T}-2531612879"


def from_mountinfo(text: str) -> tuple[Hit, ...]:
    return tuple(hits(parse_mounts(text)))


PARSERS = (from_cgroup, from_mountinfo, from_containerenv, from_cpuset, from_ecs)


def mount(root: str, point: str, kind: str = "ext4", options: str = "rw") -> str:
    return f"612 601 8:1 {root} {point} rw,relatime master:1 shared:2 - {kind} /dev/sda1 {options}"


CGROUP_NAMES_US = {
    "docker on cgroupfs": f"12:pids:/docker/{A}",
    "docker on cgroup v2": f"0::/docker/{A}",
    "a cgroup parent": f"9:cpuset:/foo/{A}",
    "a cgroup parent of the root": f"9:cpuset:/{A}",
    "docker on systemd": f"0::/system.slice/docker-{A}.scope",
    "below its own root": f"0::/system.slice/docker-{A}.scope/init",
    "systemd inside": f"0::/docker/{A}/system.slice/app.service",
    "rootless docker": "0::/user.slice/user-1000.slice/user@1000.service/user.slice"
    f"/docker-{A}.scope",
    "docker in docker": f"11:devices:/docker/{B}/docker/{A}",
    "docker in docker on systemd": f"4:memory:/system.slice/docker-{B}.scope/docker/{A}",
    "docker in a pod": f"4:memory:/kubepods/burstable/pod{UUID}/{B}/docker/{A}",
    "kind": f"0::/docker/{B}/kubelet/kubepods/burstable/pod{UUID}/{A}",
    "k3s": f"0::/system.slice/k3s.service/kubepods/besteffort/pod{UUID}/{A}",
    "minikube": f"0::/system.slice/docker-{B}.scope/kubepods.slice"
    f"/kubepods-pod{UUID_}.slice/docker-{A}.scope",
    "the kubelet on cgroupfs": f"10:hugetlb:/kubepods/burstable/pod{UUID}/{A}",
    "a static pod": f"10:hugetlb:/kubepods/burstable/pod{T}/{A}",
    "containerd on systemd": f"0::/kubepods.slice/kubepods-burstable-pod{UUID_}.slice"
    f"/cri-containerd-{A}.scope",
    "containerd with a systemd path on cgroupfs": "11:devices:/system.slice/containerd.service"
    f"/kubepods-burstable-pod{UUID_}.slice:cri-containerd:{A}",
    "containerd with a systemd path and no slice": f"11:devices:/:cri-containerd:{A}",
    "kind on systemd": f"0::/docker/{B}/kubelet.slice/kubelet-kubepods.slice"
    f"/kubelet-kubepods-pod{UUID_}.slice/cri-containerd-{A}.scope",
    "cri-dockerd": f"0::/kubepods.slice/kubepods-pod{UUID_}.slice/docker-{A}.scope",
    "CRI-O on systemd": f"0::/kubepods.slice/kubepods-pod{UUID_}.slice/crio-{A}.scope",
    "CRI-O below its root": f"0::/kubepods.slice/kubepods-pod{UUID_}.slice/crio-{A}.scope/init",
    "CRI-O on cgroupfs": f"7:pids:/kubepods/besteffort/pod{UUID}/crio-{A}",
    "podman": f"0::/machine.slice/libpod-{A}.scope/container",
    "podman in a pod": f"0::/machine.slice/machine-libpod_pod_{S}.slice/libpod-{A}.scope",
    "podman on cgroupfs": f"4:memory:/libpod_parent/libpod_pod_{S}/libpod-{A}",
    "rootless podman": "0::/user.slice/user-1000.slice/user@1000.service/user.slice"
    f"/libpod-{A}.scope/container",
    "quadlet splits its cgroup": f"0::/system.slice/app.service/libpod-payload-{A}",
    "ECS on EC2": f"11:hugetlb:/ecs/{UUID}/{A}",
    "ECS with a cluster": f"11:hugetlb:/ecs/cluster/{T}/{A}",
    "ECS on cgroup v2": f"0::/ecstasks.slice/ecstasks-{T}.slice/docker-{A}.scope",
    "containerd's default namespace": f"5:cpu:/default/{A}",
    "containerd's moby namespace": f"5:cpu:/moby/{A}",
    "nerdctl on systemd": f"0::/system.slice/nerdctl-{A}.scope",
    "docker-ce": f"13:name=systemd:/docker-ce/docker/{A}",
    "docker on lxc": f"3:cpu:/lxc/{A}",
    "gVisor": f"2:memory:/{A}",
    "github's runner": f"1:name=systemd:/actions_job/{A}",
}


@pytest.mark.parametrize("line", CGROUP_NAMES_US.values(), ids=CGROUP_NAMES_US)
def test_cgroup_names_the_innermost_container(line: str) -> None:
    """The ID of the innermost container is found in every runtime's shape of path."""
    (candidate,) = from_cgroup(f"{line}\n")
    assert (candidate.id, candidate.source, candidate.scope) == (A, "cgroup", "container")
    assert A in candidate.evidence


CGROUP_NAMES_NOBODY = {
    "a private namespace": "0::/",
    "a private namespace on v1": "9:name=systemd:/",
    "init": "0::/init.scope",
    "the engine itself": "0::/system.slice/docker.service",
    "snap's engine": "0::/system.slice/snap.docker.dockerd.service",
    "63 digits": f"0::/docker/{A[1:]}",
    "65 digits": f"0::/docker/{A}a",
    "a letter that is not a digit": f"0::/docker/{A[:-1]}g",
    "capitals": f"0::/docker/{A.upper()}",
    "a field too few": f"13:/docker/{A}",
    "no number": f"x:pids:/docker/{A}",
    "a hierarchy without a name": f"3::/docker/{A}",
    "a relative path": f"0::docker/{A}",
    "only a path": f"/docker/{A}",
    "a pod": f"0::/kubepods/besteffort/pod{UUID}",
    "a pod of a node that is a container": f"0::/docker/{B}/kubepods/besteffort/pod{UUID}",
    "a pod of kind on systemd": f"0::/docker/{B}/kubelet.slice/kubelet-kubepods.slice"
    f"/kubelet-kubepods-pod{UUID_}.slice",
    "podman's monitor": f"0::/machine.slice/libpod-conmon-{A}.scope",
    "CRI-O's monitor": f"0::/kubepods.slice/kubepods-pod{UUID_}.slice/crio-conmon-{A}.scope",
    "CRI-O's monitor on cgroupfs": f"7:pids:/kubepods/besteffort/pod{UUID}/crio-conmon-{A}",
    "podman's pod": f"0::/machine.slice/machine-libpod_pod_{S}.slice",
    "a session": "0::/user.slice/user-0.slice/session-31207.scope",
    "a neighbour outside our namespace": f"0::/../{B}",
    "the machine outside our namespace": f"0::/../../docker/{B}",
    "a mount": f"0::/system.slice/var-lib-docker-containers-{A}-mounts-shm.mount",
    "a mount of an engine's": f"0::/system.slice/docker-{A}.mount",
    "a service": f"0::/system.slice/{A}.service",
    "an unknown runtime": f"0::/system.slice/foo-{A}.scope",
    "a scope without a runtime": f"0::/system.slice/{A}.scope",
    "a name after the ID": f"0::/docker/{A}-init",
    "a build step": "0::/docker/buildkit/5cf82fwiumld3vcs5d5l5pzyv",
    "a build step in a container": f"0::/docker/{B}/docker/buildkit/5cf82fwiumld3vcs5d5l5pzyv",
    "a build step with a systemd path": f"0::/docker/{B}/system.slice:docker:5cf82fwiumld3vcs5d5l",
    "a task of Mesos in a container": f"2:cpu:/docker/{B}/mesos/{UUID}",
    "a task of Nomad in a container": f"0::/docker/{B}/nomad.slice/share.slice/{UUID}.web.scope",
    "a truncated ID in a container": f"0::/docker/{B}/docker/{A[1:]}",
    "a machine in a container": f"0::/docker/{B}/lxc.payload.web",
    "garden": "9:devices:/system.slice/garden.service/garden/6f265890-5165-7fab-6b52-18d1",
    "LXC": "0::/lxc.payload.web/system.slice/ssh.service",
    "LXD": "11:memory:/lxc/web",
    "systemd-nspawn": "0::/machine.slice/systemd-nspawn@web.service/payload",
    "a machine named like a container": f"0::/machine.slice/machine-{A}.scope",
    "Fargate's name elsewhere": f"0::/docker/{FARGATE}",
    "Windows": f"0::C:\\ProgramData\\docker\\containers\\{A}",
    "a removed cgroup": f"0::/docker/{A} (deleted)",
}


@pytest.mark.parametrize("line", CGROUP_NAMES_NOBODY.values(), ids=CGROUP_NAMES_NOBODY)
def test_cgroup_names_nobody(line: str) -> None:
    """An ID at any other place is not a candidate."""
    assert from_cgroup(line) == ()


@pytest.mark.parametrize("path", [f"/ecs/{FARGATE}", f"/ecs/{T}/{FARGATE}"])
def test_fargate_gives_its_own_name(path: str) -> None:
    """Fargate's name stands for an ID, which only an engine could resolve."""
    assert [one.id for one in from_cgroup(f"3:cpuset:{path}")] == [FARGATE]


def test_separators_of_text_are_no_ends_of_lines() -> None:
    """A cgroup whose name holds an exotic line separator forges no line."""
    assert from_cgroup(f"0::/x\x1c0::/docker/{A}\u2028") == ()
    assert from_mountinfo(f"x\x0b{mount(f'/docker/containers/{A}/hosts', '/etc/hosts')}") == ()


@pytest.mark.parametrize(
    ("root", "point", "source", "scope"),
    [
        (f"/var/lib/docker/containers/{A}/hostname", "/etc/hostname", "hostname-file", "network"),
        (f"/docker/containers/{A}/hosts", "/etc/hosts", "hosts-file", "network"),
        (f"/{A}/hostname", "/etc/hostname", "hostname-file", "network"),
        (f"/@docker/containers/{A}/hostname", "/etc/hostname", "hostname-file", "network"),
        (
            f"/var/snap/docker/common/var-lib-docker/containers/{A}/resolv.conf",
            "/etc/resolv.conf",
            "resolv-file",
            "network",
        ),
        (
            f"/home/u/.local/share/docker/containers/{A}/hosts",
            "/etc/hosts",
            "hosts-file",
            "network",
        ),
        (
            f"/Container/container-station-data/lib/docker/containers/{A}/hosts",
            "/etc/hosts",
            "hosts-file",
            "network",
        ),
        (
            f"/var/lib/docker/volumes/{L}/_data/containers/{A}/hostname",
            "/etc/hostname",
            "hostname-file",
            "network",
        ),
        (
            f"/containers/overlay-containers/{A}/userdata/hostname",
            "/etc/hostname",
            "hostname-file",
            "network",
        ),
        (
            f"/containers/vfs-containers/{A}/userdata/.containerenv",
            "/run/.containerenv",
            "containerenv",
            "container",
        ),
        (
            f"/containers/overlay-containers/{A}/userdata/run/secrets",
            "/run/secrets",
            "secrets-mount",
            "container",
        ),
        (f"/docker/containers/{A}/secrets", "/run/secrets", "secrets-mount", "container"),
        (f"/var/lib/docker/containers/{A}/mounts/shm", "/dev/shm", "shm-mount", "ipc"),
        (
            f"/var/lib/nerdctl/1935db59/containers/default/{A}/resolv.conf",
            "/etc/resolv.conf",
            "resolv-file",
            "network",
        ),
        (
            f"/var/lib/nerdctl/1935db59/etchosts/default/{A}/hosts",
            "/etc/hosts",
            "hosts-file",
            "network",
        ),
        (rf"/my\040disk/containers/{A}/hosts", "/etc/hosts", "hosts-file", "network"),
    ],
)
def test_mounts_name_us(root: str, point: str, source: str, scope: str) -> None:
    """A file that an engine mounts from a container's own folder names the container."""
    (candidate,) = from_mountinfo(mount(root, point))
    assert (candidate.id, candidate.source, candidate.scope) == (A, source, scope)
    assert candidate.evidence.endswith(f" on {point}")


@pytest.mark.parametrize("point", ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu,cpuacct"])
def test_a_cgroup_mount_names_us(point: str) -> None:
    """The root of a cgroup mount is the path of the container's cgroup."""
    root = f"/kubepods.slice/kubepods-pod{UUID_}.slice/cri-containerd-{A}.scope"
    (candidate,) = from_mountinfo(mount(root, point, "cgroup2"))
    assert (candidate.id, candidate.source, candidate.scope) == (A, "cgroup-mount", "container")


SANDBOX = "/run/containerd/io.containerd.grpc.v1.cri/sandboxes"


@pytest.mark.parametrize(
    "line",
    [
        mount("/", "/", "overlay", f"rw,upperdir=/var/lib/docker/overlay2/{L}/diff"),
        mount(f"/var/lib/docker/volumes/{L}/_data", "/data"),
        mount(f"{SANDBOX}/{S}/hostname", "/etc/hostname"),
        mount(f"{SANDBOX}/{S}/shm", "/dev/shm"),
        mount(f"/var/lib/docker/containers/{B}/hostname", "/host/etc/hostname"),
        mount(f"/var/lib/docker/containers/{B}/mounts/shm", "/rootfs/dev/shm"),
        mount(f"/var/lib/docker/containers/{B}/{B}-json.log", "/logs/app.log"),
        mount(f"/var/lib/docker/containers/{B}/{B}-json.log", "/etc/hostname"),
        mount(f"/var/lib/docker/containers/{B}/hostname", "/etc/hosts"),
        mount(f"/var/lib/docker/containers/{B}", "/etc/hostname"),
        mount(f"/var/lib/docker/containers/{B}/hostname//deleted", "/etc/hostname"),
        mount(f"/srv/{L}/hostname", "/etc/hostname"),
        mount(f"/var/lib/docker/volumes/{L}/_data/hostname", "/etc/hostname"),
        mount(f"/btrfs/subvolumes/{L}/etc/hostname", "/etc/hostname"),
        mount(f"/docker/{B}", "/host/sys/fs/cgroup", "cgroup2"),
        mount(f"/docker/{B}", "/sys/fs/cgroup/memory/docker", "cgroup"),
        mount(f"/docker/{B}", "/sys/fs/cgroup", "ext4"),
        mount(f"/../{B}", "/sys/fs/cgroup", "cgroup2"),
        mount(f"/docker/{B}//deleted", "/sys/fs/cgroup", "cgroup2"),
        f"612 601 8:1 /docker/containers/{B}/hosts /etc/hosts rw ext4 /dev/sda1 rw",
        f"/docker/containers/{B}/hosts /etc/hosts",
    ],
)
def test_other_mounts_name_nobody(line: str) -> None:
    """Layers, volumes, sandboxes, logs and whatever lies elsewhere name nobody."""
    assert from_mountinfo(line) == ()


def test_the_topmost_mount_counts() -> None:
    """What is mounted over is not seen, and says nothing."""
    lines = [mount(f"/docker/containers/{one}/hosts", "/etc/hosts") for one in (B, A)]
    assert [one.id for one in from_mountinfo("\n".join(lines))] == [A]


def test_containerenv_gives_its_id_alone() -> None:
    """The ID of the image is not the container's."""
    text = f'engine="podman-5.4.1"\nname="app"\nid="{A}"\nimage="x"\nimageid="{L}"\n'
    assert [one.id for one in from_containerenv(text)] == [A]
    assert from_containerenv(f'imageid="{L}"\n') == ()
    assert from_containerenv("") == ()


def test_cpuset_belongs_to_the_process_namespace() -> None:
    """PID 1 may be another container's, so its cgroup is not ours for certain."""
    assert [(one.id, one.scope) for one in from_cpuset(f"/docker/{A}\n")] == [(A, "pid")]
    assert from_cpuset(f"/../{B}\n") == ()


@pytest.mark.parametrize("name", [A, A[:12]])
def test_a_hostname_may_be_an_id(name: str) -> None:
    """Twelve or sixty-four digits are how engines name a host."""
    assert [one.id for one in from_hostname(f"{name}\n", "hostname")] == [name]


@pytest.mark.parametrize(
    "name", ["web", A[:11], A[:13], A[:63], A[:12].upper(), "", f"{A[:12]}.lan"]
)
def test_other_hostnames_say_nothing(name: str) -> None:
    """A name of another length, or with other letters, is not an ID."""
    assert from_hostname(name, "hostname") == ()


def test_ecs_metadata_gives_fargates_name() -> None:
    """On EC2 the end of the address is not a container's ID."""
    assert [one.id for one in from_ecs(f"http://169.254.170.2/v4/{FARGATE}")] == [FARGATE]
    assert from_ecs(f"http://169.254.170.2/v4/{UUID}") == ()
    assert from_ecs(f"http://user:secret@169.254.170.2/v4/{FARGATE}") == ()


def test_crio_is_the_container_never_its_sandbox() -> None:
    """CRI-O's sandbox owns the hostname, the container its secrets."""
    storage = "/containers/storage/overlay-containers"
    mountinfo = "\n".join(
        [
            mount(f"{storage}/{S}/userdata/hostname", "/etc/hostname"),
            mount(f"{storage}/{A}/userdata/run/secrets", "/run/secrets"),
            mount(f"/var/lib/kubelet/pods/{UUID}/etc-hosts", "/etc/hosts"),
        ]
    )
    found = gather(IdentityFiles(mountinfo=mountinfo, hostname=S[:12]), {})
    assert [one.id for one in found.candidates] == [A]


@pytest.mark.parametrize(
    "files",
    [
        IdentityFiles(mountinfo=mount(f"/var/lib/kubelet/pods/{UUID}/etc-hosts", "/etc/hosts")),
        IdentityFiles(mountinfo=mount(f"/var/snap/x/kubelet/pods/{UUID}/containers/a/1", "/dev/t")),
        IdentityFiles(mountinfo=mount(f"/pods/{UUID}/etc-hosts", "/etc/hosts")),
        IdentityFiles(mountinfo=mount("/", "/run/secrets/kubernetes.io/serviceaccount", "tmpfs")),
        IdentityFiles(mountinfo=mount(f"{SANDBOX}/{S}/hosts", "/etc/hosts")),
        IdentityFiles(cgroup=f"0::/kubepods/besteffort/pod{UUID}\n"),
        IdentityFiles(cgroup="0::/kubelet.slice/kubelet-kubepods.slice\n"),
        IdentityFiles(mountinfo=mount(f"/kubepods/pod{UUID}", "/sys/fs/cgroup", "cgroup2")),
    ],
)
def test_in_a_pod_shared_namespaces_are_the_sandboxs(files: IdentityFiles) -> None:
    """Hostname and the files in /etc are no evidence in a pod."""
    shared = mount(f"/docker/containers/{S}/resolv.conf", "/etc/resolv.conf")
    files = IdentityFiles(
        cgroup=files.cgroup, mountinfo=f"{files.mountinfo}\n{shared}", hostname=S[:12]
    )
    assert gather(files, {"HOSTNAME": S[:12]}).candidates == ()


def test_the_machines_tree_makes_no_pod() -> None:
    """The kubelet's folder seen through the machine's tree does not make this a pod."""
    path = f"/var/lib/kubelet/pods/{UUID}/volumes/x"
    mountinfo = f"{mount(path, f'/host{path}')}\n{mount(f'/{A}/hostname', '/etc/hostname')}"
    assert [one.id for one in gather(IdentityFiles(mountinfo=mountinfo), {}).candidates] == [A]


def test_containers_around_ours_are_never_candidates() -> None:
    """In Docker in Docker the outer ID is left out wherever it stands."""
    files = IdentityFiles(
        cgroup=f"4:memory:/docker/{B}/docker/{A}\n1:name=systemd:/docker/{B}\n",
        mountinfo=mount(f"/docker/{B}", "/sys/fs/cgroup/systemd", "cgroup"),
        hostname=B[:12],
        cpuset=f"/docker/{B}\n",
    )
    found = gather(files, {})
    assert {one.id for one in found.candidates} == {A}
    assert found.outer == {B}


def test_no_file_makes_more_candidates_than_can_be_asked_about() -> None:
    """Thousands of IDs, each in another's, are a few dozen, and soon."""
    lines = "".join(f"{n}:x:/docker/{n:064x}/docker/{-n % 2**256:064x}\n" for n in range(1, 2_000))
    assert len(gather(IdentityFiles(cgroup=lines), {}).candidates) == MOST_CANDIDATES


def test_the_writable_layer_is_kept_as_proof_material() -> None:
    """Whole or relative, the layer of the topmost mount on / is kept."""
    below = mount("/", "/", "overlay", f"rw,upperdir=/x/{S}/diff")
    top = mount("/", "/", "overlay", f"rw,lowerdir=l/X:l/Y,upperdir={L}/diff,workdir={L}/work")
    assert gather(IdentityFiles(mountinfo=f"{below}\n{top}"), {}).layer == L


def test_a_remapped_users_engine_has_a_folder_of_its_own() -> None:
    """`userns-remap`: everything lies one folder deeper, the ends are the same."""
    data = "/var/lib/docker/100000.100000"
    text = mount("/", "/", "overlay", f"rw,upperdir={data}/overlay2/{L}/diff")
    text += "\n" + mount(f"{data}/containers/{A}/hostname", "/etc/hostname")
    found = gather(IdentityFiles(mountinfo=text, init_mountinfo=text), {})
    assert (found.layer, [one.id for one in found.candidates]) == (L, [A])
    assert layer_id(f"{data}/overlay2/{L}/diff") == found.layer


@pytest.mark.parametrize(
    "upperdir", [f"/x/snapshots/{L}/fs", "/x/snapshots/12/fs", f"/x/{L}x/diff"]
)
def test_layers_of_another_form_prove_nothing(upperdir: str) -> None:
    """Only `ID/diff` can be compared with what the engine says."""
    text = mount("/", "/", "overlay", f"rw,upperdir={upperdir}")
    assert gather(IdentityFiles(mountinfo=text), {}).layer is None


@pytest.mark.parametrize(
    ("cgroup", "init", "own"),
    [
        ("0::/\n", "0::/\n", True),
        (f"1:cpu:/docker/{A}\n", f"1:cpu:/docker/{A}\n", True),
        (f"0::/docker/{A}/system.slice/x\n", f"0::/docker/{A}/init.scope\n", True),
        ("0::/\n", f"0::/../{B}\n", False),
        ("0::/\n", "0::/../../init.scope\n", False),
        (f"0::/docker/{A}\n", f"0::/docker/{B}\n", False),
        (f"0::/docker/{A}\n", "0::/init.scope\n", False),
        ("0::/a\n", "0::/b\n", None),
        ("0::/\n", "", None),
        ("", "", None),
    ],
)
def test_whose_process_namespace_it_is(cgroup: str, init: str, own: bool | None) -> None:  # noqa: FBT001 a table
    """PID 1 in our own cgroup makes the PID namespace, and its start time, ours."""
    found = gather(IdentityFiles(cgroup=cgroup, init_cgroup=init, init_started_at=7.0), {})
    assert found.own_pids is own
    assert found.started_at == (7.0 if own else None)


def test_pid_1_beside_us_in_a_private_cgroup_namespace_is_ours() -> None:
    """As systemd in a container, and a service of it: another's would be outside, at `/..`."""
    files = IdentityFiles(
        cgroup="0::/system.slice/app.service\n", init_cgroup="0::/init.scope\n",
        private_cgroups=True,
    )  # fmt: skip
    assert gather(files, {}).own_pids is True


def test_what_is_mounted_at_the_root_is_kept_as_proof_material() -> None:
    """Beside what PID 1 has there."""
    text = mount("/", "/", "overlay", f"rw,upperdir=/x/{L}/diff")
    found = gather(IdentityFiles(mountinfo=text, init_mountinfo=text), {}).root
    assert found == Root(whole=True, overlay=True, of_init=True)


def test_the_age_of_the_hostname_file_is_kept_with_whose_it_is() -> None:
    """An engine writes it when it starts that container."""
    files = IdentityFiles(
        mountinfo=mount(f"/docker/containers/{B}/hostname", "/etc/hostname"),
        etc_mtimes={"/etc/hostname": 1_500_000_000, "/etc/hosts": 7},
    )
    assert gather(files, {}).hostname_written == (B, 1.5)
    assert gather(replace(files, mountinfo=""), {}).hostname_written is None


@pytest.mark.parametrize(
    ("version", "gvisor"),
    [
        ("Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n", True),
        ("Linux version 4.19.0-gvisor #1 SMP\n", True),
        ("Linux version 6.1.0-18-cloud-amd64 (debian-kernel) #1 SMP Debian 6.1.76-1\n", False),
    ],
)
def test_gvisor_is_known_by_its_version(version: str, *, gvisor: bool) -> None:
    """It always had the same, and says its name since."""
    assert gather(IdentityFiles(version=version), {}).gvisor is gvisor


@pytest.mark.parametrize(("hostname", "joined"), [(99.0, True), (101.0, False), (140.0, False)])
def test_an_older_hostname_file_is_of_another_container(hostname: float, joined: bool) -> None:  # noqa: FBT001 a table
    """Ours is written after /.dockerenv is made; an app may write it at any time after that."""
    files = IdentityFiles(
        cgroup="0::/\n",
        init_cgroup="0::/\n",
        mountinfo=mount(f"/docker/containers/{B}/hostname", "/etc/hostname"),
        dockerenv_mtime=100 * 10**9,
        init_started_at=102.0,
        etc_mtimes={"/etc/hostname": int(hostname * 10**9)},
    )
    assert gather(files, {}).joined is joined


@pytest.mark.parametrize(("ahead", "joined"), [(50, False), (200, True)])
def test_files_made_at_once_are_of_one_container(ahead: int, joined: bool) -> None:  # noqa: FBT001 a table
    """In a copied tree any file may be a few milliseconds older than `/.dockerenv`."""
    files = IdentityFiles(
        mountinfo=mount(f"/docker/containers/{A}/hostname", "/etc/hostname"),
        dockerenv_mtime=100 * 10**9,
        etc_mtimes={"/etc/hostname": 100 * 10**9 - ahead * 10**6},
    )
    assert gather(files, {}).joined is joined


def test_the_age_of_ones_own_file_in_etc_says_nothing() -> None:
    """A file that no engine wrote may be of any age."""
    files = IdentityFiles(
        mountinfo=mount("/srv/hostname", "/etc/hostname"),
        dockerenv_mtime=100,
        etc_mtimes={"/etc/hostname": 1},
    )
    assert gather(files, {}).joined is False


def test_a_stamp_under_a_mount_proves_nothing() -> None:
    """A file mounted over /.dockerenv is not the one that the engine made."""
    covered = mount("/tmp/x", "/.dockerenv")
    assert gather(IdentityFiles(dockerenv_mtime=5), {}).stamp == 5
    assert gather(IdentityFiles(dockerenv_mtime=5, mountinfo=covered), {}).stamp is None


def test_evidence_is_short_printable_and_shows_the_id() -> None:
    """However long a path is, its evidence fits on a line and holds the ID."""
    (candidate,) = from_cgroup(f"0::/{'x' * 3000}\x1b[2J/docker/{A}/{'y' * 3000}")
    assert len(candidate.evidence) <= LONGEST_EVIDENCE + 2
    assert A in candidate.evidence
    assert candidate.evidence.isprintable()


@given(st.text())
def test_no_text_breaks_a_parser(text: str) -> None:
    """Whatever a file holds, its parser returns."""
    for parser in PARSERS:
        parser(text)
    from_hostname(text, "hostname")
    files = IdentityFiles(text, text, text, text, text, text)
    gather(files, {"HOSTNAME": text, "ECS_CONTAINER_METADATA_URI_V4": text})


pieces = st.sampled_from(
    [A, B, FARGATE, "/", "/docker/", "0::", "1:cpu:", " - cgroup x rw", " ", "\n", "/etc/hosts",
     ".scope", "docker-", "libpod-conmon-", "/containers/", "/hosts", "612 601 8:1 ", "rw", "a",
     ":", "\\040", "..", 'id="', '"', "kubepods", "/ecs/", "/sys/fs/cgroup", "/userdata/"]
)  # fmt: skip


@given(st.lists(pieces, max_size=40).map("".join))
def test_an_id_is_returned_only_where_it_stands_whole(text: str) -> None:
    """An ID in an answer stands in the input, with no letter or digit on either side."""
    word = string.ascii_letters + string.digits
    for parser in PARSERS:
        for candidate in parser(text):
            ends = [text.find(candidate.id)]
            while ends[-1] >= 0:
                ends.append(text.find(candidate.id, ends[-1] + 1))
            assert any(
                text[at - 1 : at] not in set(word)
                and text[at + len(candidate.id) :][:1] not in set(word)
                for at in ends[:-1]
            )


unrecognised = st.sampled_from(
    ["foo-{}.scope", "libpod-conmon-{}.scope", "{}.service", "{}.mount", "pod{}", "{}0", "x{}",
     "{}-x", "crio-conmon-{}", "machine-{}.scope", "libpod_pod_{}", "{}.slice", "session-{}"]
)  # fmt: skip


@given(st.lists(st.sampled_from(["docker", "system.slice", "x", "init"])), unrecognised)
def test_ids_at_unrecognised_segments_are_nobodys(parents: list[str], segment: str) -> None:
    """A segment that only contains an ID does not name a container."""
    path = "/".join(["", *parents, segment.format(A)])
    assert from_cgroup(f"0::{path}\n") == ()
    assert from_mountinfo(mount(path, "/sys/fs/cgroup", "cgroup2")) == ()


@given(st.text("abc/", min_size=1).map(lambda text: f"/{text}"))
def test_other_mount_points_are_never_looked_at(point: str) -> None:
    """A container's file mounted anywhere else names nobody."""
    assert from_mountinfo(mount(f"/var/lib/docker/containers/{A}/hostname", point)) == ()
