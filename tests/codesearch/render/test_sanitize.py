from __future__ import annotations

import json
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from codesearch.render.sanitize import (
    code_span,
    fence_for,
    json_text,
    label,
    visible,
    xml_attribute,
    xml_text,
)

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)
BAD = set("\x1b\x9b\x07\x08\x00\x7f\x85\u200b\u202e\u2066\u2028\u2029\ufeff\U000e0041")


def test_control_characters_become_visible():
    assert visible("a\x1b[31mb\r\nc\rd\x7f\te") == "a␛[31mb\nc␍d␡\te"
    assert visible("\u202eevil\u2028") == "\\u202eevil\\u2028"
    assert visible("naïve 👩‍🔧 日本") == "naïve 👩‍🔧 日本"


def test_labels_are_one_line():
    assert label("a\nb\tc\x1b") == "a\\nb\\tc␛"
    assert len(label("x" * 1000)) == 300


def test_fences_are_longer_than_any_inside():
    assert fence_for("no ticks") == "```"
    assert fence_for("a ```` b") == "`````"


def test_code_spans_cannot_be_ended():
    assert code_span("a.py") == "`a.py`"
    assert code_span("a`b``c") == "``` a`b``c ```"


@given(ANY_TEXT)
def test_nothing_acts_on_a_terminal(text):
    assert not BAD & set(visible(text))
    assert not BAD & set(label(text))
    assert "\n" not in label(text)
    assert not BAD & set(json_text({"k": text}))


@given(ANY_TEXT)
def test_json_is_exact(text):
    assert json.loads(json_text({text: [text]})) == {text: [text]}


@given(ANY_TEXT)
def test_xml_is_well_formed_and_shows_the_visible_text(text):
    root = ElementTree.fromstring(f'<a b="{xml_attribute(text)}">{xml_text(text)}</a>')
    assert (root.text or "") == visible(text)
    assert root.attrib["b"] == label(text)
