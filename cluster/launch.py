"""Become a background program of an instance. Run as a file, with the standard library only.

    python -I -S launch.py LOG CGROUP[:CGROUP...] -- PROGRAM ARGUMENT...

Puts itself into the control groups *before* it becomes the program, so that no child can escape
them, detaches from the caller's session, and prints the process id of the program.
"""
# pathlib would be half of the starting time.
# ruff: noqa: PTH118, PTH123

import os
import sys


def main(log: str, cgroups: str, separator: str, *command: str) -> None:
    if separator != "--":
        raise SystemExit("usage: launch.py LOG CGROUP[:CGROUP...] -- PROGRAM ARGUMENT...")
    child = os.fork()
    if child:
        print(child)
        return
    os.setsid()
    for group in cgroups.split(":"):
        with open(os.path.join(group, "cgroup.procs"), "w") as file:
            file.write("0")  # the writer itself
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
