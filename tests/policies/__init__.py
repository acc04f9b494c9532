"""The admission policies on a real API server, case by case.

Numbers in the ids and docstrings: H, P, N are attacks on platforms of this kind, 3.1 to 3.14 are what a first
set of policies left open.

    H1 H3 H6 H8 H9 H11    test_pod_volumes, test_claims (H9 also test_workloads: the kubelet's own rule)
    H2                    test_workloads: every kind; test_parameters: an operator with all rights
    H4 H14 P6             test_pod_security, test_pod_scheduling
    H5 H12                test_changes, test_workloads (scale from 0)
    H7                    test_claims
    H10 H13               the webhook's: tests of karvdash_hub.admission
    P1 P2 P4              test_protected
    P3                    test_rights, test_roles
    P5 P7                 test_roles
    P8                    network policies of the namespace; here (test_rights) that users cannot widen them
    N2                    test_ingresses, test_services
    3.1 3.2 3.3           test_services         3.8 3.9    test_rights
    3.4                   test_pod_scheduling   3.10 3.11 3.14    test_protected
    3.5 3.6               test_ingresses        3.12    tests of karvdash_hub.kube.storage
    3.7                   test_pod_volumes, test_pod_security    3.13    the gate's: tests/gate
"""
