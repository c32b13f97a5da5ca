"""`ask` against a chat server in this process: it streams, refuses, babbles, and goes silent."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from codesearch.agents.ask import ChatSettings, CitationChecker, Conversation, chat_settings
from codesearch.api import CodeIndex
from codesearch.cli.main import cli
from codesearch.workspace import Workspace, _Open
from indexer.errors import ChatError, InputError


class ChatServer:
    """A local OpenAI-compatible server; `behave(handler)` answers each request."""

    def __init__(self):
        self.requests = []
        self.released = threading.Event()
        self.behave = self.saying("Routes are registered by add_route [1].")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(
                    {"path": self.path, "key": self.headers["Authorization"], **json.loads(body)}
                )
                outer.behave(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def saying(self, text, n_pieces=7, finish="stop"):
        def behave(handler):
            start(handler)
            step = -(-len(text) // n_pieces)
            for at in range(0, len(text), step):
                send(handler, event(text[at : at + step]))
            send(handler, event(None, finish))
            handler.wfile.write(b"data: [DONE]\n\n")

        return behave

    def failing(self, code, message="no", **headers):
        def behave(handler):
            body = json.dumps({"error": {"message": message}}).encode()
            handler.send_response(code)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return behave

    def silent(self, after=None):
        def behave(handler):
            if after is not None:
                start(handler)
                send(handler, event(after))
            self.released.wait(30)

        return behave


def start(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()


def event(content, finish=None):
    delta = {} if content is None else {"content": content}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}  # fmt: skip


def send(handler, value):
    handler.wfile.write(
        b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"
    )
    handler.wfile.flush()


@pytest.fixture
def chat(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def repositories(fake, tmp_path, monkeypatch):
    """Two repositories with an engine in memory."""
    searchers = {
        "web": fake({"router.py": "def add_route(path):\n    routes[path] = 1\n", "docs.txt": "routes\n"}),
        "shop": fake({"cart.py": "def routes_to_cart():\n    return 2\n"}),
    }
    for name in searchers:
        (tmp_path / name).mkdir()

    def opened(names):
        found = Workspace([tmp_path / name for name in names])
        for name in names:
            found._open[name] = _Open(CodeIndex(tmp_path / name, searchers[name]))
        return found

    return opened


def converse(chat, repositories, names=("web",), **settings):
    values = {"base_url": chat.url, "model": "tiny", "silence_seconds": 20.0, "n_retries": 0, **settings}
    return Conversation(repositories(names), ChatSettings(**values), budget_tokens=500)


def test_an_answer_streams_and_its_sources_are_listed(chat, repositories):
    conversation = converse(chat, repositories, key="sesame")
    turn = conversation.retrieve("routes")
    pieces = list(conversation.answer(turn))
    assert len(pieces) > 3
    assert "".join(pieces) == turn.answer == "Routes are registered by add_route [1]."
    assert conversation.sources(turn) == ["[1] router.py:1-2 add_route"]
    (request,) = chat.requests
    assert (request["path"], request["model"], request["stream"]) == ("/v1/chat/completions", "tiny", True)
    assert request["key"] == "Bearer sesame"
    system, user = request["messages"]
    assert system["role"] == "system"
    assert "[1] router.py:1-2 add_route\n```\ndef add_route(path):\n" in user["content"]
    assert user["content"].endswith("\n\nQuestion: routes")


def test_a_citation_that_does_not_exist_is_marked(chat, repositories):
    chat.behave = chat.saying("See [1], [7] and [1, 9]; rows[3] and `x = [8]` are code.", n_pieces=50)
    conversation = converse(chat, repositories)
    turn = conversation.retrieve("routes")
    assert "".join(conversation.answer(turn)) == (
        "See [1], [7: no such excerpt] and [1, 9: no such excerpt]; rows[3] and `x = [8]` are code."
    )
    assert (turn.cited, turn.unknown) == ({1}, {7, 9})


def test_a_follow_up_keeps_numbers_and_remembers(chat, repositories):
    conversation = converse(chat, repositories)
    first = conversation.retrieve("routes")
    list(conversation.answer(first))
    chat.behave = chat.saying("As [1] said, and [3].")
    second = conversation.retrieve("add_route")
    list(conversation.answer(second))
    assert (first.first_number, second.first_number) == (1, 3)
    roles = [message["role"] for message in chat.requests[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert chat.requests[-1]["messages"][1]["content"] == "routes"
    assert "[3] router.py" in chat.requests[-1]["messages"][3]["content"]
    assert second.cited == {1, 3}


def test_excerpts_of_every_turn_keep_to_the_budget(repositories):
    conversation = Conversation(repositories(["web"]), None, budget_tokens=300, tokenizer=len)
    conversation.excerpts = [None] * 99_999
    turn = conversation.retrieve("routes")
    assert turn.context.n_tokens == len(turn.context.text) <= 300
    message = conversation._messages(turn)[-1]["content"]
    assert message.startswith("[100000] router.py")
    assert len(message.removesuffix("\n\nQuestion: routes")) <= 300


def failure(conversation):
    turn = conversation.retrieve("routes")
    with pytest.raises(ChatError) as caught:
        list(conversation.answer(turn))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, "Access to the chat server at"),
        (403, "Access to the chat server at"),
        (404, "tiny or its path was not found by the chat server at"),
        (429, "The rate limit of the chat server at"),
        (400, "Error 400 from the chat server at"),
        (500, "Error 500 from the chat server at"),
    ],
)
def test_refusals(chat, repositories, code, message):
    chat.behave = chat.failing(code, "the\nreason")
    assert failure(converse(chat, repositories)).startswith(message)


def test_a_rate_limit_is_waited_for(chat, repositories):
    answers = iter([chat.failing(429, retry_after_ms="1"), chat.behave])
    chat.behave = lambda handler: next(answers)(handler)
    conversation = converse(chat, repositories, n_retries=1)
    assert "".join(conversation.answer(conversation.retrieve("routes"))).endswith("[1].")
    assert len(chat.requests) == 2


def test_silence_before_and_within_an_answer(chat, repositories):
    chat.behave = chat.silent()
    assert "Nothing came from the chat server" in failure(converse(chat, repositories, silence_seconds=0.2))
    chat.behave = chat.silent(after="Routes are")
    conversation = converse(chat, repositories, silence_seconds=0.2)
    assert "0.2 s" in failure(conversation)
    assert conversation.turns[-1].answer == "Routes are"


def test_ten_seconds_of_silence_end_a_question(command, chat, monkeypatch):
    import openai

    real, asked = openai.OpenAI, []

    def fast(timeout, **more):  # a clock a hundred times faster
        asked.append(timeout)
        return real(timeout=timeout / 100, **{**more, "max_retries": 0})

    monkeypatch.setattr(openai, "OpenAI", fast)
    chat.behave = chat.silent(after="Routes are")
    result = command("routes", "--base-url", chat.url, "--model", "tiny", "--timeout", "10")
    assert result.exit_code == 2
    assert (asked, result.stdout) == ([10.0], "Routes are")
    assert "10 s" in result.stderr


@pytest.mark.parametrize(
    "babble", [b"{broken", b"[1, 2]", b'"text"', b'{"choices": [{"delta": 5}]}', b"\xff\xfe"]
)
def test_broken_json(chat, repositories, babble):
    def behave(handler):
        start(handler)
        send(handler, babble)

    chat.behave = behave
    assert "http://127.0.0.1" in failure(converse(chat, repositories))


def test_a_page_of_html_is_no_answer(chat, repositories):
    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(b"<html>login</html>")

    chat.behave = behave
    assert "sent an empty answer" in failure(converse(chat, repositories))


def test_a_connection_that_breaks(chat, repositories):
    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", "10000")
        handler.end_headers()
        send(handler, event("Routes"))
        handler.close_connection = True

    chat.behave = behave
    assert "chat server at http://127.0.0.1" in failure(converse(chat, repositories))


def test_nobody_there(repositories, chat):
    settings = ChatSettings("http://127.0.0.1:9/v1", "tiny", n_retries=0)
    message = failure(Conversation(repositories(["web"]), settings))
    assert (
        message == "Cannot reach the chat server at http://127.0.0.1:9/v1; start it, or correct --base-url."
    )


def test_a_length_limit_is_noticed(chat, repositories):
    chat.behave = chat.saying("Routes [1] are", finish="length")
    conversation = converse(chat, repositories)
    turn = conversation.retrieve("routes")
    list(conversation.answer(turn))
    assert turn.cut


def test_settings_are_checked():
    assert chat_settings(None, None, None) is None
    assert chat_settings("http://x/v1", "m", None, silence_seconds=3.0) == ChatSettings(
        "http://x/v1", "m", "", 3.0
    )
    for url, model, message in [
        ("http://x", None, "The chat model"),
        (None, "m", "The chat base URL"),
        ("localhost:11434", "m", "is not a base URL"),
        ("file:///etc/passwd", "m", "is not a base URL"),
    ]:
        with pytest.raises(InputError, match=message):
            chat_settings(url, model, None)


@given(st.text("[]0123456789,` a-", max_size=40), st.data())
def test_however_it_is_cut_the_marks_are_the_same(text, data):
    whole = CitationChecker(3)
    expected = whole.feed(text) + whole.end()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    checker = CitationChecker(3)
    assert "".join(map(checker.feed, pieces)) + checker.end() == expected
    assert (checker.cited, checker.unknown) == (whole.cited, whole.unknown)


# --- the command --------------------------------------------------------------------------------------


@pytest.fixture
def command(repositories, monkeypatch, tmp_path):
    """Run `codesearch ask` over the engine in memory."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("BASE_URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"CODESEARCH_CHAT_{name}", raising=False)
    monkeypatch.setattr("codesearch.workspace.Workspace", lambda folders, **_: repositories(["web"]))

    def run(*arguments, **options):
        return CliRunner().invoke(cli, ["ask", *map(str, arguments)], **options)

    return run


