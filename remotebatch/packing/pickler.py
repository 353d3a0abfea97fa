"""cloudpickle, sending the user's own modules by value."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import IO, Any

import cloudpickle

from remotebatch.packing.definitions import Definitions, is_users_module
from remotebatch_kernel import pickling
from remotebatch_kernel.modules import get_module

_by_value_lock = threading.Lock()


class Pickler(pickling.Pickler):
    """cloudpickle, sending the user's own modules by value and noting the installed ones it names."""

    def __init__(self, file: IO[bytes], definitions: Definitions | None) -> None:
        super().__init__(file)
        self._definitions = definitions
        self.imports: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Decide how an object is pickled."""
        if isinstance(obj, ModuleType):
            if self._definitions is not None and is_users_module(obj.__name__):
                return get_module, (obj.__name__,), self._definitions.module_state(obj)
            self._note(obj.__name__)
        elif isinstance(obj, (type, FunctionType, BuiltinFunctionType)):
            module = getattr(obj, "__module__", None)
            if module and self._definitions is not None and is_users_module(module):
                return self._by_value(obj, module)
            self._note(module)
        return super().reducer_override(obj)

    def _by_value(self, obj: Any, module: str) -> Any:
        assert self._definitions is not None
        self._definitions.reach(obj)
        with _registered(module):
            return super().reducer_override(obj)

    def _note(self, module: str | None) -> None:
        package = (module or "").partition(".")[0]
        if module and package not in sys.stdlib_module_names and package not in _NOT_PRELOADED:
            self.imports.add(module)


_NOT_PRELOADED = frozenset({"__main__", "cloudpickle", "remotebatch_kernel", ""})


@contextmanager
def _registered(module: str) -> Iterator[None]:
    """Have cloudpickle take one of the user's modules by value, just now; its registry is global."""
    with _by_value_lock:
        if module not in sys.modules or module in cloudpickle.list_registry_pickle_by_value():
            yield
            return
        cloudpickle.register_pickle_by_value(sys.modules[module])
        try:
            yield
        finally:
            cloudpickle.unregister_pickle_by_value(sys.modules[module])
