"""Encodings that are read, and those that are refused."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.reading.decode import GUESSED, UndecodableError, decode, decode_file

seeded = settings(derandomize=True, database=None, deadline=None)


@seeded
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_utf8_comes_back_as_it_went_in(text: str) -> None:
    assert decode(text.encode()) == text.removeprefix("\ufeff")


@seeded
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_marked_encodings_come_back_without_their_mark(text: str) -> None:
    assert decode(codecs.BOM_UTF8 + text.encode()) == text
    assert decode(codecs.BOM_UTF16_LE + b"a\0" + text.encode("utf-16-le")) == "a" + text
    assert decode(codecs.BOM_UTF16_BE + text.encode("utf-16-be")) == text
    assert decode(codecs.BOM_UTF32_LE + text.encode("utf-32-le")) == text


@seeded
@given(st.binary())
def test_any_bytes_give_text_or_a_reason(content: bytes) -> None:
    try:
        text = decode(content)
    except UndecodableError as problem:
        assert problem.reason in ("binary", "encoding")  # noqa: PT017
        assert str(problem)  # noqa: PT017
    else:
        assert "\0" not in text
        text.encode()  # no lone surrogate


def test_line_ends_and_tabs_stay() -> None:
    assert decode(b"a\r\n\tb\rc\n") == "a\r\n\tb\rc\n"


def test_latin_1_is_the_fallback_with_windows_characters_in_its_gap() -> None:
    assert decode("// Größe des Puffers\n".encode("latin-1")) == "// Größe des Puffers\n"
    assert decode("a comment with a curly ’ in it\n".encode("cp1252")) == "a comment with a curly ’ in it\n"
    assert decode(b"x \x81 y caf\xe9 and more text\n") == "x \x81 y café and more text\n"


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ("# -*- coding: shift_jis -*-", "shift_jis"),
        ("<?xml encoding='GBK'?>", "gbk"),
        ("# coding=euc-jp", "euc-jp"),
    ],
)
def test_a_declared_encoding_is_believed_if_the_bytes_fit(declaration: str, encoding: str) -> None:
    text = f"{declaration}\n日本語のテキスト\n"
    assert decode(text.encode(encoding)) == text


COMMENTS = {
    "gb18030": ("解析配置文件并返回错误码", "如果缓冲区太小则返回错误"),
    "big5": ("解析設定檔案並傳回錯誤碼", "如果緩衝區太小則傳回錯誤"),
    "shift_jis": ("設定ファイルを読み込みます", "エラーの場合は負の値を返す"),
    "euc_jp": ("設定ファイルを読み込みます", "エラーの場合は負の値を返す"),
    "euc_kr": ("설정 파일을 읽습니다", "오류가 발생하면 음수를 반환"),
    "koi8-r": ("Читает файл настроек", "Если буфер мал, возвращает ошибку"),
    "cp1250": ("Načte soubor s nastavením", "žádný další řádek, příkazy"),
    "cp1251": ("Читает файл настроек", "Возвращает номер ошибки"),
    "cp1252": ("Prüft die Größe des Puffers", "Libère la mémoire allouée"),
    "cp1253": ("Διαβάζει το αρχείο ρυθμίσεων", "μέγεθος μνήμης"),
    "cp1254": ("Ayarlar dosyasını okur, şu değeri döndürür", "iş parçacığı başlatır"),
    "cp1255": ("קורא את קובץ ההגדרות", "משחרר זיכרון"),
    "cp1256": ("يقرأ ملف الإعدادات", "يحرر الذاكرة"),
    "cp874": ("อ่านไฟล์การตั้งค่า", "คืนค่าหน่วยความจำ"),
}
C_FUNCTION = "int read_config(const char *path)\n{\n    return path ? parse(path, 0) : -1;\n}\n"


@pytest.mark.parametrize("encoding", COMMENTS)
def test_comments_in_code_are_read_in_the_encoding_they_are_in(encoding: str) -> None:
    text = "".join(f"/* {comment} */\n{C_FUNCTION * 6}" for comment in COMMENTS[encoding])
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("sign", ["5 µs", "20 °C", "© 2001 José", "±3 §2", "£5", "naïve"])
def test_a_sign_or_two_are_western(sign: str) -> None:
    text = f"{C_FUNCTION}// {sign}\n{C_FUNCTION}"
    assert decode(text.encode("cp1252")) == text


def test_a_stated_encoding_is_believed_before_the_bytes_are_guessed_at() -> None:
    content = "// \u0448\u0443\u043c\n".encode("koi8-r")
    assert decode(content, lambda: ["nonsense", "zlib", "utf-8", "koi8-r"]) == "// шум\n"
    assert decode("日本".encode("iso2022_jp"), lambda: ["iso-2022-jp"]) == "日本"
    assert decode("a\n".encode("utf-16-le"), lambda: ["UTF-16LE"]) == "a\n"
    assert decode("größer".encode(), lambda: ["koi8-r"]) == "größer"


def test_utf8_with_a_broken_place_is_still_utf8() -> None:
    content = "über die Größe der Bücher, naïve façade\n".encode() * 20
    text = decode(content + b"\xff" + content)
    assert text.count("\ufffd") == 1
    assert "façade" in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"MZ\x00\x01", "binary"),
        (b"abc\x00def", "binary"),
        (b"\x01\x02\x03\x04\xff\xfe\xfd" * 100, "binary"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8a\x00", "encoding"),
        (codecs.BOM_UTF16_LE + b"a\0\0\0", "binary"),
        (bytes(range(255, 127, -1)) * 2, "encoding"),
    ],
)
def test_what_is_refused_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode(content)
    assert caught.value.reason == reason


def test_an_encoding_that_few_bytes_decide_is_said_to_be_a_guess():
    few = decode_file("// Größe\n".encode("latin-1"))
    assert few.text == "// Größe\n"
    assert few.doubt.startswith(f"{GUESSED} (windows-1252, from 2 bytes that are not ASCII): ")
    assert "from one byte that is not" in decode_file(b"// \xa9 somebody\n").doubt
    assert decode_file("// 端口\n".encode("gbk")).doubt.startswith(GUESSED)
    many = decode_file("// 端口被占用时报错，请检查配置文件\n".encode("gbk"))
    assert (many.text, many.doubt) == ("// 端口被占用时报错，请检查配置文件\n", "")
    assert not decode_file("// Größe\n".encode("latin-1"), lambda: ["iso8859-15"]).doubt
    assert not decode_file("// Größe\n".encode()).doubt
