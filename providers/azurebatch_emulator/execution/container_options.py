"""Container run options: the part of a `docker create` command line that a task may bring."""

from __future__ import annotations

import argparse
import csv
import os
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from azurebatch_emulator.protocol.failures import TaskFailure

Parse = Callable[[str], Any]

_TRUE = {"1", "t", "true"}
_FALSE = {"0", "f", "false"}
_SIZE = re.compile(r"\d+(\.\d+)?([bkmgt]|[kmgt]b)?", re.IGNORECASE)
_PROPAGATION = {"shared", "slave", "private", "rshared", "rslave", "rprivate"}
_MEANINGLESS = {"rw", "z", "Z", "cached", "delegated", "consistent", "volume"}


def parse(options: str) -> dict[str, Any]:
    """Keyword arguments for `containers.create` of the docker package, in plain data.

    What decides how the container is waited for (`--rm`, `-i`, `-t`, `-d`) is taken and has no effect: a
    task's container is always followed to its end and then removed.

    :raises TaskFailure: ContainerInvalidSettings, naming what docker or this service does not know.
    """
    try:
        known, unknown = _PARSER.parse_known_args(list(_without_flag_values(shlex.split(options))))
        if unknown:
            names = [word.partition("=")[0] for word in unknown if word.startswith("-")] or unknown
            raise ValueError(
                f"Some supplied docker options are not recognized or are unsupported: {' '.join(names)}"
            )
        given = vars(known)
        given.pop(_IGNORED, None)
        for name in _NAMED & given.keys():
            given[name] = dict(given[name])
        if "environment_files" in given or "environment" in given:
            given["environment"] = _environment(
                given.pop("environment_files", []), given.get("environment", [])
            )
        if "ports" in given:
            given["ports"] = _ports(given["ports"])
    except ValueError as error:
        raise TaskFailure(
            "ContainerInvalidSettings", ContainerSettings=options, Message=str(error)
        ) from error
    return given


