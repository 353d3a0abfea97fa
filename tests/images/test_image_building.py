"""``remotebatch image``: images of requirements files, built by a real engine, pushed to a real registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from remotebatch import SubmissionEnvironment
from tests.support.machine import Machine, keyring_of
from tests.support.storing_registry import PASSWORD, USER, StoringRegistry, storing_registry
from tests.support.terminal import run_in_terminal

pytestmark = pytest.mark.docker

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
BASE = f"remotebatch-test/python-pip:{MINOR}"
OTHER_MINOR = "3.13" if MINOR == "3.11" else "3.11"
OTHER_BASE = f"remotebatch-test/python-pip:{OTHER_MINOR}"


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    """The real engine."""
    with closing(docker.from_env()) as engine:
        yield engine


@pytest.fixture
def tag(engine: Any) -> Iterator[str]:
    """A name for an image, which is removed at the end under all its names."""
    tag = f"remotebatch-test-{uuid.uuid4().hex[:12]}:1"
    yield tag
    for image in engine.images.list(tag):
        engine.images.remove(image.id, force=True)


class Project:
    """A directory with requirements."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, text: str) -> None:
        (self.directory / name).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / name).write_text(text)

    def write_wheel(self, package: str, source: str, where: str = ".") -> str:
        """A wheel with one module; its path."""
        path = Path(where) / f"{package}-1.0-py3-none-any.whl"
        information = f"{package}-1.0.dist-info"
        (self.directory / where).mkdir(exist_ok=True)
        with zipfile.ZipFile(self.directory / path, "w") as wheel:
            wheel.writestr(f"{package}.py", source)
            wheel.writestr(
                f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{information}/RECORD", "")
        return f"./{path}"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "remotebatch.cli", "image", *arguments]

    def image(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``remotebatch image`` here."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def build(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self.image("build", *arguments)
        assert done.returncode == 0, done.stderr
        return done

    def refusal(self, *arguments: str, **variables: str) -> str:
        """What it says when it refuses, in one line."""
        done = self.image(*arguments, **variables)
        assert done.returncode == 1, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()[-1]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A directory with requirements that name nothing."""
    directory = tmp_path / "project"
    directory.mkdir()
    project = Project(directory)
    project.write("requirements.txt", "")
    return project


def said(engine: Any, image: str, *command: str) -> str:
    """What a program in an image writes."""
    return str(engine.containers.run(image, list(command), remove=True).decode())


def test_the_image_has_the_packages_and_tasks_run_in_it(
    project: Project, tag: str, env: SubmissionEnvironment
) -> None:
    wheel = project.write_wheel("greeting", "def hello():\n    return 'hello from the image'\n")
    project.write("requirements.txt", f"{wheel}  # ours\n")
    built = project.build("--tag", tag, "--base", BASE)
    assert f"env.options(container_image='{tag}')" in built.stdout
    assert "Step 1/" in built.stderr
    assert "Successfully installed greeting-1.0" in built.stderr
    assert "Warning" not in built.stderr

    def greet() -> str:
        import greeting  # type: ignore[import-not-found]

        return str(greeting.hello())

    assert env.options(container_image=tag).submit(greet).result() == "hello from the image"


def test_all_that_the_requirements_name_is_sent_and_nothing_else(
    project: Project, tag: str, engine: Any
) -> None:
    project.write_wheel("one", "", where="wheels")
    project.write_wheel("two", "", where="more")
    project.write(
        "requirements-all.txt", "--no-index --find-links=wheels\n-r more/two.txt -c constraints.txt\none\n"
    )
    project.write("more/two.txt", "more/two-1.0-py3-none-any.whl ; \\\n  python_version >= '3'\n")
    project.write("constraints.txt", "one==1.0\n")
    project.write("password.txt", "secret")
    project.write("wheels/.dockerignore", "# kept back\nprivate*\n")
    project.write("wheels/private.txt", "secret")
    project.build("--tag", tag, "--base", BASE, "--requirements", "requirements-all.txt")
    assert said(engine, tag, "python3", "-c", "import one, two") == ""
    files = said(engine, tag, "sh", "-c", "cd /opt/requirements && find . -type f | sort").split()
    assert files == [
        "./.remotebatch.Dockerfile",
        "./constraints.txt",
        "./more/two-1.0-py3-none-any.whl",
        "./more/two.txt",
        "./requirements-all.txt",
        "./wheels/.dockerignore",
        "./wheels/one-1.0-py3-none-any.whl",
    ]


def test_the_entry_point_of_the_base_is_taken_away(project: Project, tag: str, engine: Any) -> None:
    project.write("Dockerfile", f'FROM {BASE}\nENTRYPOINT ["echo", "a banner"]\n')
    base, _ = engine.images.build(path=str(project.directory), rm=True)
    project.build("--tag", tag, "--base", base.id)
    assert said(engine, tag, "echo", "the task") == "the task\n"


def test_json(project: Project, tag: str) -> None:
    built = project.build("--tag", tag, "--base", BASE, "--json")
    assert json.loads(built.stdout) == {"image": tag, "platform": "linux/amd64", "python": MINOR}


def test_the_name_comes_from_the_directory(project: Project, engine: Any) -> None:
    directory = project.directory.rename(project.directory.with_name(f"My_{uuid.uuid4().hex[:12]}"))
    Project(directory).build("--base", BASE)
    engine.images.remove(f"remotebatch-{directory.name.lower().replace('_', '-')}", force=True)


def test_a_name_with_a_registry_needs_no_other(project: Project, tag: str, engine: Any) -> None:
    name = f"localhost:9/{tag}"
    built = project.build("--tag", name, "--base", BASE)
    engine.images.get(name).tag(tag)  # which is removed
    assert built.stdout.endswith(f"remotebatch image push {name}\n")


def test_another_version_of_python_is_warned_of(project: Project, tag: str) -> None:
    built = project.build("--tag", tag, "--base", OTHER_BASE)
    assert f"Warning: the image has Python {OTHER_MINOR}, this command runs Python {MINOR}." in built.stderr


def test_a_failed_build_names_its_step_and_what_pip_said(project: Project, tag: str, engine: Any) -> None:
    project.write("requirements.txt", "--no-index\nno-such-package\n")
    message = project.refusal("build", "--tag", tag, "--base", BASE)
    assert "Step 8/8 : RUN" in message
    assert "exit code 1: " in message
    assert message.endswith("ERROR: No matching distribution found for no-such-package")
    assert not engine.images.list(tag)


def test_a_base_that_cannot_be_had_is_named(project: Project, tag: str) -> None:
    message = project.refusal("build", "--tag", tag, "--base", "127.0.0.1:9/none:1")
    assert "Step 3/8 : FROM ${BASE}" in message
    assert "127.0.0.1:9" in message


def test_cuda_starts_from_its_own_dockerfile(project: Project, tag: str) -> None:
    message = project.refusal("build", "--tag", tag, "--cuda", "--python", "0.0")
    assert "FROM ${PYTHON_IMAGE} AS python" in message


def test_a_base_without_pip_is_told(project: Project, tag: str) -> None:
    message = project.refusal("build", "--tag", tag, "--base", f"remotebatch-test/python:{MINOR}")
    assert message.endswith("No module named pip")


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        ("./gone.whl", "gone.whl, which does not exist"),
        ("-r gone.txt", "gone.txt, which does not exist"),
        ("-e ../elsewhere", "elsewhere, which must lie in"),
        ("-r", "expected one argument"),
        ("'open", "No closing quotation"),
    ],
)
def test_wrong_requirements_are_refused_before_the_build(
    project: Project, requirements: str, message: str
) -> None:
    project.write("requirements.txt", requirements)
    assert message in project.refusal("build", "--base", BASE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "--tag", "Upper:1"], "'Upper:1' is no name for an image"),
        (["build", "--base", BASE, "--python", "3.12"], "give either a base image or a version of Python"),
        (["push", "remotebatch-test-none:1", "--registry", "localhost:1"], "there is no image"),
        (["push", BASE.partition("/")[2]], "there is no image"),
    ],
)
def test_wrong_arguments_are_refused(project: Project, arguments: list[str], message: str) -> None:
    assert message in project.refusal(*arguments)


def test_no_engine(project: Project) -> None:
    message = project.refusal("build", DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert "images need a running Docker engine" in message
    assert "DOCKER_HOST" in message


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoringRegistry]:
    """A registry that all tests share."""
    with storing_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def small_image(engine: Any, tag: str, tmp_path: Path) -> str:
    """An image that is pushed fast."""
    context = tmp_path / "small"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY name /\n")
    (context / "name").write_text(tag)
    engine.images.build(path=str(context), tag=tag, rm=True)
    return tag


def test_push_uses_dockers_login(
    project: Project, small_image: str, registry: StoringRegistry, tmp_path: Path
) -> None:
    login = registry.login(tmp_path / "docker")
    done = project.image("push", small_image, "--registry", registry.server, **login)
    assert done.returncode == 0, done.stderr
    name = f"{registry.server}/{small_image}"
    digest = registry.digest(*small_image.split(":"))
    assert f"Pushed {name} ({digest})" in done.stdout
    assert f"env.options(container_image='{name}')" in done.stdout
    assert ": Pushed" in done.stderr

    again = project.image("push", name, "--json", **login)
    assert json.loads(again.stdout) == {"image": name, "digest": digest}
    assert ": Layer already exists" in again.stderr


def test_push_takes_a_users_password_from_the_keyring(
    small_image: str, registry: StoringRegistry, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "home", secrets=[PASSWORD])
    machine.home.mkdir()
    push = ["image", "push", small_image, "--registry", registry.server, "--user", USER]
    with keyring_of(machine):
        refused = machine.remotebatch(*push)
        assert "remotebatch login registry" in refused.errors
        machine.remotebatch("login", "registry", registry.server, "--user", USER, stdin=f"{PASSWORD}\n")
        pushed = machine.remotebatch(*push)
    assert pushed.code == 0, pushed.errors
    assert registry.digest(*small_image.split(":")) in pushed.output


def test_a_refused_push_says_how_to_log_in(
    project: Project, small_image: str, registry: StoringRegistry, tmp_path: Path
) -> None:
    push = ["push", small_image, "--registry", registry.server]
    message = project.refusal(*push, **registry.login(tmp_path / "docker", password="wrong-one"))
    assert f"{registry.server}/{small_image} was not pushed" in message
    assert f"docker login {registry.server}" in message
    assert f"remotebatch login registry {registry.server} --user USER" in message
    assert "wrong-one" not in message


def test_a_push_needs_a_registry(project: Project, small_image: str) -> None:
    message = project.refusal("push", small_image)
    assert "names no registry: add --registry" in message


def test_a_registry_that_does_not_answer_is_named(project: Project, small_image: str) -> None:
    message = project.refusal("push", small_image, "--registry", "127.0.0.1:9")
    assert message.startswith(f"Error: 127.0.0.1:9/{small_image} was not pushed")
    assert "docker login" not in message


def test_a_terminal_shows_steps_and_layers(
    project: Project,
    small_image: str,
    registry: StoringRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", registry.login(tmp_path / "docker")["DOCKER_CONFIG"])
    shown = run_in_terminal(
        project.command("push", small_image, "--registry", registry.server), stream="stderr"
    )
    assert ": Pushed" in shown
