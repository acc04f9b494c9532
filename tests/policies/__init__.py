"""The admission policies on a real API server, case by case.

Numbers in the ids and docstrings: H, P, N are attacks on platforms of this kind, 3.1 to 3.14 are what a first
set of policies left open. docs/reference/attacks.md lists them, each with its tests here and elsewhere.
"""
