"""Tokens, and the characters they cover, with the bundled model's tokenizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import CheckpointError
from indexer.models import tokens as module
from indexer.models.checkpoint import Checkpoint, open_checkpoint
from indexer.models.tokens import ChunkTokenizer
from indexer.records import Chunk

CLS, SEP, QUERY, DOCUMENT = 2, 3, 5, 6


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return open_checkpoint("codesearch-edge")


@pytest.fixture(scope="module")
def tokenizer(checkpoint: Checkpoint) -> ChunkTokenizer:
    return ChunkTokenizer(checkpoint)


def chunk(text: str, start_char: int = 0, header: str = "a/b.py") -> Chunk:
    return Chunk(0, "a/b.py", "", "python", text, start_char, start_char + len(text), 1, 1, 0, (), header)


def covered(text: str, tokenizer: ChunkTokenizer) -> list[str]:
    (offsets,) = tokenizer.file_offsets([text])
    return [text[start:end] for start, end in offsets.tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserName", ["get", "User", "Name"]),
        ("parse_HTTPRequest", ["parse", "HTTP", "Request"]),
        ("a\r\n\r\n\tb", ["a", "b"]),
        ("\tif x:\n", ["if", "x", ":"]),
        ("naïve = Größe", ["na", "ï", "ve", "=", "Gr", "ö", "ß", "e"]),
        ("日本 x", ["日本", "x"]),
        ("fooBar2Baz", ["foo", "Bar", "2", "Baz"]),
    ],
)
def test_offsets_point_into_the_original_text(
    tokenizer: ChunkTokenizer, text: str, expected: list[str]
) -> None:
    assert covered(text, tokenizer) == expected


def test_emoji_and_combining_accents_keep_their_places(tokenizer: ChunkTokenizer) -> None:
    text = "x = '😀' + cafe\u0301 + end"
    (offsets,) = tokenizer.file_offsets([text])
    places = {text[start:end] for start, end in offsets.tolist()}
    assert {"😀", "end"} <= places
    assert offsets[-1].tolist() == [len(text) - 3, len(text)]
    assert any(part.startswith("caf") for part in places)


@given(text=st.text(max_size=300))
def test_offsets_are_ordered_and_inside_any_text(tokenizer: ChunkTokenizer, text: str) -> None:
    (offsets,) = tokenizer.file_offsets([text])
    assert (offsets[:, 0] <= offsets[:, 1]).all()
    assert (np.diff(offsets[:, 0]) >= 0).all()
    assert len(offsets) == 0 or (offsets[0, 0] >= 0 and offsets[-1, 1] <= len(text))
    assert len(offsets) == tokenizer.count(text)


def test_a_document_is_cls_prefix_header_text_sep(tokenizer: ChunkTokenizer) -> None:
    (found,) = tokenizer.tokenize([chunk("def getName():\n    pass\n", start_char=1000)])
    assert found.input_ids[:2].tolist() == [CLS, DOCUMENT]
    assert found.input_ids[-1] == SEP
    # Header: a / b . py
    assert (found.n_header, found.n_tail) == (2 + 5, 1)
    assert (found.token_chars[: found.n_header] == -1).all()
    assert found.token_chars[-1].tolist() == [-1, -1]
    assert found.token_chars[found.n_header].tolist() == [1000, 1003]
    assert found.input_ids.dtype == found.token_chars.dtype == np.int32
    assert tokenizer.count_header("a/b.py") == 2 + 5 + 1


def test_a_chunk_without_header_or_without_text(tokenizer: ChunkTokenizer) -> None:
    bare, empty = tokenizer.tokenize([chunk("  \n x", 10, header=""), chunk("", 0)])
    assert bare.n_header == 2
    assert bare.token_chars.tolist() == [[-1, -1], [-1, -1], [14, 15], [-1, -1]]
    assert empty.n_header == len(empty.input_ids) - 1


@given(texts=st.lists(st.text(alphabet="abX_ \n\t({é😀1", max_size=60), min_size=1, max_size=4))
def test_a_chunks_tokens_are_the_files_tokens(tokenizer: ChunkTokenizer, texts: list[str]) -> None:
    file_offsets = tokenizer.file_offsets(texts)
    found = tokenizer.tokenize([chunk(text) for text in texts])
    for tokenized, offsets in zip(found, file_offsets, strict=True):
        assert tokenized.token_chars[tokenized.n_header : -1].tolist() == offsets.tolist()


def test_a_whole_file_is_read_once_as_its_chunk_and_its_offsets_would_be(
    tokenizer: ChunkTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("def getName():\n    pass\n\n\n", "\n  lead\n", "é…\n\tx", " \n", "", "one"):
        for header in ("a/b.py", "a/b.py Some.name", ""):
            (found,) = tokenizer.tokenize_whole([text], [header])
            (expected,) = tokenizer.tokenize([chunk(text, header=header)])
            assert found is not None
            assert found.input_ids.tolist() == expected.input_ids.tolist()
            assert found.token_chars.tolist() == expected.token_chars.tolist()
            assert (found.n_header, found.n_tail) == (expected.n_header, expected.n_tail)
            of_text = found.token_chars[found.n_header : len(found.token_chars) - found.n_tail]
            assert of_text.tolist() == tokenizer.file_offsets([text])[0].tolist()
    monkeypatch.setattr("indexer.models.tokens._SEGMENT_CHARS", 3)
    assert tokenizer.tokenize_whole(["four"], ["a/b.py"]) == [None]


def test_long_texts_are_tokenised_in_pieces_with_the_same_result(
    tokenizer: ChunkTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def someName(argOne):\n    return 'é' + other\n" * 40
    (whole,) = tokenizer.file_offsets([text])
    monkeypatch.setattr(module, "_SEGMENT_CHARS", 100)
    monkeypatch.setattr(module, "_BATCH_CHARS", 250)
    pieces, empty, again = tokenizer.file_offsets([text, "", text])
    assert pieces.tolist() == again.tolist() == whole.tolist()
    assert empty.shape == (0, 2)
    assert tokenizer.count(text) == len(whole)
    chunks = [chunk(text, 7), chunk("x"), chunk(text)]
    assert [len(one.input_ids) for one in tokenizer.tokenize(chunks)] == [len(whole) + 8, 9, len(whole) + 8]


def test_a_query_is_cut_to_its_length_and_keeps_its_end(tokenizer: ChunkTokenizer) -> None:
    short = tokenizer.tokenize_query("getUserName fails")
    assert short.input_ids[:2].tolist() == [CLS, QUERY]
    assert short.input_ids[-1] == SEP
    assert [token.text for token in short.tokens] == ["", "", "get", "User", "Name", "fails", ""]
    assert short.tokens[3].start_char == 3
    assert short.n_seen == len(short.input_ids) == len(short.tokens)
    long = tokenizer.tokenize_query("word " * 10_000)
    assert len(long.input_ids) == 128
    assert long.input_ids[-1] == SEP


def test_skip_ids_are_the_checkpoints_punctuation(tokenizer: ChunkTokenizer, checkpoint: Checkpoint) -> None:
    skipped = set(tokenizer.skip_ids().tolist())
    assert tokenizer.skip_ids() is tokenizer.skip_ids()
    (found,) = tokenizer.tokenize([chunk("( foo ) ;", header="")])
    assert [int(i) in skipped for i in found.input_ids] == [False, False, True, False, True, True, False]
    assert checkpoint.rows is not None
    assert len(skipped) == len(set(checkpoint.rows.skip_words))


def test_a_tokenizer_that_does_not_fit_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    small = replace(checkpoint, architecture=replace(checkpoint.architecture, vocab_size=100))
    with pytest.raises(CheckpointError, match="knows 32768 tokens, its weights 100"):
        ChunkTokenizer(small)
    with pytest.raises(CheckpointError, match=r"prefix '\[X\]' is not in its tokenizer"):
        ChunkTokenizer(replace(checkpoint, query_prefix="[X]"))
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json cannot be read"):
        ChunkTokenizer(replace(checkpoint, tokenizer_file=broken))
