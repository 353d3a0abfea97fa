"""``remotebatch image``: make a container image of a requirements file, and push it to a registry."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from remotebatch.cli.show import json_option, write_json
from remotebatch_images import building as images

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_OF_AZURE = "linux/amd64"
"""Platform of nearly all of Azure's machines."""


@click.group()
def image() -> None:
    """Make container images for tasks, with the local Docker engine."""


@image.command()
@click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default="requirements.txt",
    show_default=True,
    help="The packages, as pip reads them.",
)
@click.option("--tag", metavar="NAME", help="The image's name.  [default: remotebatch-DIRECTORY]")
@click.option("--base", metavar="IMAGE", help="Start from this image, which must have pip.")
@click.option("--python", metavar="VERSION", help="Minor version of Python.  [default: that of this command]")
@click.option("--cuda", is_flag=True, help="For NVIDIA GPUs: start from an image with CUDA.")
@click.option("--platform", metavar="OS/CPU", help=f"Such as {_OF_AZURE}.  [default: the engine's own]")
@json_option
def build(
    requirements: Path,
    tag: str | None,
    base: str | None,
    python: str | None,
    cuda: bool,
    platform: str | None,
    as_json: bool,
) -> None:
    """Build an image with Python and the packages of a requirements file.

    Files that it names must lie beside it or below. It and they become part of the image: put no secret into
    them.
    """
    with _watched() as watcher:
        built = images.build(
            requirements, watcher, tag=tag, base=base, python=python, cuda=cuda, platform=platform
        )
    if built.python != images.own_python():
        _say(
            f"Warning: the image has Python {built.python}, this command runs Python {images.own_python()}. "
            "A function runs only under the minor version that has sent it."
        )
    if platform is None and built.platform != _OF_AZURE:
        _say(
            f"Warning: the image is for {built.platform}; most of Azure's pools need --platform {_OF_AZURE}."
        )
    if as_json:
        write_json({"image": built.name, "platform": built.platform, "python": built.python})
        return
    print(f"Built {built.name}: Python {built.python}, {built.platform}")
    print(f"On this machine: env.options(container_image={built.name!r})")
    print(
        f"For a pool: remotebatch image push {built.name}" + ("" if built.registry else " --registry SERVER")
    )


@image.command()
@click.argument("tag")
@click.option("--registry", metavar="SERVER", help="Push it there.  [default: where the image's name says]")
@click.option("--user", help="Take the password that 'remotebatch login registry' saved for this user.")
@json_option
def push(tag: str, registry: str | None, user: str | None, as_json: bool) -> None:
    """Push an image to its registry.

    Without --user, Docker's own login is used: that of docker login, or of az acr login.
    """
    with _watched() as watcher:
        pushed = images.push(tag, watcher, registry=registry, user=user)
    if as_json:
        write_json({"image": pushed.name, "digest": pushed.digest})
        return
    print(f"Pushed {pushed.name}" + (f" ({pushed.digest})" if pushed.digest else ""))
    print(f"Use it: env.options(container_image={pushed.name!r})")


def _watched() -> AbstractContextManager[images.Watcher]:
    """What shows progress, on standard error: standard output is for the outcome."""
    return _Bars() if sys.stderr.isatty() else nullcontext(_Lines())


class _Lines:
    """Plain lines, for a log: of a layer only what it came to."""

    def line(self, text: str) -> None:
        _say(text)

    def transfer(self, layer: str, doing: str, done: int | None, total: int | None) -> None:
        if doing in _ENDS:
            _say(f"{layer}: {doing}")


_ENDS = frozenset({"Pull complete", "Pushed", "Layer already exists", "Already exists"})


class _Bars:
    """Lines, and under them a bar for each layer that moves."""

    def __init__(self) -> None:
        self._layers: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._progress: Progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def line(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def transfer(self, layer: str, doing: str, done: int | None, total: int | None) -> None:
        if doing in _ENDS:
            if layer in self._layers:
                self._progress.remove_task(self._layers.pop(layer))
            self.line(f"{layer}: {doing}")
        elif done is not None and total is not None:
            if layer not in self._layers:
                self._layers[layer] = self._progress.add_task("")
            description = f"{layer}: {doing}"
            self._progress.update(self._layers[layer], description=description, completed=done, total=total)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
