"""What is made is a dataclass like the standard library's, to all that looks at one."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field

import pytest

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    path: str
    line: int = 1
    notes: list[str] = field(default_factory=list, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Named(Place):
    name: str = ""


@dataclass(slots=True)
class Growing:
    seen: list[int]
    total: int = field(default=0, init=False)
    parts: list[str] = field(init=False)

    def __post_init__(self):
        self.total = sum(self.seen)


@dataclass(frozen=True, slots=True)
class Empty: ...


@dataclass(frozen=True, slots=True)
class Own:
    name: str

    def __eq__(self, other):
        return self.name.lower() == other.name.lower()

    def __repr__(self):
        return f"<{self.name}>"


_NOTES = field(default_factory=list, compare=False, repr=False)
REFERENCE = dataclasses.make_dataclass(
    "Place", [("path", str), ("line", int, 1), ("notes", list, _NOTES)], frozen=True, slots=True
)


def test_it_behaves_as_one_of_the_standard_library():
    for kind in (Place, REFERENCE):
        place = kind("a.py", notes=["x"])
        assert (place.path, place.line, place.notes) == ("a.py", 1, ["x"])
        assert kind("a.py").notes is not kind("a.py").notes
        assert place == kind("a.py", 1) != kind("a.py", 2)
        assert place != ("a.py", 1)
        assert len({place, kind(path="a.py"), kind("b.py")}) == 2
        assert repr(place) == "Place(path='a.py', line=1)"
        assert [each.name for each in dataclasses.fields(kind)] == ["path", "line", "notes"]
        assert dataclasses.asdict(place) == {"path": "a.py", "line": 1, "notes": ["x"]}
        assert dataclasses.replace(place, line=3) == kind("a.py", 3)
        assert not hasattr(place, "__dict__")
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'path'"):
            kind()
        for change in (lambda place: setattr(place, "line", 2), lambda place: delattr(place, "line")):
            with pytest.raises(FrozenInstanceError):
                change(place)
        match place:
            case kind(path, line):
                assert (path, line) == ("a.py", 1)


def test_a_frozen_one_is_copied_and_pickled():
    place = Named("a.py", 2, ["x"], "f")
    for other in (copy.copy(place), copy.deepcopy(place), pickle.loads(pickle.dumps(place))):
        assert other == place
        assert other.notes == ["x"]
    assert copy.deepcopy(place).notes is not place.notes


def test_one_that_inherits_has_the_fields_of_both_and_is_no_equal_of_the_other():
    assert Named("a.py", name="f").line == 1
    assert Named("a.py") != Place("a.py")
    assert repr(Named("a.py")) == "Named(path='a.py', line=1, name='')"


def test_one_that_is_not_frozen_changes_and_has_no_hash():
    growing = Growing([1, 2])
    assert growing.total == 3
    growing.seen, growing.parts = [4], []
    other = Growing([4])
    other.parts = []
    assert growing != other
    other.total = 3
    assert growing == other
    with pytest.raises(TypeError):
        hash(growing)
    with pytest.raises(TypeError):
        Growing([1], 3)
    with pytest.raises(AttributeError):
        _ = Growing([1]).parts


def test_one_without_fields_equals_itself():
    assert Empty() == Empty()
    assert len({Empty(), Empty()}) == 1


def test_what_a_class_says_itself_stays():
    assert Own("A") == Own("a")
    assert repr(Own("A")) == "<A>"
    assert isinstance(hash(Own("A")), int)


def test_one_that_holds_itself_is_shown():
    growing = Growing([])
    growing.parts = []
    growing.seen.append(growing)
    assert repr(growing) == "Growing(seen=[...], total=0, parts=[])"
