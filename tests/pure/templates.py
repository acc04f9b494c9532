"""Small service templates for tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from karvdash_hub.service_templates import Manifest, ServiceTemplate, parse, plan, platform_values

ROOT = Path(__file__).parents[2]
SEED = (Path(__file__).parent / "data" / "seed-hello-kubernetes.template.yaml").read_text()
BUNDLED = sorted((ROOT / "share" / "templates" / "services").glob("*.template.yaml"))

HOST = "web-alice.example.com"
PLATFORM = platform_values(namespace="karvdash-alice", host=HOST, registry="https://me:secret@registry:5000")
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: $NAME
spec:
  ports:
  - port: 80
  selector:
    app: $NAME
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $NAME
spec:
  template:
    spec:
      containers:
      - name: main
        image: pause
"""


def text(*documents: str, variables: str = "", section: str = "") -> str:
    """Write the file of a template: documents, then the section with NAME and ``variables``."""
    declared = "- name: NAME\n  default: web\n" + dedent(variables)
    last = f"kind: Template\nname: Test\n{dedent(section)}variables:\n{declared}"
    return "---\n".join(f"{dedent(document).strip()}\n" for document in (*documents, last))


def template(*documents: str, variables: str = "", section: str = "") -> ServiceTemplate:
    """Parse what ``text`` writes."""
    return parse(text(*documents, variables=variables, section=section), id="test")


def config_map(data: str) -> str:
    """Write a ConfigMap with these lines of data."""
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: $NAME\ndata:\n"
    return head + indent(dedent(data).strip("\n"), "  ") + "\n"


def custom(spec: str) -> str:
    """Write a custom resource, about whose fields nothing is known."""
    head = "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: $NAME\nspec:\n"
    return head + indent(dedent(spec).strip("\n"), "  ") + "\n"


def planned(
    document: str, values: Mapping[str, Any] | None = None, *, variables: str = "", section: str = ""
) -> Manifest:
    """Return the first manifest of a launch as server ``web``."""
    parsed = template(document, variables=variables, section=section)
    return plan(parsed, server="web", values=values or {}, platform=PLATFORM).manifests[0]
