"""The admission server: gives every pod of a user namespace the user's folders, token and datasets.

    kube-apiserver ── AdmissionReview ──► app.MutateHandler
                                            review   what was asked, or why it makes no sense  (pure)
                                            table    what is known of the namespace            (pure)
                                            patch    pod and facts -> JSON patch               (pure)
                   ◄── patch or refusal ──
    watches         keep the table current
    events          afterwards: tell of datasets that were left out
    certificate     another process: makes the TLS certificate and tells Kubernetes whom to trust

Fails closed: what cannot be decided is refused with a sentence, so every pod that exists has its volumes.
Tornado and the standard library only, no request to the API server for a review, and no Hub.
"""
