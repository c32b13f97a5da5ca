"""A LlamaIndex retriever over an index. Extra: `pip install 'codesearch-local[llama-index]'`.

from codesearch import CodeIndex
from codesearch.adapters.llama_index import CodesearchRetriever
retriever = CodesearchRetriever(CodeIndex.open("repo"), k=5)
nodes = retriever.retrieve("how are routes registered")
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from codesearch.adapters.metadata import flat_metadata
from codesearch.api import CodeIndex
from codesearch.request import Filtering, make_request
from indexer.errors import MissingExtraError
from indexer.records import Passage

try:
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    if TYPE_CHECKING:  # LlamaIndex, whose class is abstract, need not be installed to check types
        from abc import ABC as BaseRetriever  # noqa: N811
    else:
        from llama_index.core.retrievers import BaseRetriever
except ImportError as error:
    raise MissingExtraError(
        "The LlamaIndex retriever needs a package: pip install 'codesearch-local[llama-index]'."
    ) from error


class CodesearchRetriever(BaseRetriever):
    """The passages of `CodeIndex.search` as LlamaIndex nodes, best first.

    A node's text is the passage's; its metadata is the passage of the JSON schema without text, score and
    evidence (see `codesearch.render.passages_json`). Embedding and language model see its path, lines and
    symbol.
    """

    def __init__(
        self,
        index: CodeIndex,
        k: int | None = None,
        *,
        budget_tokens: int | None = None,
        tokenizer: str | None = None,
        **filtering: Unpack[Filtering],
    ) -> None:
        """Takes the keywords of `CodeIndex.search`. Raises InputError for what no index can serve."""
        super().__init__()
        self._index = index
        self._request = make_request("any question", k, **filtering)
        self._budget_tokens = budget_tokens
        self._tokenizer = tokenizer

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        passages = self._index.search(
            replace(self._request, query=query_bundle.query_str),
            budget_tokens=self._budget_tokens,
            tokenizer=self._tokenizer,
        )
        return [NodeWithScore(node=_node(passage), score=passage.score) for passage in passages]


_FOR_MODELS = {"path", "start_line", "end_line", "symbol"}


def _node(passage: Passage) -> TextNode:
    metadata = flat_metadata(passage)
    metadata.pop("score")
    hidden = [name for name in metadata if name not in _FOR_MODELS]
    return TextNode(
        id_=f"{passage.full_path}:{passage.start_line}-{passage.end_line}",
        text=passage.text,
        metadata=metadata,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
    )
