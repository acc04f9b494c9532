"""Ratios against a peer, both sides measured in one interleaved run: ``make bench``.

``launch``   B1: POST to ready, against ``kubectl apply`` and ``kubectl wait`` of the same manifests
``restart``  B8: Hub killed to all 1,000 services listed right, against one ``kubectl get`` of their objects;
             B5: the Hub's memory for them, against plain JupyterHub with as many servers
``gateway``  B9: requests through the gate, against the same nginx location without it

Figures are of the machine that runs them; only the ratios are compared with the floors. Never in CI.
"""
