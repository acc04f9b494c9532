"""A YAML file with variables becomes the manifests of a launch. Nothing here does any I/O.

    parse      text                             -> ServiceTemplate, or every mistake in it
    plan       ServiceTemplate + what was sent  -> Plan: manifests, hosts, addresses
      check_values   what was sent + defaults   -> values of the right types
      render         values into the tree       -> manifests
      expose         Ingresses to our host      -> manifests
      resize         CPU, memory, GPUs          -> manifests
    own        manifests + anchor               -> manifests with namespace, labels and owner

The library calls parse, the spawner plan and own, pages and API Variable.describe.
"""

from karvdash_hub.service_templates.controller import for_controller
from karvdash_hub.service_templates.expose import endpoints, expose, ingress_hosts, primary_service
from karvdash_hub.service_templates.ingress import is_ingress, normalise_ingress
from karvdash_hub.service_templates.model import ServiceTemplate, Variable
from karvdash_hub.service_templates.own import own, with_owner, without_datasets
from karvdash_hub.service_templates.parse import SUFFIX, custom_id, parse, template_id
from karvdash_hub.service_templates.plan import Plan, plan
from karvdash_hub.service_templates.platform import RESERVED, is_reserved, platform_values
from karvdash_hub.service_templates.quantity import parse_quantity
from karvdash_hub.service_templates.render import render
from karvdash_hub.service_templates.size import Size, check_size, resize, size_of
from karvdash_hub.service_templates.tree import Manifest
from karvdash_hub.service_templates.values import check_values, split_secrets
from karvdash_hub.service_templates.variable_types import Value
from karvdash_hub.service_templates.workloads import Workload, workloads

__all__ = [
    "RESERVED",
    "SUFFIX",
    "Manifest",
    "Plan",
    "ServiceTemplate",
    "Size",
    "Value",
    "Variable",
    "Workload",
    "check_size",
    "check_values",
    "custom_id",
    "endpoints",
    "expose",
    "for_controller",
    "ingress_hosts",
    "is_ingress",
    "is_reserved",
    "normalise_ingress",
    "own",
    "parse",
    "parse_quantity",
    "plan",
    "platform_values",
    "primary_service",
    "render",
    "resize",
    "size_of",
    "split_secrets",
    "template_id",
    "with_owner",
    "without_datasets",
    "workloads",
]
