"""Names of namespaces, hosts and servers."""

from __future__ import annotations

import random
import re
from itertools import islice

import pytest

from karvdash_hub import names
from karvdash_hub.errors import KarvdashError

DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@pytest.mark.parametrize(
    ("username", "slug"),
    [
        pytest.param("test", "test", id="as the seeds say"),
        pytest.param("42", "42", id="digits only"),
        pytest.param("x" * 30, "x" * 30, id="30 characters"),
        pytest.param("x" * 31, "x" * 21 + "-0f46e4b0", id="31 characters"),
        pytest.param("Alice", "alice-3bc51062", id="capital"),
        pytest.param("alice.b", "alice-b-9f5eb4f1", id="dot"),
        pytest.param("a-b", "a-b-d44362d6", id="hyphen"),
        pytest.param("ä@ö", "a-o-5d21acbf", id="Unicode"),
        pytest.param("-", "x-3973e022", id="nothing usable"),
    ],
)
def test_user_slug(username: str, slug: str) -> None:
    assert slug == names.user_slug(username)


def test_slugs_of_similar_users_differ() -> None:
    users = ["a-b", "a.b", "a_b", "A-b", "a-B", "ab", "a--b", "a b"]
    assert len(users) == len({names.user_slug(user) for user in users})


def test_an_empty_user_name_is_refused() -> None:
    with pytest.raises(KarvdashError, match="cannot be empty"):
        names.user_slug("")


def test_what_is_named_after_a_user() -> None:
    assert names.user_namespace("karvdash-", "test") == "karvdash-test"
    assert names.service_host("browser", "test", "example.com") == "browser-test.example.com"
    assert names.claim_name("karvdash-test", "private") == "karvdash-test-volume-private"
    assert names.claim_name("karvdash-test", "shared") == "karvdash-test-volume-shared"


def test_a_namespace_that_is_too_long_is_refused() -> None:
    with pytest.raises(KarvdashError, match="shorten namespace_prefix"):
        names.user_namespace("a-very-long-prefix-for-namespaces-", "x" * 30)


@pytest.mark.parametrize("slug", ["alice", "42", "a-b-d44362d6", "x" * 21 + "-0f46e4b0"])
@pytest.mark.parametrize("server", ["web", "a", "my-web", "x" * 30])
def test_hosts_of_users_and_of_services_cannot_be_taken_for_each_other(server: str, slug: str) -> None:
    service = names.service_host(server, slug, "example.com").partition(".")[0]
    user = names.user_host_label(slug)
    assert DNS_LABEL.fullmatch(service)
    assert DNS_LABEL.fullmatch(user)
    assert ("-" in service, service.startswith("u--")) == (True, False)
    assert "-" not in user or user.startswith("u--")


@pytest.mark.parametrize("name", ["a", "web", "web2", "my-web-2", "x" * 30, "karvdash", "u"])
def test_good_server_names(name: str) -> None:
    names.check_server_name(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("", "A service needs a name.", id="empty"),
        pytest.param("x" * 31, "A service name has at most 30 characters; this one has 31.", id="long"),
        pytest.param("a--b", "two hyphens may not follow each other", id="two hyphens"),
        pytest.param("2web", "use lower-case letters", id="digit first"),
        pytest.param("-web", "use lower-case letters", id="hyphen first"),
        pytest.param("web-", "use lower-case letters", id="hyphen last"),
        pytest.param("Web", "use lower-case letters", id="capital"),
        pytest.param("my web", "use lower-case letters", id="space"),
        pytest.param("web\n", "use lower-case letters", id="line end"),
        pytest.param("wéb", "use lower-case letters", id="accent"),
        pytest.param("web.a", "use lower-case letters", id="dot"),
        pytest.param("lab", "'lab' is reserved", id="would hide JupyterLab"),
        pytest.param("default", "'default' is reserved", id="every namespace's account"),
        pytest.param("karvdash-web", "'karvdash-web' is reserved", id="the platform's objects"),
    ],
)
def test_bad_server_names(name: str, sentence: str) -> None:
    with pytest.raises(KarvdashError) as refused:
        names.check_server_name(name)
    assert sentence in refused.value.message
    assert (refused.value.reason, refused.value.status) == ("server-name", 400)


def test_jupyterhub_takes_every_name_that_we_take() -> None:
    from jupyterhub.slugs import is_valid_safe_slug

    candidates = ["a", "web2", "my-web-2", "x" * 30, "x" * 31, "a--b", "2web", "web-", "Web", "wéb", "web\n"]

    def ours(name: str) -> bool:
        try:
            names.check_server_name(name)
        except KarvdashError:
            return False
        return True

    taken = [name for name in candidates if ours(name)]
    assert taken == ["a", "web2", "my-web-2", "x" * 30]
    assert [name for name in taken if not is_valid_safe_slug(name)] == []


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        pytest.param("redis", "redis", id="free"),
        pytest.param("x" * 30, "x" * 30, id="longest"),
        pytest.param("x" * 24 + "-yz", "x" * 24 + "-yz", id="cut after a hyphen"),
        pytest.param("lab", None, id="reserved, so only with a suffix"),
    ],
)
def test_name_candidates(wanted: str, first: str | None) -> None:
    offered = list(islice(names.name_candidates(wanted, random.Random(1)), 200))
    for name in offered:
        names.check_server_name(name)
    plain = [name for name in offered if name == wanted]
    assert [first] * (first is not None) == plain
    assert offered[: len(plain)] == plain
    assert all(re.fullmatch(r".+-[a-z]{4}", name) for name in offered[1:])
    assert len(set(offered)) > 190


def test_bad_names_have_no_candidates() -> None:
    with pytest.raises(KarvdashError, match="two hyphens"):
        names.name_candidates("a--b", random.Random(1))


@pytest.mark.parametrize(
    ("text", "fallback", "suggested"),
    [
        pytest.param("hello-kubernetes", "", "hello-kubernetes", id="good already"),
        pytest.param("Hello Kubernetes!", "", "hello-kubernetes", id="words"),
        pytest.param("3 Ünder__score", "", "under-score", id="cleaned"),
        pytest.param("karvdash-x", "", "x", id="the platform's prefix"),
        pytest.param("y" * 1_000_000, "", "y" * 30, id="long"),
        pytest.param("你好", "my-app-abcd", "my-app-abcd", id="fallback"),
        pytest.param("", "42", "service", id="nothing usable"),
    ],
)
def test_suggest_server_name(text: str, fallback: str, suggested: str) -> None:
    assert suggested == names.suggest_server_name(text, fallback)
