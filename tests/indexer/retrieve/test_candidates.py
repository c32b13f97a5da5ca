from __future__ import annotations

import pytest

from indexer.records import Mode, SearchRequest
from indexer.search import Searcher


@pytest.mark.parametrize("mode", list(Mode))
def test_an_answer_tells_whether_its_words_are_known(task_queue, mode):
    looked_for = mode in (Mode.HYBRID, Mode.LEXICAL)
    with Searcher.open(task_queue) as searcher:
        for query, known in (("zzqx", False), ("zzqx vvkw", False), ("zzqx queue", True), ("how do I", True)):
            result = searcher.search(SearchRequest(query=query, mode=mode))
            assert result.has_words == (known or not looked_for), query
