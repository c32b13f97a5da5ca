"""A LangChain retriever over an index. Extra: `pip install 'codesearch[langchain]'`.

from codesearch import CodeIndex
from codesearch.adapters.langchain import CodesearchRetriever
retriever = CodesearchRetriever(index=CodeIndex.open("repo"), k=5)
documents = retriever.invoke("how are routes registered")
"""

from __future__ import annotations

from codesearch.api import CodeIndex
from codesearch.render.passages import passage_dict
from indexer.errors import MissingExtraError
from indexer.records import Passage
from indexer.settings import DEFAULT_K, DEFAULT_MODE

try:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from pydantic import ConfigDict
except ImportError as error:
    raise MissingExtraError(
        "The LangChain retriever needs a package: pip install 'codesearch[langchain]'."
    ) from error


class CodesearchRetriever(BaseRetriever):
    """The passages of `CodeIndex.search` as LangChain documents, best first.

    A document's text is the passage's; its metadata is the passage of the JSON schema without the text
    (see `codesearch.render.passages`), and `source` is `path:start-end`.
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
    metadata = passage_dict(passage)
    text = metadata.pop("text")
    source = f"{passage.path}:{passage.start_line}-{passage.end_line}"
    return Document(id=source, page_content=text, metadata={**metadata, "source": source})
