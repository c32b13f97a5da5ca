from __future__ import annotations

import pytest

pytest.importorskip("langchain_core")

from codesearch.adapters.langchain import CodesearchRetriever


def test_documents_are_the_passages(index):
    retriever = CodesearchRetriever(index=index, k=2)
    documents = retriever.invoke("plane sides")
    passages = index.search("plane sides", k=2)
    assert [d.page_content for d in documents] == [p.text for p in passages]
    assert [d.metadata["source"] for d in documents] == ["shapes.py:6-26"]
    assert documents[0].metadata["symbol"] == "Circle.area"
    assert "text" not in documents[0].metadata
    assert {type(value) for d in documents for value in d.metadata.values()} <= {str, int, float, bool}


def test_filters_and_budget_are_passed_on(index, shapes):
    retriever = CodesearchRetriever(index=index, languages=("text",), budget_tokens=5)
    assert [d.metadata["path"] for d in retriever.invoke("alpha plane")] == ["notes.txt"]
    assert shapes.requests[-1].languages == ("text",)


async def test_it_works_in_a_chain(index):
    from langchain_core.runnables import RunnableLambda

    chain = CodesearchRetriever(index=index, k=1) | RunnableLambda(
        lambda documents: documents[0].metadata["path"]
    )
    assert chain.invoke("plane") == "shapes.py"
    assert await chain.ainvoke("plane") == "shapes.py"
