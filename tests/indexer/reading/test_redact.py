"""Credentials are covered, positions stay, and ordinary code is left as it is.

Every credential here is made up, and put together from parts so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.reading.redact import cover, find_secrets, quoted_values, redact
from indexer.reading.secret_rules import NAME_STARTS, QUOTED
from indexer.records import SourceFile

LETTERS = string.ascii_letters
ALNUM = LETTERS + string.digits
HEX = "0123456789abcdef"


def made_up(n_chars: int, alphabet: str = ALNUM, seed: int = 1) -> str:
    draw = random.Random(f"{n_chars} {alphabet} {seed}")
    return "".join(draw.choice(alphabet) for _ in range(n_chars))


def key_block(kind: str = "RSA ") -> str:
    body = "\n".join(made_up(64, ALNUM + "+/", n) for n in range(6))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----\n"


ISSUED = {
    "aws": "AKIA" + made_up(16, string.ascii_uppercase + string.digits),
    "github": "ghp_" + made_up(36),
    "github fine": "github_pat_" + made_up(82, ALNUM + "_"),
    "gitlab": "glpat-" + made_up(20),
    "slack": "xoxb-" + made_up(12, string.digits) + "-" + made_up(24),
    "stripe": "sk_live_" + made_up(24),
    "google": "AIza" + made_up(35),
    "google oauth": "GOCSPX-" + made_up(28),
    "sendgrid": "SG." + made_up(22) + "." + made_up(43),
    "mailgun": "key-" + made_up(32, HEX),
    "mailchimp": made_up(32, HEX) + "-us12",
    "npm": "npm_" + made_up(36),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + made_up(70),
    "openai": "sk-" + made_up(20) + "T3Blbk" + "FJ" + made_up(20),
    "anthropic": "sk-ant-" + made_up(60),
    "hugging face": "hf_" + made_up(34, LETTERS),
    "databricks": "dapi" + made_up(32, HEX),
    "digitalocean": "dop_v1_" + made_up(64, HEX),
    "telegram": made_up(9, string.digits) + ":AA" + made_up(33),
    "vault": "hvs." + made_up(40),
    "grafana": "glsa_" + made_up(32) + "_" + made_up(8, HEX),
    "shopify": "shpat_" + made_up(32, HEX),
    "square": "sq0atp-" + made_up(22),
    "age": "AGE-SECRET-KEY-1" + made_up(58, string.ascii_uppercase + string.digits),
    "jwt": "eyJ" + made_up(30) + ".eyJ" + made_up(50) + "." + made_up(43),
    "postman": "PMAK-" + made_up(24, HEX) + "-" + made_up(34, HEX),
}


@pytest.mark.parametrize("name", ISSUED)
def test_issued_credentials_are_covered_wherever_they_stand(name: str) -> None:
    value = ISSUED[name]
    for text in (value, f'client = Client("{value}")', f"# old one: {value}\n", f"a={value};b=2"):
        covered = cover(text)
        assert value not in covered
        assert len(covered) == len(text)
        assert "*" * 12 in covered


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("https://deploy:", "kJ8s" + "-d2Lq0", "@db.internal:5432/x"),
        ("aws_secret_access_key = ", made_up(40, ALNUM + "/+"), "\n"),
        ("AccountName=x;AccountKey=", made_up(86, ALNUM + "+/") + "==", ";"),
        ("curl -H 'Authorization: Bearer ", made_up(40), "'"),
        ("//registry.example.org/:_authToken=", made_up(36, HEX), "\n"),
        ('db_password = "', "t7" + "Gh!kQ92x", '"'),
        ("'api_key': '", made_up(24), "',"),
        ("setPassword(`", "9xK2" + "mPq7vL", "`)"),
        ('client_secret := "', made_up(32, HEX), '"'),
        ("export DB_PASSWORD=", "9xK2" + "mPq7vL", "\n"),
        ("  token: ", made_up(30), "\n"),
        ("https://hooks.slack.com/services/", "T0" + made_up(8) + "/B0" + made_up(8) + "/" + made_up(24), ""),
    ],
)
def test_credentials_known_by_what_is_around_them(before: str, value: str, after: str) -> None:
    assert cover(before + value + after) == before + "*" * len(value) + after


def test_the_body_of_a_private_key_is_covered_and_its_borders_stay() -> None:
    for text in (key_block(), key_block("EC "), key_block("OPENSSH "), repr(key_block())):
        covered = cover(f"KEY = {text}")
        assert "PRIVATE KEY-----" in covered
        assert made_up(64, ALNUM + "+/", 3) not in covered
        assert len(covered) == len(f"KEY = {text}")
        assert covered.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        'password = "password"',
        'password = os.environ["DB_PASSWORD"]',
        "password: ${DB_PASSWORD}",
        'api_key = "YOUR_API_KEY_1234"',
        'secret = "changeme123"',
        'token_url = "https://example.org/oauth2/token"',
        'TOKEN = "[a-zA-Z_][a-zA-Z0-9_-]*"',
        'csrf_token_name = "csrf-token-header"',
        'commit = "' + made_up(40, HEX) + '"',
        '"sha256": "' + made_up(64, HEX) + '"',
        "integrity sha512-" + made_up(86) + "==",
        'id = "123e4567-e89b-12d3-a456-426614174000"',
        "postgres://user:password@localhost/db",
        "https://user:pass@host/",
        "AKIAIOSFODNN7EXAMPLE",
        'if "-----BEGIN PRIVATE KEY-----" in text and "-----END PRIVATE KEY-----" in text: pass',
        "def check_password(password: str, hashed: str) -> bool: return hash(password) == hashed",
        "token = tokens[position + 1]",
        "secret: my-kubernetes-secret\n",
        "password_file: /run/secrets/db_password_1\n",
        "tokenizer = AutoTokenizer.from_pretrained('model-v2-8192')",
        "this.accessKeyLabel = 'accessKeyLabel2'",
    ],
)
def test_code_that_only_speaks_of_credentials_stays(text: str) -> None:
    assert find_secrets(text, "yaml") == []


def test_a_file_keeps_its_lines_and_its_figures() -> None:
    text = f"\ufeffa\r\n{ISSUED['github']}\r\nüñî = '{ISSUED['google']}'\r\n"
    result = redact(SourceFile("a.py", text, "python", "0" * 64, 99))
    assert [len(line) for line in result.source.text.splitlines()] == [
        len(line) for line in text.splitlines()
    ]
    assert (result.source.sha256, result.source.n_bytes, len(result.secrets)) == ("0" * 64, 99, 2)


@given(st.text(max_size=300), st.sampled_from(sorted(ISSUED.values())), st.text(max_size=300))
def test_any_text_keeps_its_length_and_what_is_no_credential(before: str, value: str, after: str) -> None:
    text = f"{before} {value} {after}"
    covered = cover(text)
    assert len(covered) == len(text)
    assert all(new in (old, "*") for old, new in zip(text, covered, strict=True))
    assert value not in covered
    assert cover(covered) == covered


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----" * 20_000,
        "://a:" * 100_000,
        "https://" + "a" * 500_000,
        "password" * 60_000,
        "password=" * 60_000,
        "api_key" + " " * 500_000,
        "aws" * 200_000,
        "eyJ" + "a" * 500_000,
        "eyJaaaaaaaaaa.eyJ" * 30_000,
        "token: " + "x1" * 250_000,
        "\n".join(["secret = "] * 50_000),
        "_token" * 80_000,
        "glpat-" * 80_000,
        ":_authToken" * 40_000 + " " * 100_000,
        "authorization" * 40_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    """Half a megabyte that nearly matches, over and over."""
    started = time.process_time()
    find_secrets(text, "yaml")
    assert time.process_time() - started < 2.0


_PARTS = (
    *NAME_STARTS, "PassWord", "ord", "key", "_KEY", "-key", "ial", "s", " = ", ": ", "=>", "(", "'", '"', "]",
    "a1b2c3d4e5", made_up(12), " ", "\n", "x", "ſecret", "ß",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PARTS), max_size=40).map("".join))
def test_values_are_found_as_by_the_pattern_tried_everywhere(text: str) -> None:
    assert [match.span() for match in quoted_values(text)] == [
        match.span() for match in QUOTED.finditer(text)
    ]


@pytest.mark.parametrize("start", NAME_STARTS)
def test_a_name_of_every_kind_gives_its_value_away(start: str) -> None:
    ends = {"passw": "ord", "pwd": "", "secret": "", "token": "", "passphrase": "", "credential": "s"}
    text = f"{start}{ends.get(start, '_key')} = '{made_up(24)}'"
    assert len(list(quoted_values(text))) == 1
