"""The one package that talks to the Kubernetes API server.

    config      where the API server is and which credentials to show it
    watch       what exists, kept in memory: one stream a kind (tornado only; the gate loads it too)
    informers   the watches of the Hub, and the state of a server drawn from them
    rest        everything else: get, list, create, apply, patch, delete, logs, exec
                (on transport: HTTP and repeats; discovery: kinds; pods: logs and exec; errors: refusals)
    apply       the objects of a server: a dry run of all, then all, with the rights of their owner
    namespaces  a user's namespace and the role bindings in it
    library     service templates from files and from Template objects
    rbac        what an administrator installs before: share/rbac

The Hub has few rights of its own (``share/rbac/hub.yaml``). What a user asks for is done in the user's
name: ``as_user`` sends ``Impersonate-User`` and nothing else, and Kubernetes adds the groups. The right to
do so is bound inside each user namespace, never for the cluster.

This module imports nothing, so that the gate stays small.
"""
