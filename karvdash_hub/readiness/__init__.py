"""Decide how a server is doing, and say it in words, from what Kubernetes says about its objects.

    object (parsed JSON) ─► projections ─► model: small tuples ─► judge(Snapshot) ─► Verdict

Pure: no input or output, no clock of its own. The watches in ``karvdash_hub.kube`` keep the tuples
current, the spawner waits for a verdict, pages and API show it.
"""
