"""What `containerRunOptions` become, and what a real Docker Engine makes of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from azurebatch_emulator.execution.container_options import parse
from azurebatch_emulator.protocol.failures import TaskFailure

Run = Callable[..., str]


def bind(source: str, target: str, **options: object) -> dict[str, object]:
    return {
        "Type": "bind",
        "Source": source,
        "Target": target,
        **options,
        "BindOptions": {"CreateMountpoint": True},
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {}),
        ("--rm -i -t -d", {}),
        ("-it --rm=true --detach=false --tty", {}),
        ("--network host", {"network": "host"}),
        ("--net=none", {"network": "none"}),
        (
            "-e A=1 -eB=x=y --env 'C=two words' --env=D=",
            {"environment": {"A": "1", "B": "x=y", "C": "two words", "D": ""}},
        ),
        ("-e WITHOUT_VALUE", {"environment": {}}),
        ("-v /a:/b -v/c:/d:ro", {"mounts": [bind("/a", "/b"), bind("/c", "/d", ReadOnly=True)]}),
        ("-v /a:/b --volume /a:/c", {"mounts": [bind("/a", "/b"), bind("/a", "/c")]}),
        ("-v data:/d", {"mounts": [{"Type": "volume", "Source": "data", "Target": "/d"}]}),
        ("-v /d", {"mounts": [{"Type": "volume", "Target": "/d"}]}),
        (
            "-v /a:/b:z,rslave",
            {
                "mounts": [
                    {**bind("/a", "/b"), "BindOptions": {"Propagation": "rslave", "CreateMountpoint": True}}
                ]
            },
        ),
        (
            "--mount type=bind,source=/a,target=/b,readonly",
            {"mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True}]},
        ),
        (
            "--mount type=tmpfs,dst=/t,tmpfs-size=1024,tmpfs-mode=1770",
            {
                "mounts": [
                    {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1024, "Mode": 0o1770}}
                ]
            },
        ),
        (
            "--mount src=v,destination=/v,ro=false,volume-nocopy",
            {
                "mounts": [
                    {
                        "Type": "volume",
                        "Source": "v",
                        "Target": "/v",
                        "ReadOnly": False,
                        "VolumeOptions": {"NoCopy": True},
                    }
                ]
            },
        ),
        ("--workdir / -u 1000:1000", {"working_dir": "/", "user": "1000:1000"}),
        ("-w /x --user=root", {"working_dir": "/x", "user": "root"}),
        (
            "--shm-size=8g -m 512M --memory-swap -1 --memory-reservation 1.5gb",
            {
                "shm_size": "8g",
                "mem_limit": "512M",
                "memswap_limit": -1,
                "mem_reservation": "1.5gb",
            },
        ),
        (
            "--cpus 1.5 -c 512 --cpuset-cpus 0-1",
            {
                "nano_cpus": 1_500_000_000,
                "cpu_shares": 512,
                "cpuset_cpus": "0-1",
            },
        ),
        (
            "--ipc host --pid=host --uts host --userns host",
            {
                "ipc_mode": "host",
                "pid_mode": "host",
                "uts_mode": "host",
                "userns_mode": "host",
            },
        ),
        (
            "--privileged --init --read-only=true --oom-kill-disable=false",
            {
                "privileged": True,
                "init": True,
                "read_only": True,
            },
        ),
        (
            "--cap-add SYS_PTRACE --cap-add=NET_ADMIN --cap-drop ALL",
            {
                "cap_add": ["SYS_PTRACE", "NET_ADMIN"],
                "cap_drop": ["ALL"],
            },
        ),
        (
            "--ulimit memlock=-1:-1 --ulimit nofile=1024",
            {
                "ulimits": [
                    {"name": "memlock", "soft": -1, "hard": -1},
                    {"name": "nofile", "soft": 1024, "hard": 1024},
                ]
            },
        ),
        (
            "-h node --domainname example.org --dns 1.1.1.1 --add-host a:1.2.3.4 --add-host b=::1",
            {
                "hostname": "node",
                "domainname": "example.org",
                "dns": ["1.1.1.1"],
                "extra_hosts": ["a:1.2.3.4", "b:::1"],
            },
        ),
        ("--entrypoint '/bin/my program'", {"entrypoint": ["/bin/my program"]}),
        ("-l a=1 --label b", {"labels": {"a": "1", "b": ""}}),
        ("--device /dev/fuse --device=/dev/a:/dev/b:r", {"devices": ["/dev/fuse", "/dev/a:/dev/b:r"]}),
        ("--tmpfs /t:size=1m --tmpfs /u", {"tmpfs": {"/t": "size=1m", "/u": ""}}),
        (
            "--security-opt seccomp=unconfined --sysctl net.core.somaxconn=1",
            {
                "security_opt": ["seccomp=unconfined"],
                "sysctls": {"net.core.somaxconn": "1"},
            },
        ),
        ("-p 8080:80 -p 127.0.0.1:1:2/udp", {"ports": {"80": ["8080"], "2/udp": [("127.0.0.1", "1")]}}),
        (
            "--name one --platform linux/amd64 --runtime nvidia",
            {
                "name": "one",
                "platform": "linux/amd64",
                "runtime": "nvidia",
            },
        ),
    ],
)
def test_options_become_arguments(options: str, expected: dict[str, Any]) -> None:
    assert parse(options) == expected


@pytest.mark.parametrize(
    ("gpus", "request_"),
    [
        ("all", {"count": -1, "capabilities": [["gpu"]]}),
        ("2", {"count": 2, "capabilities": [["gpu"]]}),
        ("device=GPU-1a", {"device_ids": ["GPU-1a"], "capabilities": [["gpu"]]}),
        ("""'"device=0,2"'""", {"device_ids": ["0", "2"], "capabilities": [["gpu"]]}),
        (
            """'all,"capabilities=utility,compute"'""",
            {"count": -1, "capabilities": [["gpu", "utility", "compute"]]},
        ),
        ("driver=nvidia", {"driver": "nvidia", "count": 1, "capabilities": [["gpu"]]}),
    ],
)
def test_gpus_are_asked_for(gpus: str, request_: dict[str, Any]) -> None:
    assert parse(f"--gpus {gpus}") == parse(f"--rm --gpus={gpus}") == {"device_requests": [request_]}


def test_environment_comes_from_files_too(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# a comment\n\nA=from file\nB=b=c\nNOTHING\n")
    assert parse(f"-e A=given --env-file {file}") == {"environment": {"A": "given", "B": "b=c"}}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--gpu all", "not recognized or are unsupported: --gpu"),
        ("--rm --foo=1 -e A=1 --bar", "not recognized or are unsupported: --foo --bar"),
        ("--netw host", "not recognized or are unsupported: --netw"),
        ("ubuntu", "not recognized or are unsupported: ubuntu"),
        ("-tx", "-t"),
        ("--network", "--network"),
        ("--cpus many", "--cpus"),
        ("--memory lots", "--memory.*'lots'"),
        ("--ulimit nofile", "--ulimit"),
        ("--gpus 1,device=0", "--gpus"),
        ("--gpus all,color=red", "'color'"),
        ("-v relative:path", "'relative:path'"),
        ("-v /a:/b:rx", "'rx'"),
        ("--mount type=npipe,target=/t", "--mount"),
        ("--mount type=bind,source=/a,target=/b,color=red", "'color'"),
        ("-e =x", "'=x'"),
        ("-p eighty", "eighty"),
        ("--init=maybe", "--init"),
        ("--env-file relative", "--env-file"),
        ("--env-file /nowhere/env", "--env-file"),
        ("-e 'unfinished", "quotation"),
    ],
)
def test_what_docker_would_not_take_is_named(options: str, reason: str) -> None:
    with pytest.raises(TaskFailure, match=reason) as caught:
        parse(options)
    assert caught.value.code == "ContainerInvalidSettings"
    assert caught.value.message == "At least one value of specified task container settings is invalid"
    assert caught.value.details["ContainerSettings"] == options


@pytest.fixture
def run(matching_image: str) -> Iterator[Run]:
    """Runs a script in a container with some options; what it prints."""

    def run(options: str, script: str) -> str:
        arguments = {"network": "none", "entrypoint": ["sh", "-c"], **parse(options)}
        container = client.containers.create(matching_image, [script], **arguments)
        try:
            container.start()
            assert container.wait()["StatusCode"] == 0, container.logs()
            return container.logs().decode().strip()
        finally:
            container.remove(force=True)

    with closing(docker.from_env()) as client:
        yield run


@pytest.mark.parametrize(
    ("options", "script", "printed"),
    [
        ("-e A=1 -e 'B=two words' --rm -it", "echo $A $B", "1 two words"),
        ("--workdir /usr --user 12:34", "pwd; id -u; id -g", "/usr\n12\n34"),
        ("--hostname node7", "cat /proc/sys/kernel/hostname", "node7"),
        ("--entrypoint /bin/echo", "hello", "hello"),
        ("--shm-size 1m", "df -k /dev/shm | awk 'NR==2 {print $2}'", "1024"),
        ("--tmpfs /t:size=1m", "df -k /t | awk 'NR==2 {print $2}'", "1024"),
        ("--mount type=tmpfs,target=/t,tmpfs-size=1048576", "df -k /t | awk 'NR==2 {print $2}'", "1024"),
        ("--ulimit nofile=100:200", "ulimit -Sn; ulimit -Hn", "100\n200"),
        ("--read-only", "touch /x 2>/dev/null || echo refused", "refused"),
        ("--init", "cat /proc/1/comm", "docker-init"),
        ("--network none", "ls /sys/class/net", "lo"),
        ("--cap-drop ALL", "grep CapEff /proc/self/status", "CapEff:\t0000000000000000"),
        ("--pid host --label a=b --security-opt no-new-privileges --group-add 77", "id -G", "0 77"),
        ("--network host --ipc host --uts host -m 64m --cpus 0.5 --pids-limit 50", "echo ok", "ok"),
        ("-v /d --device /dev/null:/dev/mine", "touch /d/x; test -c /dev/mine && ls /d", "x"),
        (
            "--network bridge --add-host there:1.2.3.4 -p 127.0.0.1::80",
            "grep there /etc/hosts",
            "1.2.3.4\tthere",
        ),
    ],
)
def test_a_container_has_what_was_asked_for(run: Run, options: str, script: str, printed: str) -> None:
    assert run(options, script) == printed


def test_directories_of_the_node_are_mounted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    options = f"-v {tmp_path}:/a -v {tmp_path}:/b:ro --mount type=bind,src={tmp_path},dst=/c,readonly"
    script = "cat /a/file; touch /a/new; touch /b/x 2>/dev/null || touch /c/x 2>/dev/null || echo ' refused'"
    assert run(options, script) == "content refused"
    assert os.path.exists(tmp_path / "new")
