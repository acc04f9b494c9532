"""Bad service templates: every mistake with its document and field, and quickly."""

from __future__ import annotations

import time

import pytest

from karvdash_hub.errors import TemplateInvalid
from karvdash_hub.service_templates import parse
from tests.pure.templates import SERVICE, config_map, template, text

NO_NAME = "kind: Template\nname: Test\nvariables:\n- {name: MESSAGE, default: x}\n"
LOWER_NAME = "kind: Template\nname: Test\nvariables:\n- {name: name, default: x}\n"


def declare(entry: str) -> str:
    return text(SERVICE, variables=f"- {entry}\n")


def with_default(default: str) -> str:
    return declare(f"{{name: A, default: {default}}}")


def metadata(fields: str) -> str:
    return text(f"apiVersion: v1\nkind: Secret\nmetadata: {{{fields}}}")


BAD = [
    ("not YAML", "a: b: c", 0, "", "This is not YAML"),
    ("empty file", "", None, "", "The Template section is missing"),
    ("only a comment", "# nothing\n", None, "", "The Template section is missing"),
    ("no section", SERVICE, None, "", "The Template section is missing"),
    ("no object", text(), None, "", "nothing to launch"),
    ("empty document", text(SERVICE) + "---\n", 2, "", "The document is empty"),
    ("list", text(SERVICE, "[1, 2]"), 1, "", "A document is a mapping"),
    ("text", text(SERVICE, "just text"), 1, "", "A document is a mapping"),
    ("two sections", text(SERVICE) + f"---\n{NO_NAME}", 2, "kind", "a second Template section"),
    ("no NAME", SERVICE + f"---\n{NO_NAME}", 1, "variables", "The variable NAME is missing"),
    ("NAME in lower case", SERVICE + f"---\n{LOWER_NAME}", 1, "variables", "NAME is missing"),
    ("section without a name", SERVICE + "---\nkind: Template\n", 1, "name", "required"),
    ("no variables", SERVICE + "---\nkind: Template\n", 1, "variables", "List the variables"),
    ("name is a list", SERVICE + "---\nkind: Template\nname: [x]\nvariables: 5\n", 1, "name", "must be text"),
    ("flag", text(SERVICE, section="auth: maybe\n"), 1, "auth", "must be true or false"),
    ("flag list", text(SERVICE, section="singleton: []\n"), 1, "singleton", "single value"),
    ("description", text(SERVICE, section="description: {a: b}\n"), 1, "description", "be text"),
    ("description 2", text(SERVICE, section=f"description: {'x' * 3000}\n"), 1, "description", "too long"),
    ("variable", declare("5"), 1, "variables[1]", "A variable is a mapping"),
    ("unnamed", declare("{default: x}"), 1, "variables[1].name", "needs a name"),
    ("digit", declare("{name: 1A, default: x}"), 1, "variables[1].name", "no digit first"),
    ("hyphen", declare("{name: a-b, default: x}"), 1, "variables[1].name", "letters"),
    ("name list", declare("{name: [A], default: x}"), 1, "variables[1].name", "letters"),
    ("no default", declare("{name: A}"), 1, "variables[1].default", "A needs a default"),
    ("default", with_default("[x]"), 1, "variables[1].default", "is text"),
    ("twice", with_default("x}\n- {name: A, default: y"), 1, "variables[2].name", "twice"),
    ("NAME twice", declare("{name: NAME, default: y}"), 1, "variables[1].name", "twice"),
    ("type", with_default("x, type: int"), 1, "variables[1].type", "int is no type"),
    ("type list", with_default("x, type: [a]"), 1, "variables[1].type", "text"),
    ("misfit", with_default("x, type: integer"), 1, "variables[1].default", "whole number"),
    ("empty", with_default(", type: integer"), 1, "variables[1].default", "whole"),
    ("max", with_default("5, max: 3"), 1, "variables[1].default", "at most 3"),
    ("min", with_default("5, min: x"), 1, "variables[1].min", "a number"),
    ("boolean", with_default("yes, min: 1"), 1, "variables[1].min", "no meaning"),
    ("quantity", with_default("1, type: quantity, max: 1GB"), 1, "variables[1].max", "amount"),
    ("choice", with_default("x, choices: [y]"), 1, "variables[1].default", "must be one of y"),
    ("choices", with_default("x, choices: y"), 1, "variables[1].choices", "list"),
    ("choice type", with_default("3, choices: [3, x]"), 1, "variables[1].choices[1]", "whole"),
    ("no pattern", with_default("x, pattern: '('"), 1, "variables[1].pattern", "RE2"),
    ("pattern", with_default("x, pattern: y"), 1, "variables[1].default", "match the pattern y"),
    ("help", with_default("x, help: [y]"), 1, "variables[1].help", "text"),
    ("version", text(SERVICE, "kind: Secret\nmetadata: {name: a}"), 1, "apiVersion", "required"),
    ("kind", text(SERVICE, "apiVersion: v1\nmetadata: {name: a}"), 1, "kind", "required"),
    ("metadata", text("apiVersion: v1\nkind: Secret"), 0, "metadata", "required"),
    ("no name", metadata("labels: {}"), 0, "metadata.name", "needs a name"),
    ("name is a number", metadata("name: 5"), 0, "metadata.name", "as text"),
    ("generated", metadata("name: a, generateName: b"), 0, "metadata.generateName", "a name instead"),
    ("our names", metadata("name: karvdash-x"), 0, "metadata.name", "belongs to the platform"),
    ("foreign", metadata("name: a, namespace: kube-system"), 0, "metadata.namespace", "Remove it"),
    ("made up", metadata("name: a, namespace: x$NAMESPACE"), 0, "metadata.namespace", "Remove it"),
    ("labels", metadata("name: a, labels: [b]"), 0, "metadata.labels", "must be a mapping"),
    (
        "a forged anchor",
        metadata("name: a, labels: {karvdash.io/anchor: x}"),
        0,
        "metadata.labels[karvdash.io/anchor]",
        "The platform sets this one",
    ),
    ("List", text("apiVersion: v1\nkind: List\nitems: []"), 0, "kind", "Write the items"),
    (
        "every namespace's account",
        text("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}"),
        0,
        "metadata.name",
        "belongs to the platform",
    ),
    ("same", text(SERVICE, SERVICE), 1, "metadata.name", "Document 1 is the Service $NAME already"),
]


