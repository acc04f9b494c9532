"""Nobody is sent to another host, whatever an address says."""

from __future__ import annotations

import pytest

from karvdash_hub.paths import safe_path


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param("/", "/", id="root"),
        pytest.param("/a/b?b=1&c=%26", "/a/b?b=1&c=%26", id="stays as it is"),
        pytest.param("/é", "/%C3%A9", id="written for a header"),
        pytest.param('/"<\u2028>', "/%22%3C%E2%80%A8%3E", id="what is no part of an address"),
        pytest.param("", "/", id="nothing"),
        pytest.param("a", "/", id="no path"),
        pytest.param("http://evil.com/", "/", id="an address"),
        pytest.param("//evil.com", "/", id="two slashes"),
        pytest.param("/\\evil.com", "/", id="a backslash"),
        pytest.param("/\t/evil.com", "/", id="a tab, which browsers drop"),
        pytest.param("/\tx", "/", id="a tab anywhere"),
        pytest.param("/a\r\nSet-Cookie: x", "/", id="a line break"),
        pytest.param("/ /evil.com", "/", id="a space"),
        pytest.param("/" + "a" * 9000, "/", id="too long"),
    ],
)
def test_nobody_is_sent_to_another_host(wanted: str, expected: str) -> None:
    assert expected == safe_path(wanted)
