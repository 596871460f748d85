"""Fetch MNIST and Fashion-MNIST into `data/` with the crate's own downloader, where there is a network.

The downloader is an example of `vae_core` built with the feature `hub`, which takes about five minutes to compile. So
the network is tried first, and without one the answer comes in seconds: the notebooks then use the embedded images.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY / "data"
HUB = "huggingface.co"
ANSWER_SECONDS = 5
FETCH = ["cargo", "run", "--release", "-p", "vae_core", "--features", "hub", "--example", "fetch_data"]


def has_data(folder: Path) -> bool:
    """Whether both data sets lie in `folder`, each as its four IDX files, gzipped or not."""
    return all(len(list((folder / name).glob("*-ubyte*"))) >= 4 for name in ("mnist", "fashion-mnist"))


def hub_answers() -> bool:
    """Whether the hub, or the proxy that leads to it, takes a connection. In a process of its own, since looking up a
    name has no time-out and can take half a minute where there is no network."""
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    address = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else urlsplit(f"https://{HUB}:443")
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)"
    command = [sys.executable, "-c", connect, address.hostname or HUB, str(address.port or 443)]
    try:
        return subprocess.run(command, capture_output=True, timeout=ANSWER_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--if-missing", action="store_true",
        help="as a step of the set-up: leave alone what is there or set by VAE_CORE_DATA_DIR, and never fail",
    )
    optional = parser.parse_args().if_missing

    if optional and (folder := os.environ.get("VAE_CORE_DATA_DIR")):
        print(f"data: VAE_CORE_DATA_DIR is set, the images come from {folder}")
        return 0
    if has_data(DATA):
        if not optional:
            print("data: MNIST and Fashion-MNIST are in data/ already")
        return 0
    if not hub_answers():
        print(
            f"data: no connection to {HUB}, so MNIST and Fashion-MNIST were not fetched. The notebooks use the embedded\n"
            "      images until then. To change that, run `make data` with a network, or put the IDX files into\n"
            "      data/mnist and data/fashion-mnist, or set VAE_CORE_DATA_DIR to a folder that has both."
        )
        return 0 if optional else 1

    print("data: fetching MNIST and Fashion-MNIST (the downloader compiles first: about 5 minutes on two cores)")
    status = subprocess.run(FETCH, cwd=REPOSITORY).returncode
    if status == 0 and has_data(DATA):
        return 0
    print(f"data: `{' '.join(FETCH)}` did not bring both data sets into data/ (exit status {status}); see above.")
    return 0 if optional else 1


if __name__ == "__main__":
    sys.exit(main())