def test_the_command_prints_answer_and_sources(command, chat):
    result = command("routes", "--base-url", chat.url, "--model", "tiny", "--show-context")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "Routes are registered by add_route [1].\n\n[1] router.py:1-2 add_route\n"
    assert "[2] docs.txt:1-1\n" in result.stderr


def test_the_command_marks_and_says_what_is_not_there(command, chat, monkeypatch):
    monkeypatch.setenv("CODESEARCH_CHAT_BASE_URL", chat.url)
    monkeypatch.setenv("CODESEARCH_CHAT_MODEL", "tiny")
    chat.behave = chat.saying("Look at [5].\x1b[2J")
    result = command("routes")
    assert result.stdout == "Look at [5: no such excerpt].␛[2J\n\n"
    assert result.stderr == "The answer cites 1 excerpt that does not exist; it is marked in it.\n"


def test_without_an_endpoint_the_context_is_printed(command):
    result = command("routes")
    assert result.exit_code == 2
    assert "[1] router.py:1-2 add_route\n" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("codesearch: No chat model is configured: give --base-url and --model (as ")


def test_follow_up_questions(command, chat):
    result = command(
        "routes", "--chat", "--base-url", chat.url, "--model", "tiny", input="and add_route?\n\n"
    )
    assert result.exit_code == 0
    assert len(chat.requests) == 2
    assert result.stdout.count("Routes are registered") == 2


def test_a_question_without_an_answer_in_the_index(command, chat):
    result = command("xyzzy", "--base-url", chat.url, "--model", "tiny")
    assert (result.exit_code, result.stdout, chat.requests) == (1, "", [])
    assert result.stderr == "Nothing in the index answers the query.\n"


def test_bad_input_of_the_command(command):
    for arguments, message in [
        ([], "Ask something"),
        (["routes", "--base-url", "http://x"], "The chat model (--model) is missing"),
        (["routes", "--timeout", "0"], "0.0 is not in the range"),
        (["  "], "The query is empty"),
    ]:
        result = command(*arguments)
        assert result.exit_code == 2
        assert message in result.stderr
