"""Search of everything a run wrote for what may identify a person, unpacking as it goes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import io
import json
import re
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_UID = re.compile(rb"[0-9]+(?:\.[0-9]+){4,}")
_DIGEST = re.compile(rb"[0-9a-f]{12,}")
_DIGEST_SIGNS = 12
_DEEPEST = 6


def spellings(text: str) -> set[bytes]:
    """Return a text as bytes in every encoding in which it might be written, in lower case."""
    forms = {json.dumps(text)[1:-1], urllib.parse.quote(text), html.escape(text), text}
    forms |= {"".join(f"&#{ord(sign)};" for sign in text), "".join(f"&#x{ord(s):x};" for s in text)}
    found = {form.lower().encode() for form in forms}
    for encoding in ("utf-16-le", "utf-16-be", "shift_jis", "euc_jp", "iso2022_jp"):
        try:
            found.add(text.encode(encoding).lower())
        except UnicodeEncodeError:
            continue
    return found


def dates(year: int, month: int, day: int) -> set[str]:
    """Return the usual spellings of a date."""
    found = {f"{year}年{month}月{day}日", f"昭和{year - 1925}年{month}月{day}日"}
    for mark in ("", "-", "/", "."):
        found |= {
            mark.join((f"{year:04}", f"{month:02}", f"{day:02}")),
            mark.join((f"{day:02}", f"{month:02}", f"{year:04}")),
            mark.join((f"{month:02}", f"{day:02}", f"{year:04}")),
        }
    return found


class Search:
    """What to look for.

    Parameters
    ----------
    texts : iterable of str
        Names, ids and dates; found in any encoding and letter case.
    uids : iterable of str
        Found whole, as text or as the start of an unsalted digest of it.
    """

    def __init__(self, texts: Iterable[str], uids: Iterable[str]) -> None:
        self._needles = {needle: text for text in texts for needle in spellings(text)}
        self._uids = {uid.encode() for uid in uids}
        self._digests = {
            hashlib.new(algorithm, uid).hexdigest()[:_DIGEST_SIGNS].encode(): uid
            for uid in self._uids
            for algorithm in ("md5", "sha1", "sha256", "sha512")
        }

    def folder(self, root: Path) -> list[str]:
        """Return where anything is found below a folder, in names of files too."""
        found = []
        for path in sorted(root.rglob("*")):
            where = str(path.relative_to(root))
            found += self.in_bytes(where.encode(), f"name {where}")
            if path.is_file():
                found += self.in_bytes(path.read_bytes(), where)
        return found

    def in_bytes(self, data: bytes, where: str) -> list[str]:
        """Return what is found in some bytes and in everything packed within."""
        return [
            f"{place}: {what}"
            for place, piece in pieces(data, where)
            for what in sorted(self._in_piece(piece))
        ]

    def _in_piece(self, piece: bytes) -> set[str]:
        lower = piece.lower()
        found = {text for needle, text in self._needles.items() if needle in lower}
        # As UTF-16, digits and letters stand at every second byte.
        for view in (lower, lower[::2], lower[1::2]) if b"\0" in lower else (lower,):
            for match in _UID.findall(view):
                found |= {uid.decode() for uid in self._uids if uid in match}
        for match in _DIGEST.findall(lower):
            uid = self._digests.get(match[:_DIGEST_SIGNS])
            if uid:
                found.add(f"unsalted digest of {uid.decode()}")
        return found


def pieces(data: bytes, where: str, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield bytes, and whatever is packed within: gzip, zlib, zip, PNG chunks, base64."""
    yield where, data
    if depth == _DEEPEST:
        return
    for name, inner in _inner(data):
        yield from pieces(inner, f"{where} > {name}", depth + 1)


def _inner(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data[:2] == b"\x1f\x8b":
        yield "gzip", _inflate(data, zlib.MAX_WBITS | 16)
    elif data[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        inflated = _inflate(data)
        if inflated:
            yield "zlib", inflated
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield "comment", archive.comment
            for name in archive.namelist():
                yield name, archive.read(name)
    elif data[:8] == _PNG:
        yield from _png(data)
    else:
        plain = _unescaped(data)
        if plain != data:
            yield "unescaped", plain
        for match in _BASE64.finditer(data):
            try:
                text = match[0][: len(match[0]) // 4 * 4]
                yield f"base64 at {match.start()}", base64.b64decode(text, validate=True)
            except binascii.Error:
                continue


def _unescaped(data: bytes) -> bytes:
    """Undo what HTML and JSON do to signs, so that base64 is whole again."""
    if b"&#" in data:
        data = re.sub(
            rb"&#(\d+);", lambda m: chr(int(m[1]) % 0x110000).encode("utf-8", "replace"), data
        )
    if b"\\u00" in data:
        data = re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), data)
    return data.replace(b"\\/", b"/")


def _png(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the chunks of a picture; its pixels too, for a name may be drawn as bytes."""
    at, pixels = len(_PNG), b""
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        at += length + 12
        if kind == b"IDAT":
            pixels += body
        elif kind in (b"zTXt", b"iTXt", b"iCCP"):
            yield kind.decode(), body
            start = body.find(b"\x78")
            while start >= 0:
                inflated = _inflate(body[start:])
                if inflated:
                    yield f"{kind.decode()}, inflated", inflated
                start = body.find(b"\x78", start + 1)
        else:
            yield kind.decode("latin-1"), body
    yield "after the picture", data[at:]
    inflated = _inflate(pixels)
    if inflated:
        yield "pixels", inflated


def _inflate(data: bytes, window: int = zlib.MAX_WBITS) -> bytes:
    """Unpack as much as there is, members one after the other."""
    found = b""
    while data:
        unpacker = zlib.decompressobj(window)
        try:
            found += unpacker.decompress(data)
        except zlib.error:
            break
        data = unpacker.unused_data
    return found
