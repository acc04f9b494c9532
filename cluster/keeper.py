"""Keep an instance's namespaces alive, let its node forward packets, and open its volumes to every user id.

Run as a file, with the standard library only. The controller manager's host-path provisioner makes
folders with mode 0750 (pkg/volume/hostpath/host_path.go), and host paths know no fsGroup: without
help, only root could write to a volume of the default StorageClass.
"""
# pathlib would take as much memory as the rest.
# ruff: noqa: PTH101, PTH123

import fcntl
import os
import signal
import stat
import sys

SECONDS_BETWEEN_LOOKS = 30.0


def open_volumes(folder: str) -> None:
    for entry in os.scandir(folder):
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and mode & 0o777 != 0o777:
                os.chmod(entry.path, 0o777)  # noqa: S103
        except FileNotFoundError:  # its claim was deleted in this moment
            continue


def main(folder: str) -> None:
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:  # of this network namespace only
        file.write("1")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
    handle = os.open(folder, os.O_RDONLY)
    fcntl.fcntl(handle, fcntl.F_NOTIFY, fcntl.DN_CREATE | fcntl.DN_MULTISHOT)
    while True:
        open_volumes(folder)
        signal.sigtimedwait([signal.SIGIO], SECONDS_BETWEEN_LOOKS)


if __name__ == "__main__":
    main(sys.argv[1])
