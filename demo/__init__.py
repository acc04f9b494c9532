"""The demonstration: every part of karvdash_hub as host processes around the embedded cluster.

``python -m demo up`` (``make demo-up``) goes through ``stack.Stack``:

    cluster.Cluster   a real Kubernetes in namespaces of its own
    images            the container images, built from packages, in the cluster's registry
    install           CRD and RBAC of share/rbac, tokens of the Hub's and the gate's accounts
    parts             gate, proxy, Hub and front, one process each, by recorded process id
    accounts          two people with random passwords; .demo/env tells programs

The tests start the same Stack under another name, so what is demonstrated is what is tested.
"""
