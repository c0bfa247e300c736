"""Immutable values that are quick to define: what `dataclass(frozen=True)` compiles for each class stands here once."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class Frozen:
    """A frozen dataclass without a decorator: the fields are the annotated attributes of a subclass.

    ``dataclass(frozen=True)`` writes and compiles six methods for each class, half a millisecond: with the classes of
    all operations and of the notation, a sixth of the time that ``convscope describe`` takes. The price is that making
    a value is slower: what is made in great numbers stays with ``dataclass``.

    ``__post_init__``, ``dataclasses.fields``, ``replace`` and ``match`` work as they do with dataclasses.

    Raises:
        TypeError: a field without a value, a value without a field, or two values for one.

    Example:
        >>> class Point(Frozen):
        ...     x: int
        ...     y: int = 0
        >>> Point(3), Point(3) == Point(3, 0), dataclasses.replace(Point(3), y=1)
        (Point(x=3, y=0), True, Point(x=3, y=1))
        >>> Point(3, z=1)
        Traceback (most recent call last):
        TypeError: Point has no 'z', only x, y
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    _fields: ClassVar[dict[str, dataclasses.Field[Any]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        cls._fields = {entry.name: entry for entry in dataclasses.fields(cls)}

    def __init__(self, *values: Any, **named: Any) -> None:
        fields, called = self._fields, type(self).__name__
        if len(values) > len(fields):
            raise TypeError(f"{called} takes {len(fields)} values, {len(values)} were given")
        given = dict(zip(fields, values, strict=False))
        for name, value in named.items():
            if name not in fields:
                raise TypeError(f"{called} has no {name!r}, only {', '.join(fields) or 'itself'}")
            if name in given:
                raise TypeError(f"{called} was given {name} twice")
            given[name] = value
        for name, entry in fields.items():
            if name in given:
                self.__dict__[name] = given[name]
            elif entry.default is not dataclasses.MISSING:
                self.__dict__[name] = entry.default
            elif entry.default_factory is not dataclasses.MISSING:
                self.__dict__[name] = entry.default_factory()
            else:
                raise TypeError(f"{called} lacks {name}")
        self.__post_init__()

    def __post_init__(self) -> None:
        """What is checked of the values together."""

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name, entry in self._fields.items() if entry.repr)
        return f"{type(self).__qualname__}({values})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name, entry in self._fields.items() if entry.compare)

    def __hash__(self) -> int:
        values = tuple(getattr(self, name) for name, entry in self._fields.items() if entry.compare)
        return hash((type(self), values))


dataclasses.dataclass(init=False, repr=False, eq=False)(Frozen)
