"""Only what setup.cfg cannot say: every folder of share/ is installed below share/karvdash_hub."""

from pathlib import Path

from setuptools import setup

folders = [folder for folder in [Path("share"), *sorted(Path("share").rglob("*"))] if folder.is_dir()]

setup(
    data_files=[
        (
            str(Path("share", "karvdash_hub", *folder.parts[1:])),
            [str(file) for file in sorted(folder.iterdir()) if file.is_file()],
        )
        for folder in folders
    ]
)