@pytest.mark.parametrize(
    ("source", "document", "field", "sentence"), [pytest.param(*row, id=id) for id, *row in BAD]
)
def test_bad_templates(source: str, document: int | None, field: str, sentence: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        parse(source, id="x")
    assert refused.value.status == 422
    found = {(error.document, error.field): error.message for error in refused.value.errors}
    assert (document, field) in found
    assert sentence in found[document, field]


@pytest.mark.parametrize(
    "kind",
    [
        *("ClusterRole", "ClusterRoleBinding", "Namespace", "CustomResourceDefinition", "PersistentVolume"),
        *("Node", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"),
        *("StorageClass", "PriorityClass", "IngressClass", "ValidatingAdmissionPolicy"),
    ],
)
def test_objects_of_the_whole_cluster(kind: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        template(f"apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: a}}")
    (error,) = refused.value.errors
    assert (error.document, error.field) == (0, "kind")
    assert "belongs to the whole cluster" in error.message


def test_every_mistake_is_reported() -> None:
    source = text(
        "apiVersion: v1\nkind: ClusterRoleBinding\nmetadata: {name: a, namespace: default}\na: 1\na: 2",
        "{}",
        "metadata: {}",
        variables="- {name: 1, default: x}\n- {name: B, default: x, type: y}\n",
        section="auth: [x]\n",
    )
    with pytest.raises(TemplateInvalid) as refused:
        parse(source, id="x")
    assert [(error.document, error.field) for error in refused.value.errors] == [
        (0, "a"),
        (0, "kind"),
        (0, "metadata.namespace"),
        (1, ""),
        (2, "apiVersion"),
        (2, "kind"),
        (2, "metadata.name"),
        (3, "auth"),
        (3, "variables[1].name"),
        (3, "variables[2].type"),
    ]
    assert len(str(refused.value).splitlines()) == 11


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: $NAME
spec:
  rules:
  - host: %s
    http:
      paths:
      - backend:
          serviceName: $NAME
          servicePort: 80
"""


@pytest.mark.parametrize(
    ("document", "field", "sentence"),
    [
        pytest.param(
            INGRESS % "www.example.org", "spec.rules[0].host", "not this service's host", id="foreign host"
        ),
        pytest.param(
            INGRESS % "$HOSTNAME", "spec.rules[0].host", "declare the variable", id="undeclared host"
        ),
        pytest.param(SERVICE + "  type: NodePort\n", "spec.type", "round the sign-in", id="NodePort"),
        pytest.param(config_map("$NAME: a\nweb: b"), "data.web", "Two keys are both web", id="keys"),
    ],
)
def test_what_cannot_be_launched_is_said_at_upload(document: str, field: str, sentence: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        template(document)
    (error,) = refused.value.errors
    assert (error.document, error.field) == (0, field)
    assert sentence in error.message


MANY_VARIABLES = "".join(f"- {{name: A{n}, default: x}}\n" for n in range(101))
MANY_ALIASES = f"a: &a [{'x,' * 50}]\nb: &b [{'*a,' * 50}]\n" + "c: [*b, *b, *b, *b, *b, *b, *b, *b]\n"
LONG = f"- {{name: A, default: {'x' * 60}}}\n"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(text(*[SERVICE.replace("$NAME", f"a{n}", 1) for n in range(101)]), id="documents"),
        pytest.param(text(SERVICE, variables=MANY_VARIABLES), id="variables"),
        pytest.param(text(SERVICE, section=MANY_ALIASES), id="aliases"),
        pytest.param("x" * 2_000_000, id="2 MB"),
        pytest.param("- " * 100_000, id="nesting"),
        pytest.param(text(SERVICE, "a: 1\n" * 100_000), id="one key very often"),
        pytest.param(text(config_map("k: " + "$A" * 100_000), variables=LONG), id="too large when filled in"),
    ],
)
def test_files_made_to_hurt_are_refused_quickly(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateInvalid):
        parse(source, id="x")
    assert time.monotonic() - started < 2
