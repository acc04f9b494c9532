"""Read a list while the API server sends it, one item at a time.

A page of pods is two megabytes, and ``json.loads`` makes five of objects of it while the event loop waits.
Here neither ever exists as a whole: there is one item, and what has arrived of the next ones. That also
keeps the process small afterwards: memory of several pages that arrive side by side, with what is kept of
their items in between, does not all go back to the system.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

_DECODE = json.JSONDecoder().raw_decode
_AFTER = frozenset(" \t\r\n,:]}")
_SPACE = re.compile(r"[ \t\r\n]*")


async def walk_list(chunks: AsyncIterator[bytes]) -> AsyncGenerator[tuple[str, Any], None]:
    """Yield ``("items", item)`` for each item of a list, and every other field once by its name.

    Args:
        chunks: the JSON in UTF-8, cut anywhere. What follows the object is not read.

    Raises: ValueError if that is not a JSON object, and whatever ``chunks`` raises.
    """
    text = _Text(chunks)
    await text.expect("{")
    while await text.peek() != "}":
        key = await text.value()
        await text.expect(":")
        if key == "items" and await text.peek() == "[":
            await text.expect("[")
            while await text.peek() != "]":
                yield key, await text.value()
                await text.separator("]")
            await text.expect("]")
        else:
            yield key, await text.value()
        await text.separator("}")


class _Text:
    """What has arrived and is not read yet."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._at = 0

    async def value(self) -> Any:
        """Read one JSON value."""
        await self.peek()
        while True:
            try:
                value, end = _DECODE(self._text, self._at)
            except ValueError:
                if not await self._more():
                    raise
                continue
            # A number may go on: in a chunk that ends with "-12.", "-12" is none yet.
            if self._text[end : end + 1] in _AFTER or not await self._more():
                self._at = end
                return value

    async def expect(self, mark: str) -> None:
        """Go past a character that has to come now."""
        if (found := await self.peek()) != mark:
            raise ValueError(f"expected {mark} in the list, not {found or 'its end'}")
        self._at += 1

    async def separator(self, end: str) -> None:
        """Go past a comma, or stay at the end of what it separates."""
        if await self.peek() != end:
            await self.expect(",")

    async def peek(self) -> str:
        """Skip white space; return the next character, "" at the end of everything."""
        while True:
            if match := _SPACE.match(self._text, self._at):
                self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not await self._more():
                return ""

    async def _more(self) -> bool:
        """Let twice as much be there as is not read yet, so that a large item is tried a few times only."""
        parts = [self._text[self._at :]]
        missing = max(1, len(parts[0]))
        while missing > 0:
            try:
                parts.append(self._decode(await anext(self._chunks)))
            except StopAsyncIteration:
                break
            missing -= len(parts[-1])
        self._text, self._at = "".join(parts), 0
        return len(parts) > 1
