from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import indexer
from codesearch.answers import counting
from codesearch.answers.counting import TokenCounter, counter_for
from indexer.errors import InputError, MissingExtraError
from indexer.models.tokens import load_tokenizer

BUNDLED = Path(indexer.__file__).parent / "models" / "codesearch-edge" / "tokenizer.json"


def test_the_bundled_tokenizer_splits_identifiers_and_skips_white_space():
    counter = counter_for("codesearch-edge")
    assert counter.name == "codesearch-edge"
    assert counter.count("getUserName") == counter.count("get  user\n\tname") == 3
    assert counter.count("") == 0


@pytest.mark.parametrize("text", ["rows[d] = getUserName(x)", "[CLS] x [SEP]", "naïve\nplain Text\n\t中文"])
def test_the_bundled_counter_counts_as_its_tokenizer_does(text):
    expected = len(load_tokenizer(BUNDLED).encode(text, add_special_tokens=False))
    assert counter_for("codesearch-edge").count(text) == expected


def test_a_function_an_object_and_a_tokenizer_are_counters():
    class Encoder:
        name = "mine"

        def encode(self, text):
            return text.split()

    assert isinstance(counter_for(None), TokenCounter)
    assert counter_for(len).count("four") == 4
    assert counter_for(len).name == "len"
    assert counter_for(Encoder()).count("a b c") == 3
    assert counter_for(Encoder()).name == "mine"
    assert counter_for(counter_for(len)).name == "len"


def test_a_text_is_counted_once_within_an_answer():
    texts = []
    counter = counting.remembering(counter_for(lambda text: texts.append(text) or len(text)))
    assert [counter.count(text) for text in ("ab", "abc", "ab")] == [2, 3, 2]
    assert texts == ["ab", "abc"]


def test_a_tokenizer_file(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(2)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    assert counter_for(str(path)).count("a b c d") == 4
    path.with_name("broken.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read as a tokenizer"):
        counter_for(str(path.with_name("broken.json")))
    with pytest.raises(InputError, match="There is no tokenizer file"):
        counter_for(str(path.with_name("none.json")))


@pytest.mark.parametrize("name", ["gpt-9", 7])
def test_what_is_no_tokenizer(name):
    with pytest.raises(InputError, match="tokenizer"):
        counter_for(name)


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """No vocabulary cached, and nothing remembered from other tests."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for function in (counting._default_counter, counting._named):
        function.cache_clear()
    yield tmp_path
    for function in (counting._default_counter, counting._named):
        function.cache_clear()


def test_without_a_cached_vocabulary_the_default_is_the_bundled_one(fresh):
    assert counter_for("auto").name == "codesearch-edge"
    with pytest.raises(MissingExtraError, match="cl100k_base"):
        counter_for("cl100k_base")


def test_a_damaged_vocabulary_counts_as_absent_and_is_left_alone(fresh):
    url = counting._TIKTOKEN_URL.format(name="cl100k_base")
    path = fresh / hashlib.sha1(url.encode()).hexdigest()
    path.write_bytes(b"damaged")
    assert counter_for("auto").name == "codesearch-edge"
    assert path.read_bytes() == b"damaged"


def test_a_cached_vocabulary_is_the_default(fresh, monkeypatch):
    """A stand-in of 256 single bytes, so that a token is a byte."""
    tiktoken = pytest.importorskip("tiktoken")
    encoding = tiktoken.Encoding(
        "cl100k_base",
        pat_str=r"(?s:.)",
        mergeable_ranks={bytes([b]): b for b in range(256)},
        special_tokens={"<|e|>": 256},
    )
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: encoding)
    monkeypatch.setitem(counting._TIKTOKEN_SHA256, "cl100k_base", hashlib.sha256(b"ok").hexdigest())
    url = counting._TIKTOKEN_URL.format(name="cl100k_base")
    (fresh / hashlib.sha1(url.encode()).hexdigest()).write_bytes(b"ok")
    assert counter_for(None).name == "cl100k_base"
    assert counter_for(None).count("<|e|>") == 5
