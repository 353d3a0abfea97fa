"""Stands in for ``remotebatch`` in a task whose Python has none installed.

The kernel's archive holds this file as ``remotebatch/__init__.py``, where it is found last of all. Modules
that begin with ``import remotebatch`` can be imported then. What serves inside a task is here as it is in
the package itself; each other name is there to be imported, and raises when it is called.

It stays within the syntax of the oldest Python that the kernel runs on.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from remotebatch import errors, task
from remotebatch.command import Command
from remotebatch.errors import *  # noqa: F403 - all of them are public
from remotebatch.task import vcpu_count

__all__ = ["Command", "errors", "task", "vcpu_count", *errors.__all__]


class _Refusing(type):
    """Metaclass of what is missing: naming it, or annotating with it, is no use of it."""

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise errors.ProviderError(
            f"{cls.__module__}.{cls.__qualname__} was called in a task, but remotebatch is not installed in "
            "the Python that runs it: install it there, choose a container_image that has it, or use only "
            "remotebatch.task, vcpu_count, Command and the errors in tasks"
        )

    def __getattr__(cls, name: str) -> Any:
        return missing(cls.__module__, f"{cls.__qualname__}.{name}")

    def __getitem__(cls, item: Any) -> Any:
        return cls


def missing(module: str, name: str) -> Any:
    """What stands for a name that is only in the whole package.

    :raises AttributeError: for a private name, which is nowhere.
    """
    last = name.rpartition(".")[2]
    if last.startswith("_"):
        raise AttributeError(f"{module!r} has no attribute {name!r}")
    return _Refusing(last, (), {"__module__": module, "__qualname__": name})


def __getattr__(name: str) -> Any:
    found = globals()[name] = missing("remotebatch", name)
    return found


class SubmissionEnvironment:
    """May be made where a module is imported, and given settings; what it is for raises when it is called."""

    def __init__(self, provider: str = "Local", **properties: Any) -> None:
        pass

    def options(self, **settings: Any) -> SubmissionEnvironment:
        """This environment: none of its settings is of use here."""
        return self

    def close(self) -> None:
        """Nothing, for it holds nothing."""

    def __getattr__(self, name: str) -> Any:
        return missing("remotebatch", f"SubmissionEnvironment.{name}")


class _Rest(MetaPathFinder, Loader):
    """Finds the modules that are only in the whole package; each name in them is missing."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith("remotebatch."):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        module.__getattr__ = lambda attribute: missing(name, attribute)  # type: ignore[method-assign]


if __name__ == "remotebatch":
    sys.meta_path.append(_Rest())
