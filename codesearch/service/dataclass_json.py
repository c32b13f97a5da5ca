"""Values between a server and the command line: dataclasses as JSON and back, exactly.

JSON of Python keeps every bit of a float, so an answer that travelled prints as one that did not.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

_Value = TypeVar("_Value")


def to_plain(value: Any) -> Any:
    """The value as what JSON has; dataclasses are objects of their fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    return value


def from_plain(kind: type[_Value], plain: Any) -> _Value:
    """A value of a dataclass from what `to_plain` made. Raises ValueError or TypeError for anything else."""
    made: _Value = _made(kind, plain)
    return made


def _made(kind: Any, plain: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(plain, dict):
            raise TypeError(f"{kind} is no {type(plain).__name__}")
        hints = _hints(kind)
        return kind(**{name: _made(hints[name], each) for name, each in plain.items() if name in hints})
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if plain is None and NoneType in arguments:
            return None
        (only,) = (each for each in arguments if each is not NoneType)
        return _made(only, plain)
    if origin is tuple:
        if not isinstance(plain, list):
            raise TypeError(f"{kind} is no {type(plain).__name__}")
        kinds = arguments[:1] * len(plain) if arguments[-1] is Ellipsis else arguments
        return tuple(_made(each, value) for each, value in zip(kinds, plain, strict=True))
    if isinstance(plain, dict | list):
        raise TypeError(f"{kind} is no {type(plain).__name__}")
    return plain if plain is None else kind(plain)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
