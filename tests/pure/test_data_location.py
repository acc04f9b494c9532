"""What may stand in files_url and allowed_host_path_dirs."""

from __future__ import annotations

from typing import Any

import pytest
from traitlets import TraitError
from traitlets.config import Config

from karvdash_hub.data import Location, parse_location
from karvdash_hub.data.folders import folder, is_slug, removed_name, slug_of_removed
from karvdash_hub.data.settings import DataDomains

API = {"files_api": "http://127.0.0.1:8004", "files_token_file": "/run/token"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("file:///srv/files", Location("file", "", "/srv/files"), id="file"),
        pytest.param("file:///srv/files/", Location("file", "", "/srv/files"), id="final-slash"),
        pytest.param("file:///srv/my%20files", Location("file", "", "/srv/my files"), id="encoded"),
        pytest.param("nfs://nas/export", Location("nfs", "nas", "/export"), id="nfs"),
        pytest.param("nfs://nas.example.org/", Location("nfs", "nas.example.org", "/"), id="nfs-root"),
        pytest.param("nfs://10.1.2.3/a/b", Location("nfs", "10.1.2.3", "/a/b"), id="address"),
        pytest.param("nfs://[fd00::1]/a", Location("nfs", "fd00::1", "/a"), id="ipv6"),
    ],
)
def test_what_is_understood(url: str, expected: Location) -> None:
    assert parse_location(url) == expected
    assert parse_location(str(expected)) == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("", "must start with file:// or nfs://", id="empty"),
        pytest.param("/srv/files", "must start with file:// or nfs://", id="plain-path"),
        pytest.param("minio://server/bucket", "must start with file:// or nfs://", id="minio"),
        pytest.param("file://srv/files", "use three slashes, as in file:///srv/files", id="two-slashes"),
        pytest.param("file:///", "is the whole file system", id="everything"),
        pytest.param("file:///srv/../etc", "empty part, . or .. in its path", id="parent"),
        pytest.param("file:///srv/%2e%2e/etc", "empty part, . or .. in its path", id="encoded-parent"),
        pytest.param("file:///srv//files", "empty part, . or .. in its path", id="empty-part"),
        pytest.param("file:///srv/files?x=1", "must not have \\? or #", id="query"),
        pytest.param("file:///srv/files#", "must not have \\? or #", id="fragment"),
        pytest.param("file:///srv/a%00b", "unprintable", id="nul"),
        pytest.param("nfs:///export", "names no server", id="no-server"),
        pytest.param("nfs://nas", "has no path", id="no-path"),
        pytest.param("nfs://me:secret@nas/a", "user, password or port", id="password"),
        pytest.param("nfs://nas:2049/a", "user, password or port", id="port"),
        pytest.param("nfs://nas:x/a", "is no address", id="bad-port"),
        pytest.param("nfs://-nas/a", "names no server", id="bad-server"),
    ],
)
def test_what_is_refused_and_how(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_location(url)


def test_a_folder_below() -> None:
    assert str(parse_location("nfs://nas/").below("shared")) == "nfs://nas/shared"
    assert str(parse_location("file:///srv").below("private/alice")) == "file:///srv/private/alice"


def settings(**traits: Any) -> DataDomains:
    return DataDomains(config=Config(DataDomains=traits))


@pytest.mark.parametrize(
    ("traits", "says"),
    [
        pytest.param({"files_url": "/srv"}, "DataDomains.files_url: '/srv' must start", id="url"),
        pytest.param({"files_url": "file:///srv"}, "files_api and .* must be set", id="no-api"),
        pytest.param({"files_api": "127.0.0.1:8004"}, "files_api must be http://", id="api"),
        pytest.param({"files_size": "much"}, "files_size must be a size such as 100Gi", id="size"),
        pytest.param({"files_size": "0Gi"}, "files_size must be a size", id="nothing"),
        pytest.param({"allowed_host_path_dirs": ["data"]}, "'data' must start with /", id="relative"),
        pytest.param({"allowed_host_path_dirs": ["/a/../b"]}, "empty part", id="parent"),
        pytest.param({"allowed_host_path_dirs": ["/"]}, "the whole node", id="everything"),
    ],
)
def test_settings_that_are_refused(traits: dict[str, Any], says: str) -> None:
    with pytest.raises(TraitError, match=says):
        settings(**traits)


@pytest.mark.parametrize("allowed", ["/srv", "/srv/files", "/srv/files/private", "/srv/files/private/bob/"])
def test_no_host_path_shows_what_is_private(allowed: str) -> None:
    with pytest.raises(TraitError, match="would show users the private files of others"):
        settings(files_url="file:///srv/files", allowed_host_path_dirs=[allowed], **API)


@pytest.mark.parametrize("allowed", ["/srv/files/shared", "/srv/files/privately", "/data", "/sr"])
def test_other_host_paths_are_the_administrators_choice(allowed: str) -> None:
    data = settings(files_url="file:///srv/files", allowed_host_path_dirs=[f"{allowed}/"], **API)
    assert data.allowed_host_path_dirs == [allowed]


def test_no_files_url_means_no_volumes() -> None:
    data = settings()
    assert (data.volumes, data.claims(namespace="karvdash-a", slug="a", username="a")) == ((), [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("alice", True, id="simple"),
        pytest.param("alice-b-3a7a7327", True, id="hashed"),
        pytest.param("a", True, id="one"),
        pytest.param("", False, id="empty"),
        pytest.param("..", False, id="parent"),
        pytest.param("a/b", False, id="slash"),
        pytest.param(".deleted-x", False, id="dot"),
        pytest.param("Alice", False, id="capital"),
        pytest.param("-a", False, id="hyphen"),
        pytest.param("a\n", False, id="line-break"),
        pytest.param("a" * 64, False, id="long"),
    ],
)
def test_what_can_name_a_folder(text: str, expected: bool) -> None:
    assert is_slug(text) is expected


def test_folders() -> None:
    assert (folder("private", "alice"), folder("shared", "alice")) == ("private/alice", "shared")
    with pytest.raises(ValueError, match="cannot be the name"):
        folder("private", "../bob")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        pytest.param(removed_name("alice-b", "0" * 32), "alice-b", id="ours"),
        pytest.param(".deleted-" + "0" * 32 + "-..", None, id="no-slug"),
        pytest.param(".deleted-" + "0" * 31 + "-alice", None, id="short"),
        pytest.param("alice", None, id="a-users"),
        pytest.param(".deleted-" + "0" * 32 + "-a/../b", None, id="slash"),
    ],
)
def test_whose_folder_was_set_aside(name: str, slug: str | None) -> None:
    assert slug_of_removed(name) == slug
