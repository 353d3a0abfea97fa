"""Tasks as containers of a Docker engine, each in its own, with the same directories at the same paths."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from remotebatch.errors import ProviderError
from remotebatch_execution.runners.base import TaskEnd, TaskSpec
from remotebatch_kernel.hosts.input_files import place_files

ROOT_LABEL = "remotebatch.root"
_KILL = signal.SIGKILL
_ADDED = frozenset({"volumes", "environment", "labels"})


@cache
def engine() -> Any:
    """A client of the Docker engine that the environment names, usually the one of this machine.

    :raises ProviderError: saying what is missing and how to get it.
    """
    try:
        import docker
    except ImportError:
        raise ProviderError(
            "container_image needs the docker package: pip install 'remotebatch[docker]'"
        ) from None
    try:
        client = docker.from_env(timeout=60)
        try:
            client.ping()
        except BaseException:
            client.close()
            raise
    except (docker.errors.DockerException, OSError) as error:
        engine.cache_clear()
        raise ProviderError(
            f"container_image needs a running Docker engine, and none answers: {error}"
        ) from error
    return client


def require_image(image: str) -> None:
    """Check that an image is on this machine or available from its registry.

    :raises ProviderError: if there is no engine or no such image.
    """
    client = engine()
    import docker  # engine() has said what to install where it is missing

    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        try:
            client.images.get_registry_data(image)
        except docker.errors.DockerException as error:
            raise ProviderError(
                f"container_image={image!r} is neither on this machine nor available from its registry: "
                f"{getattr(error, 'explanation', None) or error}"
            ) from error


class ContainerRunner:
    """Runs tasks as containers."""

    can_prefetch = False  # a container takes so long to start that there is nothing to gain

    def __init__(self, root: str) -> None:
        self._root = root
        self._runs: dict[int, tuple[_Run, threading.Thread]] = {}

    def start(
        self,
        spec: TaskSpec,
        began: Callable[[], None],
        ended: Callable[[TaskEnd], None],
        after: int | None = None,
    ) -> None:
        """Start a task; see :class:`~remotebatch_execution.runners.Runner`."""
        loop = asyncio.get_running_loop()
        run = _Run(spec, self._root, lambda: loop.call_soon_threadsafe(began))

        def over(end: TaskEnd) -> None:
            del self._runs[spec.key]
            ended(end)

        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(over, run.end()), name="container")
        self._runs[spec.key] = run, thread
        thread.start()

    def revoke(self, key: int, after: int, revoked: Callable[[], None]) -> None:
        """Never called: containers are not prefetched."""
        raise NotImplementedError

    def signal(self, key: int, number: int) -> None:
        """Signal a task: SIGTERM asks it to end, SIGKILL ends it with everything that it started."""
        if key in self._runs:
            run, _ = self._runs[key]
            threading.Thread(target=run.signal, args=(number,), daemon=True).start()

    async def close(self) -> None:
        """End all tasks and remove their containers."""
        runs = list(self._runs.values())
        for run, _ in runs:
            await asyncio.to_thread(run.abandon)
        for _, thread in runs:
            await asyncio.to_thread(thread.join)


def remove_leftovers(root: str) -> int:
    """Remove the containers that a killed agent left behind; return how many."""
    filters = {"label": f"{ROOT_LABEL}={root}"}
    containers = engine().containers.list(all=True, filters=filters, ignore_removed=True)
    for container in containers:
        _remove(container)
    return len(containers)


class _Run:
    """One container from creation to removal, in a thread of its own."""

    def __init__(self, spec: TaskSpec, root: str, began: Callable[[], Any]) -> None:
        self._spec = spec
        self._began = began
        self._root = root
        self._lock = threading.Lock()
        self._container: Any = None
        self._result = f"{spec.directory}.result"  # the one place, beside its directory, it may write to
        self._killed = self._abandoned = False

    def end(self) -> TaskEnd:
        """Run to the end; return how it ended, whatever went wrong."""
        try:
            end = self._run_with_streams()
        except Exception as error:  # the engine's client has many kinds; a task must end in any case
            end = TaskEnd(failure="SetupFailed", message=f"the container could not be run: {error!r}")
            if _engine_is_gone():
                end = TaskEnd(lost=True, message=f"the Docker engine went away: {error!r}")
        return TaskEnd(lost=True, message="the local agent ended") if self._abandoned else end

    def _run_with_streams(self) -> TaskEnd:
        import docker

        try:
            with _streams(self._spec.log_directory) as (stdout, stderr):
                place_files(self._spec.directory, self._spec.files)
                return self._run(stdout.write, stderr.write)
        except docker.errors.ImageNotFound as error:
            return TaskEnd(failure="ImageUnavailable", message=str(error.explanation))
        except docker.errors.APIError as error:
            return self._explain_refusal(error)
        finally:
            if self._container is not None:
                _remove(self._container)
            self._take_result()

    def _take_result(self) -> None:
        """Move the result to its place; that is not mounted, so containers cannot touch others' results."""
        if self._spec.call is not None and os.path.isdir(self._result):
            if os.path.exists(f"{self._result}/result"):
                os.replace(f"{self._result}/result", self._spec.call.result)
            shutil.rmtree(self._result)

    def abandon(self) -> None:
        """End it so that it counts as never run."""
        self._abandoned = True
        self.signal(_KILL)

    def signal(self, number: int) -> None:
        """Send a signal to the container's first process; SIGKILL ends all of it."""
        import docker

        with self._lock:
            self._killed = self._killed or number == _KILL
            container = self._container
        if container is None:
            return  # not yet made: it will not be started
        try:
            container.kill(number)
        except docker.errors.APIError:
            pass  # it has ended by itself

    def _run(self, write_out: Callable[[bytes], Any], write_err: Callable[[bytes], Any]) -> TaskEnd:
        client, spec = engine(), self._spec
        if (missing := self._get_image(client)) is not None:
            return TaskEnd(failure="ImageUnavailable", message=missing)
        container = client.containers.create(**self._options())
        with self._lock:
            self._container = container
            if self._killed:
                return TaskEnd(signal=int(_KILL))
        attached = container.attach(stdout=True, stderr=True, stream=True, demux=True, logs=True)
        container.start()
        with self._lock:
            if self._killed:  # between the look above and the start
                container.kill()
        self._began()
        for out, err in attached:
            if out:
                write_out(out)
            if err:
                write_err(err)
        code = container.wait()["StatusCode"]
        container.reload()
        state = container.attrs["State"]
        if state["OOMKilled"]:
            limit = f"{spec.memory_limit} bytes" if spec.memory_limit else "what the machine has"
            return TaskEnd(
                exit_code=code,
                out_of_memory=True,
                message=f"the container needed more than {limit}",
                container_id=container.id,
            )
        return TaskEnd(exit_code=code, container_id=container.id)

    def _get_image(self, client: Any) -> str | None:
        """Pull the image if it is not here; return why it cannot be pulled."""
        import docker

        try:
            client.images.get(self._spec.image)
        except docker.errors.ImageNotFound:
            try:
                client.images.pull(self._spec.image, auth_config=self._spec.registry_auth)
            except docker.errors.APIError as error:
                return str(error.explanation or error)
        return None

    def _options(self) -> dict[str, Any]:
        spec = self._spec
        options: dict[str, Any] = {
            "image": spec.image,
            "command": spec.argv,
            "working_dir": spec.directory,
            "environment": {
                "HOME": spec.directory,
                "PYTHONUNBUFFERED": "1",
                **spec.job_environment,
                **spec.environment,
            },
            "user": f"{os.getuid()}:{os.getgid()}",
            "volumes": {spec.directory: {"bind": spec.directory, "mode": "rw"}},
            "labels": {
                ROOT_LABEL: self._root,
                "remotebatch.job": spec.label[0],
                "remotebatch.task": spec.label[1],
            },
            "mem_limit": spec.memory_limit,
            "memswap_limit": spec.memory_limit,
            "network": spec.network,
        }
        if spec.call is not None:
            os.mkdir(self._result)
            call = spec.call._replace(result=f"{self._result}/result")
            options["entrypoint"] = ["python3", spec.kernel, "run", json.dumps(call.without_defaults())]
            for path, mode in (
                (spec.kernel, "ro"),
                (spec.call.function, "ro"),
                (spec.call.inputs, "ro"),
                (self._result, "rw"),
            ):
                options["volumes"][path] = {"bind": path, "mode": mode}
            if spec.code:
                options["volumes"][spec.code] = {"bind": spec.code, "mode": "ro"}
        elif spec.argv is not None:
            options["entrypoint"] = []  # an image's entry point would swallow the command
        if spec.gpus:
            from docker.types import DeviceRequest

            options["device_requests"] = [
                DeviceRequest(device_ids=[str(gpu) for gpu in spec.gpus], capabilities=[["gpu"]])
            ]
        for name, value in spec.container_options.items():
            options[name] = options[name] | value if name in _ADDED else value
        return options

    def _explain_refusal(self, error: Any) -> TaskEnd:
        explanation = str(error.explanation or error)
        if "executable file not found" in explanation or "no such file or directory" in explanation:
            if self._spec.argv is not None:
                return TaskEnd(
                    exit_code=127, message=f"no program {self._spec.argv[0]!r} in {self._spec.image}"
                )
            if self._spec.call is not None:
                explanation = (
                    f"image {self._spec.image!r} has no python3, which a function needs; {explanation}"
                )
        return TaskEnd(failure="SetupFailed", message=explanation)


@contextmanager
def _streams(directory: str) -> Iterator[tuple[Any, Any]]:
    with (
        open(f"{directory}/stdout.txt", "wb", buffering=0) as out,
        open(f"{directory}/stderr.txt", "wb", buffering=0) as err,
    ):
        yield out, err


def _remove(container: Any) -> None:
    import docker

    try:
        container.remove(force=True)
    except docker.errors.NotFound:
        pass
    except docker.errors.APIError as error:
        if error.status_code != 409:  # 409: its removal is under way already
            raise


def _engine_is_gone() -> bool:
    import docker

    try:
        engine().ping()
    except (docker.errors.DockerException, OSError, ProviderError):
        engine.cache_clear()
        return True
    return False
