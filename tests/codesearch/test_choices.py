"""The words a person may choose among are the same wherever they are listed again."""

from __future__ import annotations

from typing import get_args

from codesearch.agents import mcp_server, shared_parameters
from codesearch.choices import CONTEXT_FORMATS, MODES
from codesearch.render import context_blocks
from codesearch.service import operations
from indexer.records import Mode


def test_modes_are_one_list():
    assert tuple(Mode) == MODES
    assert get_args(get_args(shared_parameters.Mode)[0]) == MODES
    assert get_args(operations.Search.model_fields["mode"].annotation) == MODES


def test_forms_of_a_context_block_are_one_list():
    assert tuple(context_blocks._FORMATS) == CONTEXT_FORMATS
    assert set(get_args(get_args(mcp_server.BlockForm)[0])) == {*CONTEXT_FORMATS} - {"messages"}
    assert get_args(operations.Context.model_fields["format"].annotation) == CONTEXT_FORMATS
