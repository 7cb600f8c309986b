"""Files that people attach: real ones that the programs of their kind open, made from numbers and sentences."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from random import Random
from xml.sax.saxutils import escape

from isthmus_lab.population.text import Writer

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True)
class File:
    """A file with the name a person gave it."""

    name: str
    mime_type: str
    content: bytes


def draw_file(random: Random, writer: Writer) -> File:
    """A picture, a table, a letter, a note or an archive, as they come with mail."""
    kind = random.choice(("pdf", "pdf", "docx", "docx", "csv", "png", "txt", "zip"))
    stem = f"{writer.project} {random.randint(1, 99):02}" if random.random() < 0.7 else writer.subject()[:40]
    name = f"{stem.replace('/', '-').replace(':', ' -')}.{kind}"
    match kind:
        case "pdf":
            return File(name, "application/pdf", pdf([writer.subject(), *writer.paragraphs(reply=False)]))
        case "docx":
            return File(name, WORD, docx([writer.subject(), *writer.paragraphs(reply=False)]))
        case "csv":
            return File(name, "text/csv", table(random))
        case "png":
            return File(name, "image/png", picture(random))
        case "txt":
            return File(name, "text/plain", "\r\n\r\n".join(writer.paragraphs(reply=False)).encode())
    inside = [File(f"{n}.csv", "text/csv", table(random)) for n in range(random.randint(1, 3))]
    return File(name, "application/zip", archive({each.name: each.content for each in inside}))


def picture(random: Random, width: int = 48, height: int = 32) -> bytes:
    """A PNG of two colours running into each other, with some noise so that it does not compress away."""
    start, end = ([random.randrange(256) for _ in range(3)] for _ in range(2))
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            share = (x + y) / (width + height)
            rows.extend(round(a + (b - a) * share) ^ random.getrandbits(3) for a, b in zip(start, end, strict=True))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    )


def pdf(lines: list[str]) -> bytes:
    """A page of text. The built-in fonts know Latin letters only; others print as question marks."""
    shown = [line[at : at + 90] for line in lines for at in range(0, len(line), 90)]
    escaped = [part.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for part in shown]
    text = "BT /F1 11 Tf 60 780 Td 14 TL " + " ".join(f"({part}) Tj T*" for part in escaped) + " ET"
    content = zlib.compress(text.encode("cp1252", "replace"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def docx(paragraphs: list[str]) -> bytes:
    """A word processor's document of plain paragraphs: the smallest package that ECMA-376 calls one."""
    body = "".join(f'<w:p><w:r><w:t xml:space="preserve">{escape(each)}</w:t></w:r></w:p>' for each in paragraphs)
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    office = "http://schemas.openxmlformats.org"
    return archive(
        {
            "[Content_Types].xml": f'{head}<Types xmlns="{office}/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{WORD}.main+xml"/></Types>'.encode(),
            "_rels/.rels": f'{head}<Relationships xmlns="{office}/package/2006/relationships"><Relationship Id="r1" '
            f'Type="{office}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
            "</Relationships>".encode(),
            "word/document.xml": f'{head}<w:document xmlns:w="{office}/wordprocessingml/2006/main"><w:body>{body}'
            "</w:body></w:document>".encode(),
        }
    )


def table(random: Random) -> bytes:
    """A list of articles as spreadsheets export it."""
    lines = ["Article;Pieces;Price"]
    for _ in range(random.randint(5, 120)):
        price = f"{random.randint(1, 999)},{random.randint(0, 99):02}"
        lines.append(f"{random.randint(100000, 999999)};{random.randint(1, 5000)};{price}")
    return "\r\n".join(lines).encode()


def archive(files: dict[str, bytes]) -> bytes:
    """A zip, the same bytes for the same files whenever it is made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
