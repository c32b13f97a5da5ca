"""A LlamaIndex retriever over an index. Extra: `pip install 'codesearch[llama-index]'`.

from codesearch import CodeIndex
from codesearch.adapters.llama_index import CodesearchRetriever
retriever = CodesearchRetriever(CodeIndex.open("repo"), k=5)
nodes = retriever.retrieve("how are routes registered")
"""

from __future__ import annotations

from collections.abc import Iterable

from codesearch.api import CodeIndex
from codesearch.render.passages import passage_dict
from indexer.errors import MissingExtraError
from indexer.records import Mode, Passage

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise MissingExtraError(
        "The LlamaIndex retriever needs a package: pip install 'codesearch[llama-index]'."
    ) from error


class CodesearchRetriever(BaseRetriever):
    """The passages of `CodeIndex.search` as LlamaIndex nodes, best first.

    A node's text is the passage's; its metadata is the passage of the JSON schema without text, score and
    evidence (see `codesearch.render.passages`). Embedding and language model see its path, lines and symbol.
    """

    def __init__(
        self,
        index: CodeIndex,
        k: int = 10,
        mode: str | Mode = Mode.HYBRID,
        languages: Iterable[str] = (),
        paths: Iterable[str] = (),
        regex: str | None = None,
        kinds: Iterable[str] = (),
        budget_tokens: int | None = None,
        *,
        tokenizer: str | None = None,
    ) -> None:
        super().__init__()
        self._index = index
        self._arguments = (k, mode, tuple(languages), tuple(paths), regex, tuple(kinds), budget_tokens)
        self._tokenizer = tokenizer

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        passages = self._index.search(query_bundle.query_str, *self._arguments, tokenizer=self._tokenizer)
        return [NodeWithScore(node=_node(passage), score=passage.score) for passage in passages]


_FOR_MODELS = {"path", "start_line", "end_line", "symbol"}


def _node(passage: Passage) -> TextNode:
    metadata = passage_dict(passage)
    for name in ("score", "evidence"):
        metadata.pop(name)
    text = metadata.pop("text")
    hidden = [name for name in metadata if name not in _FOR_MODELS]
    return TextNode(
        id_=f"{passage.path}:{passage.start_line}-{passage.end_line}",
        text=text,
        metadata=metadata,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
    )
