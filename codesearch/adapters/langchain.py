"""A LangChain retriever over an index. Extra: `pip install 'codesearch-local[langchain]'`.

from codesearch import CodeIndex
from codesearch.adapters.langchain import CodesearchRetriever
retriever = CodesearchRetriever(index=CodeIndex.open("repo"), k=5)
documents = retriever.invoke("how are routes registered")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codesearch.adapters.metadata import flat_metadata
from codesearch.api import CodeIndex
from indexer.errors import MissingExtraError
from indexer.records import Passage
from indexer.search_defaults import DEFAULT_K, DEFAULT_MODE

try:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from pydantic import ConfigDict

    if TYPE_CHECKING:  # LangChain, whose class is one of pydantic's, need not be installed to check types
        from pydantic import BaseModel as BaseRetriever
    else:
        from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise MissingExtraError(
        "The LangChain retriever needs a package: pip install 'codesearch-local[langchain]'."
    ) from error


class CodesearchRetriever(BaseRetriever):
    """The passages of `CodeIndex.search` as LangChain documents, best first.

    A document's text is the passage's; its metadata is all else of it in scalars, as vector stores take it
    (see `codesearch.adapters.metadata`), and `source` is `path:start-end`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: CodeIndex
    k: int = DEFAULT_K
    mode: str = DEFAULT_MODE
    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    regex: str | None = None
    kinds: tuple[str, ...] = ()
    budget_tokens: int | None = None
    tokenizer: str | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        passages = self.index.search(
            query,
            k=self.k,
            mode=self.mode,
            languages=self.languages,
            paths=self.paths,
            regex=self.regex,
            kinds=self.kinds,
            budget_tokens=self.budget_tokens,
            tokenizer=self.tokenizer,
        )
        return [_document(passage) for passage in passages]


def _document(passage: Passage) -> Document:
    source = f"{passage.full_path}:{passage.start_line}-{passage.end_line}"
    return Document(
        id=source, page_content=passage.text, metadata={**flat_metadata(passage), "source": source}
    )
