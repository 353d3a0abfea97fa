"""``remotebatch image``: make a container image of a requirements file, and push it to a registry."""

from __future__ import annotations

from pathlib import Path

import click

from remotebatch.cli.show import json_option, write_json
from remotebatch_images import building, display, pushing

_COMMON_PLATFORM = "linux/amd64"
"""Platform of nearly all machines that pools are made of."""


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
@click.option(
    "--platform", metavar="OS/CPU", help=f"Such as {_COMMON_PLATFORM}.  [default: the engine's own]"
)
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
    with display.watcher() as watcher:
        built = building.build(
            requirements, watcher, tag=tag, base=base, python=python, cuda=cuda, platform=platform
        )
    own = building.own_python()
    if built.python != own:
        display.say(
            f"Warning: the image has Python {built.python}, this command runs Python {own}. "
            "A function runs only under the minor version that has sent it."
        )
    if platform is None and built.platform != _COMMON_PLATFORM:
        display.say(
            f"Warning: the image is for {built.platform}; most pools need --platform {_COMMON_PLATFORM}."
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
    with display.watcher() as watcher:
        pushed = pushing.push(tag, watcher, registry=registry, user=user)
    if as_json:
        write_json({"image": pushed.name, "digest": pushed.digest})
        return
    print(f"Pushed {pushed.name}" + (f" ({pushed.digest})" if pushed.digest else ""))
    print(f"Use it: env.options(container_image={pushed.name!r})")