class _Parser(argparse.ArgumentParser):
    """One that neither guesses nor prints nor exits."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _without_flag_values(words: list[str]) -> Iterator[str]:
    """`--init=true` is `--init`, and `--init=false` is nothing."""
    for word in words:
        name, given, value = word.partition("=")
        if not given or name not in _FLAGS:
            yield word
        elif value.lower() in _TRUE:
            yield name
        elif value.lower() not in _FALSE:
            raise ValueError(f"{name} is true or false, not {value!r}")


def _environment(files: list[str], settings: list[tuple[str, str | None]]) -> dict[str, str]:
    """Settings go before files. One without a value would be taken from the node's agent: it has none."""
    environment: dict[str, str | None] = {}
    for path in files:
        if not os.path.isabs(path):
            raise ValueError(f"--env-file must be an absolute path on the node, not {path!r}")
        try:
            with open(path, encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--env-file cannot be read: {error}") from error
        environment.update(_setting(line) for line in lines if line and not line.startswith("#"))
    environment.update(settings)
    return {name: value for name, value in environment.items() if value is not None}


def _ports(ports: list[str]) -> dict[str, Any]:
    from docker.utils.ports import build_port_bindings

    return dict(build_port_bindings(ports))


def _setting(text: str) -> tuple[str, str | None]:
    name, given, value = text.partition("=")
    if not name:
        raise ValueError(f"{text!r} has no name")
    return name, value if given else None


def _pair(text: str) -> tuple[str, str]:
    name, value = _setting(text)
    return name, value or ""


def _tmpfs(text: str) -> tuple[str, str]:
    path, _, options = text.partition(":")
    return path, options


def _size(text: str) -> str:
    if not _SIZE.fullmatch(text):
        raise ValueError(f"{text!r} is no size, such as 512m")
    return text


def _swap(text: str) -> str | int:
    return -1 if text == "-1" else _size(text)


def _nano_cpus(text: str) -> int:
    return round(float(text) * 1e9)


def _one(text: str) -> list[str]:
    return [text]


def _host(text: str) -> str:
    return text if ":" in text.partition("=")[0] else text.replace("=", ":", 1)


def _ulimit(text: str) -> dict[str, Any]:
    name, _, limits = text.partition("=")
    soft, _, hard = limits.partition(":")
    return {"name": name, "soft": int(soft), "hard": int(hard or soft)}


def _gpus(text: str) -> dict[str, Any]:
    request: dict[str, Any] = {"capabilities": [["gpu"]]}
    for field in _fields(text):
        name, given, value = field.partition("=")
        if not given:
            name, value = "count", name
        if name == "count":
            request["count"] = -1 if value == "all" else int(value)
        elif name == "device":
            request["device_ids"] = value.split(",")
        elif name == "capabilities":
            request["capabilities"] = [["gpu", *value.split(",")]]
        elif name == "driver":
            request["driver"] = value
        else:
            raise ValueError(f"{name!r} is nothing that can be said of GPUs")
    if "device_ids" in request and "count" in request:
        raise ValueError("GPUs are chosen by their number or by device, not by both")
    if "device_ids" not in request:
        request.setdefault("count", 1)
    return request


def _volume(text: str) -> dict[str, Any]:
    """What `-v` mounts: `[source:]target[:options]`."""
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    if not rest:
        source, target = "", source
    if not target.startswith("/") or ":" in options:
        raise ValueError(f"{text!r} is no volume, such as /source:/target:ro")
    if not source.startswith("/"):
        return _mount_of("volume", source, target, options.split(",") if options else [])
    mount = _mount_of("bind", source, target, options.split(",") if options else [])
    mount.setdefault("BindOptions", {})["CreateMountpoint"] = True
    return mount


def _mount_of(kind: str, source: str, target: str, options: list[str]) -> dict[str, Any]:
    mount: dict[str, Any] = {"Type": kind, "Target": target}
    if source:
        mount["Source"] = source
    for option in options:
        if option == "ro":
            mount["ReadOnly"] = True
        elif option == "nocopy":
            mount["VolumeOptions"] = {"NoCopy": True}
        elif option in _PROPAGATION:
            mount["BindOptions"] = {"Propagation": option}
        elif option not in _MEANINGLESS:
            raise ValueError(f"{option!r} is no option of a volume")
    return mount


def _mount(text: str) -> dict[str, Any]:
    """What `--mount` mounts: `type=bind,source=...,target=...,...`."""
    given = dict(_pair(field) for field in _fields(text))
    kind = given.pop("type", "volume")
    source = given.pop("source", None) or given.pop("src", "")
    target = given.pop("target", None) or given.pop("destination", None) or given.pop("dst", "")
    if kind not in ("bind", "volume", "tmpfs") or not target.startswith("/"):
        raise ValueError(f"{text!r} is no mount, such as type=bind,source=/s,target=/t")
    mount = _mount_of(kind, source, target, [])
    for name, value in given.items():
        if name in ("readonly", "ro"):
            mount["ReadOnly"] = value.lower() not in _FALSE
        elif name == "bind-propagation" and value in _PROPAGATION:
            mount["BindOptions"] = {"Propagation": value}
        elif name == "volume-nocopy":
            mount["VolumeOptions"] = {"NoCopy": value.lower() not in _FALSE}
        elif name == "tmpfs-size":
            mount.setdefault("TmpfsOptions", {})["SizeBytes"] = int(value)
        elif name == "tmpfs-mode":
            mount.setdefault("TmpfsOptions", {})["Mode"] = int(value, 8)
        elif name != "consistency":
            raise ValueError(f"{name!r} is no option of a mount")
    return mount


def _fields(text: str) -> list[str]:
    return next(csv.reader([text]), [])


# The argument of `containers.create`, the options that give it, and how one is read.
_ONCE: list[tuple[str, tuple[str, ...], Parse]] = [
    ("cpu_shares", ("-c", "--cpu-shares"), int),
    ("cpuset_cpus", ("--cpuset-cpus",), str),
    ("domainname", ("--domainname",), str),
    ("entrypoint", ("--entrypoint",), _one),
    ("hostname", ("-h", "--hostname"), str),
    ("ipc_mode", ("--ipc",), str),
    ("mem_limit", ("-m", "--memory"), _size),
    ("mem_reservation", ("--memory-reservation",), _size),
    ("mem_swappiness", ("--memory-swappiness",), int),
    ("memswap_limit", ("--memory-swap",), _swap),
    ("name", ("--name",), str),
    ("nano_cpus", ("--cpus",), _nano_cpus),
    ("network", ("--network", "--net"), str),
    ("pid_mode", ("--pid",), str),
    ("pids_limit", ("--pids-limit",), int),
    ("platform", ("--platform",), str),
    ("runtime", ("--runtime",), str),
    ("shm_size", ("--shm-size",), _size),
    ("stop_signal", ("--stop-signal",), str),
    ("user", ("-u", "--user"), str),
    ("userns_mode", ("--userns",), str),
    ("uts_mode", ("--uts",), str),
    ("working_dir", ("-w", "--workdir"), str),
]
_REPEATED: list[tuple[str, tuple[str, ...], Parse]] = [
    ("cap_add", ("--cap-add",), str),
    ("cap_drop", ("--cap-drop",), str),
    ("device_requests", ("--gpus",), _gpus),
    ("devices", ("--device",), str),
    ("dns", ("--dns",), str),
    ("dns_search", ("--dns-search",), str),
    ("environment", ("-e", "--env"), _setting),
    ("environment_files", ("--env-file",), str),
    ("extra_hosts", ("--add-host",), _host),
    ("group_add", ("--group-add",), str),
    ("labels", ("-l", "--label"), _pair),
    ("mounts", ("-v", "--volume"), _volume),
    ("mounts", ("--mount",), _mount),
    ("ports", ("-p", "--publish"), str),
    ("security_opt", ("--security-opt",), str),
    ("sysctls", ("--sysctl",), _pair),
    ("tmpfs", ("--tmpfs",), _tmpfs),
    ("ulimits", ("--ulimit",), _ulimit),
    ("volumes_from", ("--volumes-from",), str),
]
_SWITCHES = {
    "init": "--init",
    "oom_kill_disable": "--oom-kill-disable",
    "privileged": "--privileged",
    "read_only": "--read-only",
}
_WITHOUT_EFFECT = [("--rm",), ("-i", "--interactive"), ("-t", "--tty"), ("-d", "--detach")]
_IGNORED = "ignored"
_NAMED = {"labels", "sysctls", "tmpfs"}
_FLAGS = {*_SWITCHES.values(), *(name for names in _WITHOUT_EFFECT for name in names)}


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for key, names, read in _ONCE:
        parser.add_argument(*names, dest=key, type=_explaining(read))
    for key, names, read in _REPEATED:
        parser.add_argument(*names, dest=key, type=_explaining(read), action="append")
    for key, name in _SWITCHES.items():
        parser.add_argument(name, dest=key, action="store_true")
    for names in _WITHOUT_EFFECT:
        parser.add_argument(*names, dest=_IGNORED, action="store_true")
    return parser


def _explaining(read: Parse) -> Parse:
    """argparse gives the text of this error only."""

    def read_or_explain(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read_or_explain


_PARSER = _parser()
