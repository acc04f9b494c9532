"""The files process: the only one of karvdash_hub that has everybody's files mounted.

    settings   its command line
    tree       folders: made, repaired, set aside, removed; every path opened below the root, no link followed
    app        the internal endpoint that the Hub calls, with a shared secret
    client     how the Hub and ``karvdash-hub folders`` call it

It needs tornado and the standard library, and is imported by no page.
"""
