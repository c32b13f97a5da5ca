from __future__ import annotations

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core.schema import MetadataMode

from codesearch.adapters.llama_index import CodesearchRetriever


def test_nodes_are_the_passages(index):
    nodes = CodesearchRetriever(index, k=2).retrieve("plane sides")
    passages = index.search("plane sides", k=2)
    assert [n.node.text for n in nodes] == [p.text for p in passages]
    assert [n.score for n in nodes] == [p.score for p in passages]
    assert nodes[0].node.id_ == "shapes.py:6-26"


def test_a_model_sees_where_it_is(index):
    (node,) = CodesearchRetriever(index, k=1).retrieve("plane")
    shown = node.node.get_content(MetadataMode.LLM)
    assert shown.startswith(
        "path: shapes.py\nstart_line: 6\nend_line: 20\nsymbol: Circle.area\n\nclass Circle:"
    )


def test_filters_are_passed_on(index, shapes):
    CodesearchRetriever(index, kinds=["class"], mode="lexical").retrieve("alpha")
    assert (shapes.requests[-1].kinds, shapes.requests[-1].mode) == (("class",), "lexical")
