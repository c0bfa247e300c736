"""One registry of all that is known of operations: facets, each a function or a value an operation, loaded when asked.

A facet of an operation stands beside it: of ``convscope.ops.pooling.spec.MaxPool`` the facet ``forward`` stands in
``convscope.ops.pooling.reference``. An operation of a single file has all of its facets there. A class without one of
its own has that of the class it derives from.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from convscope.errors import UserError
from convscope.files import refuse_special

Known = TypeVar("Known")


class MissingFacetError(NotImplementedError):
    """Something was asked of an operation that it does not state."""


class Facet(Generic[Known]):
    """One thing that is known of operations.

    Args:
        name: what it is called in messages.
        module: where a family keeps it, beside its ``spec``: ``"reference"``.

    Example:
        >>> from convscope.ops import ReLU
        >>> facet = Facet[str]("colour", "colours")
        >>> facet.of(ReLU)
        Traceback (most recent call last):
        convscope.ops.registry.MissingFacetError: relu has no colour: it stands in convscope.ops.activation.colours
    """

    def __init__(self, name: str, module: str) -> None:
        self.name, self.module = name, module
        self._known: dict[type[Any], Known] = {}
        self._made: dict[type[Any], Callable[[Any], Known]] = {}

    def enter(self, *operations: type[Any]) -> Callable[[Known], Known]:
        """A decorator that enters what it stands above for some operations."""

        def enter(known: Known) -> Known:
            self._known.update(dict.fromkeys(operations, known))
            return known

        return enter

    def enter_for(self, base: type[Any]) -> Callable[[Callable[[Any], Known]], Callable[[Any], Known]]:
        """A decorator that enters a function from every class below ``base`` to what is known of it."""

        def enter(make: Callable[[Any], Known]) -> Callable[[Any], Known]:
            self._made[base] = make
            return make

        return enter

    def of(self, operation: type[Any]) -> Known:
        """What is known of an operation.

        Raises:
            MissingFacetError: nothing is.
        """
        found = self.find(operation)
        if found is None:
            word, home = getattr(operation, "word", operation.__name__), _beside(operation, self.module)
            raise MissingFacetError(f"{word} has no {self.name}: it stands in {home or operation.__module__}")
        return found

    def find(self, operation: type[Any]) -> Known | None:
        """What is known of an operation, or None."""
        for cls in operation.__mro__:
            if cls not in self._known and cls not in self._made:
                _load_beside(cls, self.module)
            if cls in self._known:
                return self._known[cls]
            if cls in self._made:
                return self._made[cls](operation)
        return None


def _beside(operation: type[Any], module: str) -> str | None:
    """The name of a module beside an operation's own; None for a file that stands alone."""
    package = operation.__module__.rpartition(".")[0]
    return f"{package}.{module}" if package and operation.__module__.endswith(".spec") else None


def _load_beside(operation: type[Any], module: str) -> None:
    name = _beside(operation, module)
    if name is not None and name not in sys.modules and importlib.util.find_spec(name) is not None:
        importlib.import_module(name)


_LOADED: dict[Path, tuple[type[Any], ...]] = {}


def load(path: str | Path) -> tuple[type[Any], ...]:
    """Load the operations that a Python file defines; the file's code is executed, so call it for your own files only.

    Args:
        path: the file.

    Returns:
        the operations that it adds to the vocabulary.

    Raises:
        UserError: there is no such file, it defines no operation, or a word is taken.
    """
    from convscope.ops.spec import OPERATIONS

    file = Path(path).resolve()
    if file in _LOADED:
        return _LOADED[file]
    refuse_special(file)
    if not file.is_file():
        raise UserError(str(path), "no such file", "a Python file that defines operations")
    name = f"convscope_operations_{file.stem}_{abs(hash(str(file)))}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    before = dict(OPERATIONS)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        OPERATIONS.clear()
        OPERATIONS.update(before)
        raise
    added = tuple(cls for word, cls in OPERATIONS.items() if word not in before)
    if not added:
        raise UserError(str(path), "no operation is defined here", "a class below @operation(...)")
    _LOADED[file] = added
    return added


_installed: list[type[Any]] = []


def load_installed() -> tuple[type[Any], ...]:
    """Load the operations of installed packages: what their entry points ``convscope.operations`` name.

    The command line calls it; from Python it is yours to call. A model folder never causes it.

    Returns:
        the operations found, none twice.

    Raises:
        UserError: an entry point does not load, or is no operation.
    """
    from importlib.metadata import entry_points

    if _installed:
        return tuple(_installed)
    for entry in entry_points(group="convscope.operations"):
        try:
            loaded = entry.load()
        except Exception as error:
            raise UserError(entry.value, f"{type(error).__name__}: {error}", "an entry point that loads") from error
        _installed.extend(loaded if isinstance(loaded, tuple) else (loaded,))
    return tuple(_installed)
