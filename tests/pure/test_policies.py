"""Settings are written into the policies, and nothing else differs from the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from traitlets import TraitError

from karvdash_hub.cli.policies import from_settings
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.errors import KarvdashError
from karvdash_hub.policies import Policies, manifests, names, parameters
from karvdash_hub.settings import Platform
from karvdash_hub.share import share_dir

FILES = {"files_api": "http://127.0.0.1:1", "files_token_file": "/none"}


def data(platform: Platform | None = None, domains: DataDomains | None = None, **own: Any) -> dict[str, str]:
    return parameters(platform or Platform(), domains or DataDomains(), Policies(**own))


def test_the_defaults_are_what_the_file_says() -> None:
    """It explains each parameter, and is what the files read that are applied as they are."""
    (written,) = yaml.safe_load_all(share_dir("policies", "parameters.yaml").read_text())
    assert parameters(Platform(), DataDomains(), Policies()) == written["data"]


def test_what_is_applied_reads_nothing() -> None:
    """Each parameter is replaced by its value, and nothing else differs from the files."""
    values = parameters(Platform(), DataDomains(), Policies())
    files = [
        one
        for name in names()
        for one in yaml.safe_load_all(share_dir("policies", f"{name}.yaml").read_text())
    ]
    for one in files:
        one["spec"] = {key: value for key, value in one["spec"].items() if not key.startswith("param")}
    text = json.dumps(files)
    for name in sorted(values, key=len, reverse=True):
        assert f"params.data.{name}" in text, name
        literal = json.dumps(json.dumps(values[name]))[1:-1]
        text = text.replace(f"params.data.{name}", literal)
    made = manifests(Platform(), DataDomains(), Policies())
    assert sorted(map(str, made)) == sorted(map(str, json.loads(text)))
    assert "params" not in text


@pytest.mark.parametrize("value", ['a"b', "a'b", "a\\b", "a: b # c", "ä 🎉", '" + params.data.hub + "'])
def test_values_stay_text(value: str) -> None:
    """Whatever an administrator writes is one literal of CEL."""
    made = manifests(Platform(), DataDomains(), Policies(administrators=[value, "b"]))
    literal = json.dumps(f"{value}\nb", ensure_ascii=False)
    conditions = [
        condition["expression"]
        for one in made
        for condition in one["spec"].get("matchConditions", ())
        if condition["name"] == "not-an-administrator"
    ]
    assert len(conditions) > 10
    assert [text for text in conditions if f"g in {literal}.split('\\n')" not in text] == []


def test_every_policy_is_bound_and_fails_closed() -> None:
    objects = manifests(Platform(), DataDomains(), Policies())
    policies = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"].endswith("Policy")}
    bindings = {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"].endswith("Binding")}
    assert policies.keys() == bindings.keys() == {f"karvdash-{name}" for name in names()}
    assert {spec["failurePolicy"] for spec in policies.values()} == {"Fail"}
    assert all(spec["validationActions"] == ["Deny"] for spec in bindings.values())
    assert all(spec["policyName"] == name for name, spec in bindings.items())


def test_a_message_names_a_field_first() -> None:
    """kube.errors takes it from there."""
    for name in names():
        policy = next(iter(yaml.safe_load_all(share_dir("policies", f"{name}.yaml").read_text())))
        for rule in policy["spec"]["validations"]:
            assert rule["reason"] == "Forbidden", name
            message = rule.get("message") or rule["messageExpression"]
            assert ": " in message, (name, message)


def test_the_bindings_come_last() -> None:
    kinds = [one["kind"] for one in manifests(Platform(), DataDomains(), Policies())]
    count = len(names())
    assert kinds == [
        *["ValidatingAdmissionPolicy"] * count,
        *["ValidatingAdmissionPolicyBinding"] * count,
    ]


def test_another_release_namespace_and_prefix() -> None:
    platform = Platform(
        release_namespace="hub", namespace_prefix="user-", public_url="https://example.com:8443"
    )
    values = data(platform)
    assert (values["namespacePrefix"], values["domain"]) == ("user-", "example.com")
    assert values["hub"] == "system:serviceaccount:hub:karvdash-hub"
    made = manifests(platform, DataDomains(), Policies())
    for binding in (one["spec"] for one in made if one["kind"].endswith("Binding")):
        for found in (
            binding.get("matchResources", {}).get("namespaceSelector", {}).get("matchExpressions", [])
        ):
            assert found["values"] == ["kube-system", "kube-public", "kube-node-lease", "hub"]


@pytest.mark.parametrize(
    ("url", "path", "server"),
    [
        pytest.param("", "", "", id="none"),
        pytest.param("file:///srv/files", "/srv/files", "", id="file"),
        pytest.param("nfs://nfs.example.org/exports/a", "/exports/a", "nfs.example.org", id="nfs"),
        pytest.param("nfs://nfs.example.org/", "", "nfs.example.org", id="nfs-root"),
    ],
)
def test_where_files_are(url: str, path: str, server: str) -> None:
    domains = DataDomains(files_url=url, **FILES)
    found = data(domains=domains)
    assert (found["filesUrl"], found["filesPath"], found["filesServer"]) == (domains.files_url, path, server)


@pytest.mark.parametrize(
    ("url", "allowed", "listed", "writable", "read_only"),
    [
        pytest.param("", ["/a", "/b"], [], "/a\n/b", "", id="writable"),
        pytest.param("", ["/a", "/b"], ["/b"], "/a", "/b", id="an-admin-says-so"),
        pytest.param(
            "file:///srv/files", ["/srv/files/shared", "/a"], [], "/a", "/srv/files/shared", id="below"
        ),
        pytest.param("nfs://host/srv", ["/srv"], [], "/srv", "", id="elsewhere"),
    ],
)
def test_host_paths(url: str, allowed: list[str], listed: list[str], writable: str, read_only: str) -> None:
    domains = DataDomains(files_url=url, allowed_host_path_dirs=allowed, **FILES)
    found = data(domains=domains, read_only_host_paths=listed)
    assert (found["hostPaths"], found["hostPathsReadOnly"]) == (writable, read_only)


def test_lists_have_an_entry_a_line() -> None:
    found = data(trusted=["system:serviceaccount:dlf:op", "ops"], priority_classes=["a"], token_seconds=7200)
    assert found["trusted"] == "system:serviceaccount:dlf:op\nops"
    assert (found["priorityClasses"], found["tokenSeconds"]) == ("a", "7200")


def test_disabled_policies_are_left_out() -> None:
    made = manifests(Platform(), DataDomains(), Policies(disabled=["routes"]))
    assert "karvdash-routes" not in {one["metadata"]["name"] for one in made}
    assert len(made) == 2 * (len(names()) - 1)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("disabled", ["pod"], "there is no policy pod. There are: claims, "),
        ("trusted", ["a\nb"], "Policies.trusted has 'a\\\\nb', which is no name"),
        ("administrators", [""], "Policies.administrators has '', which is no name"),
        ("token_seconds", 1, "token_seconds"),
    ],
)
def test_wrong_settings(setting: str, value: Any, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        Policies(**{setting: value})


def test_settings_come_from_the_hubs_configuration(tmp_path: Path) -> None:
    file = tmp_path / "jupyterhub_config.py"
    file.write_text(
        "c = get_config()\nc.Platform.namespace_prefix = 'u-'\nc.Policies.runtime_classes = ['kata']\n"
    )
    text = str(from_settings(file))
    assert 'startsWith("u-")' in text
    assert '"kata".split' in text
    file.write_text("c = get_config()\nc.Policies.token_seconds = 1\n")
    with pytest.raises(KarvdashError, match="token_seconds"):
        from_settings(file)
