"""Datashim's Dataset, as far as the API server is concerned.

The schema is that of Datashim's own custom resource: free-form spec, status with ``provision``. Datashim
itself does not run here: no bucket can be reached. What it makes of a Dataset, a claim of the same name, is
made by the tests.
Source: datashim-io/datashim src/dataset-operator/chart/templates/crds (com.ie.ibm.hpsys, datashim.io)
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
FORMER, PRESENT = "com.ie.ibm.hpsys", "datashim.io"


def definition(group: str) -> Json:
    """The CustomResourceDefinition of an API group."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": free, "status": free}}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    kinds = {"kind": "Dataset", "listKind": "DatasetList", "plural": "datasets", "singular": "dataset"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"datasets.{group}"},
        "spec": {
            "group": group,
            "names": kinds,
            "scope": "Namespaced",
            "versions": [{**version, "subresources": {"status": {}}}],
        },
    }


def dataset(name: str, group: str) -> Json:
    """A bucket, as Karvdash and Datashim's documentation write it."""
    local = {"type": "COS", "endpoint": "https://s3.example.com", "bucket": name, "readonly": "false"}
    return {
        "apiVersion": f"{group}/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": name},
        "spec": {"local": local},
    }
