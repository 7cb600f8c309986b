"""The body of an item: kept as HTML or text, shown as the one that is asked for."""

from __future__ import annotations

import codecs
import html
import re
from typing import Final

from lxml import etree
from lxml import html as lxml_html

from isthmus_lab.mapi import tags

from .fields import Draft, View
from .names import Element, clean, t

_NATIVE_TEXT: Final = 1
_NATIVE_HTML: Final = 3
_UTF8: Final = 65001


def build(view: View) -> Element | None:
    """The Body element in the wanted type; Best is what the item was written in."""
    kind, content = body(view, view.body)
    return t("Body", clean(content), BodyType=kind)


def build_text(view: View) -> Element | None:
    """The TextBody element."""
    return t("TextBody", clean(body(view, "Text")[1]), BodyType="Text")


def preview(view: View) -> str | None:
    """The first 255 characters of the text."""
    return clean(re.sub(r"\s+", " ", body(view, "Text")[1]).strip()[:255]) or None


def body(view: View, wanted: str) -> tuple[str, str]:
    """The BodyType and the content. ``wanted`` is Best, HTML or Text."""
    plain = view.bag.get(tags.PidTagBody)
    marked_up = markup(view)
    if wanted == "Best":
        wanted = "HTML" if marked_up is not None else "Text"
    if wanted == "HTML":
        return "HTML", marked_up if marked_up is not None else html_of(plain or "")
    return "Text", plain if plain is not None else text_of(marked_up or "")


def markup(view: View) -> str | None:
    """The HTML body as text, None without one."""
    raw = view.bag.get(tags.PidTagHtml)
    if raw is None:
        shown = view.bag.get(tags.PidTagBodyHtml)
        return None if shown is None else str(shown)
    page = view.bag.get(tags.PidTagInternetCodepage, _UTF8)
    try:
        codec = codecs.lookup("utf-8" if page == _UTF8 else f"cp{page}").name
    except LookupError:
        codec = {20127: "ascii", 28591: "iso8859-1", 28592: "iso8859-2", 28605: "iso8859-15"}.get(page, "cp1252")
    return bytes(raw).decode(codec, "replace")


def store(draft: Draft, node: Element) -> None:
    """Sets the body from a Body element; the other representations are made anew or taken away."""
    content = node.text or ""
    draft.set(tags.PidTagRtfCompressed, None)
    if node.get("BodyType") == "HTML":
        draft.set(tags.PidTagHtml, content.encode())
        draft.set(tags.PidTagInternetCodepage, _UTF8)
        draft.set(tags.PidTagNativeBody, _NATIVE_HTML)
        draft.set(tags.PidTagBody, text_of(content))
    else:
        draft.set(tags.PidTagHtml, None)
        draft.set(tags.PidTagNativeBody, _NATIVE_TEXT)
        draft.set(tags.PidTagBody, content)


def append(draft: Draft, node: Element) -> None:
    """Adds to the body (AppendToItemField)."""
    view = View(None, lambda: draft.bag)
    kind, before = body(view, "Best")
    addition = node.text or ""
    if kind == "HTML" and node.get("BodyType") != "HTML":
        addition = html.escape(addition)
    joined = t("Body", clean(before + addition), BodyType=kind)
    store(draft, joined)


def clear(draft: Draft) -> None:
    """Takes the body away in all its representations."""
    for key in (tags.PidTagBody, tags.PidTagHtml, tags.PidTagRtfCompressed, tags.PidTagNativeBody):
        draft.set(key, None)


def text_of(markup_: str) -> str:
    """HTML as plain text: no scripts and styles, a line for each block."""
    if not markup_.strip():
        return ""
    try:
        tree = lxml_html.document_fromstring(clean(markup_).encode(), parser=lxml_html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, etree.XMLSyntaxError):
        return ""
    for node in list(tree.iter("script", "style", "title")):
        node.drop_tree()  # type: ignore[attr-defined]
    for node in tree.iter("br", "p", "div", "tr", "li"):
        node.tail = "\r\n" + (node.tail or "")
    return "".join(str(each) for each in tree.itertext()).strip()


def html_of(plain: str) -> str:
    """Plain text as HTML."""
    lines = html.escape(plain).replace("\r\n", "\n").replace("\n", "<br>\r\n")
    return f"<html><head></head><body><div>{lines}</div></body></html>"
