from __future__ import annotations

import pytest

from codesearch.api import CodeIndex
from codesearch.render.lists import outline_json, outline_text
from codesearch.render.symbol_names import is_named, spelled
from indexer.records import OutlineEntry, Span


@pytest.mark.parametrize(
    ("language", "name", "written"),
    [
        ("cpp", "net.Socket.~Socket", "net::Socket::~Socket"),
        ("cpp", "v1.A.operator==", "v1::A::operator=="),
        ("cpp", "n.A<Ts...>.f", "n::A<Ts...>::f"),
        ("cpp", "n.Ratio<1.5>", "n::Ratio<1.5>"),
        ("rust", "http.Router.add", "http::Router::add"),
        ("php", "Controller.index", "Controller::index"),
        ("ruby", "Net.HTTP.get", "Net::HTTP.get"),
        ("python", "Router.add", "Router.add"),
        ("", "Router.add", "Router.add"),
    ],
)
def test_names_are_written_as_the_language_has_them_and_found_either_way(language, name, written):
    assert spelled(name, language) == written
    assert is_named(name, written)
    assert is_named(name, name)
    assert not is_named(name, written + "x")


def test_an_outline_shows_the_spelling_and_its_json_the_name():
    entry = OutlineEntry("a.cc", Span("method", "n.A.f", 0, 9, 1, 1), "cpp")
    assert outline_text([entry]).endswith("1-1 method n::A::f\n")
    assert '"n.A.f"' in outline_json("", [entry])
    heading = OutlineEntry("a.md", Span("section", "A > 1.b", 0, 9, 1, 1), "markdown")
    assert "A > 1.b" in outline_text([heading])


def test_a_symbol_is_read_by_the_name_that_its_language_gives_it(tmp_path, one_encoder):
    (tmp_path / "a.cc").write_text("namespace net { class Socket { void open() {} }; }\n")
    with CodeIndex.build(tmp_path) as index:
        assert "net::Socket::open" in outline_text(index.outline())
