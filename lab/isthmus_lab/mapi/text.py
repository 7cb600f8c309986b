"""Texts of mail: character sets that lie, header words, HTML as plain text. Nothing here fails on bad input."""

import binascii
import re
from email.errors import HeaderParseError
from email.header import decode_header
from html.parser import HTMLParser

# Names that mail uses for something Python calls otherwise, or that in practice mean a larger set.
_CHARSETS = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
}


def decode_bytes(raw: bytes, charset: str | None = None) -> str:
    """The text of bytes that claim a character set: that one if it fits, else UTF-8, else Windows-1252."""
    claimed = (charset or "").strip().strip("\"'").lower()
    name = _CHARSETS.get(claimed, claimed)
    # 8-bit text that says it is ASCII or nothing is UTF-8 more often than anything else.
    guesses = ["utf-8", name] if name in ("", "cp1252") else [name, "utf-8"]
    for guess in (*filter(None, guesses), "cp1252"):
        try:
            return raw.decode(guess).removeprefix("\ufeff")
        except (UnicodeError, LookupError, ValueError):
            continue
    return raw.decode("latin-1")


def header_text(value: str) -> str:
    """A header's value as text: unfolded, encoded words (RFC 2047) decoded, raw 8-bit characters guessed."""
    if not value.isascii():  # the parser keeps raw bytes as lone surrogates
        value = decode_bytes(value.encode("utf-8", "surrogateescape"))
    value = re.sub(r"\r?\n[ \t]*", " ", value).strip()
    if "=?" not in value:
        return value
    try:
        words = decode_header(value)
        return "".join(word if isinstance(word, str) else decode_bytes(word, charset) for word, charset in words)
    except (HeaderParseError, binascii.Error, ValueError, LookupError):
        return value


def crlf(text: str) -> str:
    """Line ends as mail and MAPI have them."""
    return re.sub(r"\r\n|\r|\n", "\r\n", text)


def utf8_html(html: str) -> bytes:
    """The HTML in UTF-8, with a <meta> that says so where one said otherwise."""
    return re.sub(
        r"(<meta[^>]{0,200}charset=[\"']?)[\w.:-]+", r"\g<1>utf-8", html, count=2, flags=re.IGNORECASE
    ).encode("utf-8", "replace")


def text_from_html(html: str) -> str:
    """The HTML's text with the line ends a reader would see; links and images are left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t\r\n\f]+", " ", line).strip() for line in "".join(reader.parts).split("\n")]
    return crlf(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip().replace("\xa0", " "))


_BREAKS = {"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "hr"}
_SILENT = {"style", "script", "head", "title"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.silent += tag in _SILENT
        if tag in _BREAKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in _SILENT))
        if tag in _BREAKS and tag not in ("br", "hr", "li", "tr"):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(re.sub(r"[\r\n]+", " ", data))
