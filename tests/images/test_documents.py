"""Image documents and recipes, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from images import oci
from images.errors import ImageError
from images.recipe import BusyboxLayer, DebianLayer, FilesLayer, Recipe, load, recipe_names
from images.rootfs import apt_sources, upstream_version
from images.wheels import canonical, pinned

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("process", "settings"),
    [
        pytest.param(oci.Process(), {"Env": [f"PATH={oci.DEFAULT_PATH}"]}, id="nothing-said"),
        pytest.param(
            oci.Process(
                entrypoint=("/start",),
                command=("serve", "a b"),
                environment={"HOME": "/data"},
                user="999:999",
                directory="/data",
                ports=(80, 443),
                stop_signal="SIGQUIT",
            ),
            {
                "Entrypoint": ["/start"],
                "Cmd": ["serve", "a b"],
                "Env": [f"PATH={oci.DEFAULT_PATH}", "HOME=/data"],
                "User": "999:999",
                "WorkingDir": "/data",
                "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
                "StopSignal": "SIGQUIT",
            },
            id="everything-said",
        ),
        pytest.param(oci.Process(environment={"PATH": "/own"}), {"Env": ["PATH=/own"]}, id="own-path"),
    ],
)
def test_config(process: oci.Process, settings: dict[str, Any]) -> None:
    assert oci.image_config(process, "arm64", ["sha256:1", "sha256:2"]) == {
        "created": "2024-01-01T00:00:00Z",
        "architecture": "arm64",
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "karvdash-hub images"}] * 2,
    }


def test_manifest() -> None:
    config = oci.describe(oci.CONFIG_TYPE, b"")
    layer = oci.Descriptor(oci.LAYER_TYPE, "sha256:2", 7)
    assert oci.image_manifest(config, [layer], {"a": "b"}) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": EMPTY, "size": 0},
        "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:2", "size": 7}
        ],
        "annotations": {"a": "b"},
    }


def test_index_names_the_manifest_once_for_each_reference() -> None:
    manifest = oci.Descriptor(oci.MANIFEST_TYPE, "sha256:1", 5)
    index = oci.image_index(manifest, ["library/redis:7", "library/redis:latest"])
    assert [(item["digest"], item["annotations"]) for item in index["manifests"]] == [
        ("sha256:1", {"org.opencontainers.image.ref.name": "library/redis:7"}),
        ("sha256:1", {"org.opencontainers.image.ref.name": "library/redis:latest"}),
    ]


def test_equal_documents_have_equal_bytes() -> None:
    assert oci.encode({"b": 1, "a": [2]}) == oci.encode({"a": [2], "b": 1}) == b'{"a":[2],"b":1}'


@pytest.mark.parametrize(
    ("tags", "version", "references"),
    [
        pytest.param(("pause:3.10",), "", ("pause:3.10",), id="fixed"),
        pytest.param(
            ("r:{version}", "r:{minor}", "r:{major}"), "7.0.15", ("r:7.0.15", "r:7.0", "r:7"), id="version"
        ),
        pytest.param(("r:{major}", "r:7"), "7.0.15", ("r:7",), id="none-twice"),
        pytest.param(("r:{version}", "r:{minor}"), "12", ("r:12",), id="one-number"),
    ],
)
def test_references(tags: tuple[str, ...], version: str, references: tuple[str, ...]) -> None:
    recipe = Recipe("x", Path(), "", tags, (), oci.Process())
    assert recipe.references(version) == references


def test_stand_ins_come_after_own_names() -> None:
    recipe = Recipe("x", Path(), "", ("own:1",), (), oci.Process(), stand_in_for=("other:2",))
    assert recipe.references("") == ("own:1", "other:2")


@pytest.mark.parametrize(
    ("package", "upstream"),
    [
        pytest.param("5:7.0.15-1~deb12u6", "7.0.15", id="epoch-and-revision"),
        pytest.param("1:1.35.0-4+deb12u1+b1", "1.35.0", id="rebuilt"),
        pytest.param("1.22.1-9+deb12u11", "1.22.1", id="plain"),
        pytest.param("2.8.2+ds1-1", "2.8.2", id="repacked"),
        pytest.param("20250419~deb12u2", "20250419", id="date"),
    ],
)
def test_upstream_version(package: str, upstream: str) -> None:
    assert upstream_version(package) == upstream


def write(folder: Path, text: str) -> Path:
    (folder / "x").mkdir()
    (folder / "x" / "recipe.toml").write_text(text)
    return folder


def test_a_recipe_is_read(tmp_path: Path) -> None:
    text = """
    summary = "s"
    tags = ["x:1"]
    [[layers]]
    kind = "busybox"
    [[layers]]
    kind = "debian"
    packages = ["redis-server"]
    remove = ["var/www"]
    [[layers]]
    kind = "files"
    directories = { "/data" = "0777 999:999" }
    [process]
    entrypoint = ["/x"]
    ports = [80]
    """
    assert load("x", write(tmp_path, text)) == Recipe(
        name="x",
        folder=tmp_path / "x",
        summary="s",
        tags=("x:1",),
        layers=(
            BusyboxLayer(),
            DebianLayer(packages=("redis-server",), remove=("var/www",)),
            FilesLayer(directories={"/data": "0777 999:999"}),
        ),
        process=oci.Process(entrypoint=("/x",), ports=(80,)),
    )


def test_all_mistakes_of_a_recipe_are_reported_at_once(tmp_path: Path) -> None:
    text = """
    tags = "x:1"
    colour = "blue"
    [[layers]]
    kind = "dockerfile"
    [[layers]]
    kind = "debian"
    pakages = ["redis-server"]
    [process]
    ports = 80
    """
    with pytest.raises(ImageError) as raised:
        load("x", write(tmp_path, text))
    assert str(raised.value).splitlines()[1:] == [
        "  layers[0].kind: 'dockerfile' is not one of go, busybox, debian, wheels, program, files",
        "  layers[1].pakages: no such field",
        "  layers[1].packages: missing",
        "  process.ports: must be a list",
        "  colour: no such field",
        "  summary: missing",
        "  tags: must be a list",
    ]


def test_an_unknown_image_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no image called 'y'. The images are: x\."):
        load("y", write(tmp_path, "summary = ''"))


def test_every_recipe_of_the_project_is_right() -> None:
    recipes = [load(name) for name in recipe_names()]
    assert [recipe.name for recipe in recipes] == [
        "busybox",
        "hello-kubernetes",
        "jupyter",
        "nginx",
        "pause",
        "redis",
    ]
    taken = [tag for recipe in recipes for tag in recipe.references("{version}")]
    assert len(taken) == len(set(taken))


def test_the_notebook_image_has_exactly_pinned_packages_and_the_versions_of_the_hub() -> None:
    import jupyterhub

    folder = load("jupyter").folder
    lines = [line for line in (folder / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    pins = pinned("\n".join(lines))
    assert len(pins) == len(lines)
    assert pins["jupyterhub"] == jupyterhub.__version__
    assert {"ipykernel", "jupyterlab", "kubernetes", "nbclient", "requests"} < set(pins)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("Jinja2", "jinja2", id="capital"),
        pytest.param("jupyter_core", "jupyter-core", id="underscore"),
        pytest.param("ruamel.yaml--x", "ruamel-yaml-x", id="runs"),
    ],
)
def test_canonical(name: str, expected: str) -> None:
    assert canonical(name) == expected


SOURCES = {"sources.list.d/debian.sources": "Types: deb\nURIs: u\n", "sources.list.d/own.list": "deb u s m\n"}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param(SOURCES, ["sources.list.d/debian.sources"], id="the-distribution-s-own-wins"),
        pytest.param(
            {"sources.list": "# moved to debian.sources\n", **SOURCES},
            ["sources.list.d/debian.sources"],
            id="a-file-of-comments-is-none",
        ),
        pytest.param({"sources.list": "deb u s m\n"}, ["sources.list"], id="old-format"),
        pytest.param({"sources.list.d/own.list": "deb u s m\n"}, ["sources.list.d/own.list"], id="only-own"),
        pytest.param(
            {"sources.list.d/a.list": "deb u\n", "sources.list.d/b.list.disabled": "deb u\n"},
            ["sources.list.d/a.list"],
            id="switched-off",
        ),
    ],
)
def test_apt_sources(tmp_path: Path, files: dict[str, str], found: list[str]) -> None:
    (tmp_path / "sources.list.d").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert apt_sources(tmp_path) == [tmp_path / name for name in found]


def test_without_package_sources_the_error_says_where(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=str(tmp_path)):
        apt_sources(tmp_path)
