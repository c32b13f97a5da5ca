"""Slotted dataclasses that are made in a fifth of the time: most of a short command is `import`.

The standard library compiles six functions for each class, and a search loads 140 of these: 45 ms. Here only
`__init__` is compiled. What comes out is a dataclass to `fields`, `replace`, `asdict`, `copy`, `pickle` and
type checkers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

_Fields = tuple[dataclasses.Field[Any], ...]


def _dataclass(*, slots: bool, frozen: bool = False) -> Callable[[type], type]:
    """As `dataclasses.dataclass` of the same arguments; `slots` must be true."""
    assert slots, "fields are set through their slots"

    def made(cls: type) -> type:
        cls.__doc__ = cls.__doc__ or cls.__name__  # else one is made of the signature
        slotted: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
        fields = dataclasses.fields(slotted)
        methods = {"__init__": _init(slotted, fields), "__repr__": _repr(fields), **_equality(fields, frozen)}
        for name, method in (methods | _frozen(fields) if frozen else methods).items():
            if vars(slotted).get(name) is None:  # what a class says itself stays
                setattr(slotted, name, method)
        return slotted

    return made


def _repr(fields: _Fields) -> Callable[[Any], str]:
    names = tuple(each.name for each in fields if each.repr)

    def represented(self: Any) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return recursive_repr()(represented)


def _equality(fields: _Fields, frozen: bool) -> dict[str, Any]:
    names = tuple(each.name for each in fields if each.compare)
    values: Callable[[Any], object] = attrgetter(*names) if names else lambda _: ()

    def is_equal(self: object, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hashed(self: object) -> int:
        return hash(values(self))

    return {"__eq__": is_equal, "__hash__": hashed if frozen else None}


def _frozen(fields: _Fields) -> dict[str, Any]:
    """What refuses changes, and copies all the same."""
    names = tuple(each.name for each in fields)

    def refuse_to_set(self: object, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def refuse_to_delete(self: object, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def state(self: object) -> list[Any]:
        return [getattr(self, name) for name in names]

    def set_state(self: object, values: list[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    return {"__setattr__": refuse_to_set, "__delattr__": refuse_to_delete,
            "__getstate__": state, "__setstate__": set_state}  # fmt: skip


def _init(cls: type, fields: _Fields) -> Any:
    """`__init__`, which sets each field through its slot, where nothing refuses."""
    scope: dict[str, Any] = {"_MISSING": MISSING}
    parameters, body = ["self"], []
    for each in fields:
        name, value = each.name, each.name
        scope[f"_set_{name}"] = getattr(cls, name).__set__
        if each.default_factory is not MISSING:
            scope[f"_make_{name}"] = each.default_factory
            parameter = f"{name}=_MISSING"
            value = f"_make_{name}() if {name} is _MISSING else {name}" if each.init else f"_make_{name}()"
        elif each.default is not MISSING:
            scope[f"_default_{name}"] = each.default
            parameter = f"{name}=_default_{name}"
            value = name if each.init else f"_default_{name}"
        elif each.init:
            parameter = name
        else:
            continue
        parameters += [parameter] * each.init
        body.append(f" _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    source = f"def __init__({', '.join(parameters)}):\n" + ("\n".join(body) or " pass")
    exec(source, scope)  # noqa: S102 - of names of fields, which are identifiers
    return scope["__init__"]


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass
