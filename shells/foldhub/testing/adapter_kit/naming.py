"""Where an adapter can be found from outside: its module, and the name in it, or the class it is made of."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import attrs

from foldhub_core import Adapter
from foldhub_core.config import AnyAdapter


@attrs.frozen
class Found:
    """An adapter in a module."""

    module: str
    file: str
    name: str
    """The name of an adapter, or of a class that is made without arguments."""


def name_of(adapter: AnyAdapter) -> Found | str:
    """Say where an adapter is to be found; a text says why it is not."""
    cls = type(adapter)
    module = sys.modules.get(cls.__module__)
    if module is None:
        return f"its module {cls.__module__} is not there"
    file = getattr(module, "__file__", None) or ""
    if "<locals>" in cls.__qualname__:
        return f"{cls.__name__} is defined in a function; put it at the top of a module"
    for name, value in vars(module).items():
        if value is adapter:
            return Found(module.__name__, file, name)
    try:
        made = cls()
    except Exception:
        return f"{cls.__name__} is made with arguments; give the adapter a name in its module"
    if vars(made).keys() != vars(adapter).keys() or made.manifest != adapter.manifest:
        return f"it is not as {cls.__name__}() makes it; give the adapter a name in its module"
    return Found(module.__name__, file, cls.__qualname__)


def adapter_at(found: Found) -> AnyAdapter:
    """Find an adapter again; raises `ImportError`, `AttributeError` or `TypeError`."""
    return as_adapter(_walked(_imported(found), found.name), found.name)


def adapter_named(told: str) -> AnyAdapter:
    """Find an adapter by `module:name`; raises `ValueError`, `ImportError`, `AttributeError` or `TypeError`."""
    return as_adapter(value_named(told), told)


def value_named(told: str) -> Any:
    """Find anything by `module:name`; raises `ValueError`, `ImportError` or `AttributeError`. Any: whatever goes by it."""
    module, colon, name = told.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"expected MODULE:NAME, came {told!r}")
    return _walked(importlib.import_module(module), name)


def as_adapter(value: Any, name: str) -> AnyAdapter:
    """Give an adapter, made where its class came. Any: whatever goes by that name."""
    made: Any = _made(value)
    if not issubclass(type(made), Adapter):
        raise TypeError(f"expected an adapter, or a class of adapters that is made without arguments, came {name} = {value!r}")
    adapter: AnyAdapter = made
    return adapter


def _made(value: Any) -> Any:
    """An adapter of a class of adapters; everything else as it is."""
    is_class = isinstance(value, type) and issubclass(value, Adapter)
    return cast(Any, value)() if is_class else cast(Any, value)


def _walked(module: ModuleType, name: str) -> Any:
    at: Any = module  # Any: a module, a class in it, an adapter
    for step in name.split("."):
        at = getattr(at, step)
    return at


def _imported(found: Found) -> ModuleType:
    """Import by name; what is no module of the path, as a test or a script, from its file under the same name."""
    if found.module != "__main__":
        try:
            return importlib.import_module(found.module)
        except ImportError:
            if not Path(found.file).is_file():
                raise
    name = "__foldhub_main__" if found.module == "__main__" else found.module
    spec = importlib.util.spec_from_file_location(name, found.file)
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a module in {found.file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
