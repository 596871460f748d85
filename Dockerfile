# JupyterLab with the Rust kernel and `vae_core` compiled:
#
#   docker build -t vae-rs .
#   docker run --rm -p 8888:8888 -v vae-rs-data:/home/reader/course/data vae-rs
#
# The stage `kernel` has everything but the repository; .devcontainer/ starts from it. Its layers stay while only the course changes.
# tests/test_versions.py holds the version of Rust to rust-toolchain.toml's.
FROM rust:1.95.0-slim-trixie AS kernel

# python3-venv for .venv, make for the Makefile, lld to link cells in half the time, git for those who develop in the container.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git lld make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 --shell /bin/bash reader
# By number, so that a host which knows only numbers can tell that it is not root.
USER 1000
ENV HOME=/home/reader
WORKDIR /home/reader/course

# The kernel's program goes into ~/.cache/vae-rs, where `make setup` finds it in any folder.
COPY --chown=1000:1000 Makefile rust-toolchain.toml ./
COPY --chown=1000:1000 tools tools
RUN make kernel && rm -rf "$CARGO_HOME/registry/src"

FROM kernel AS course
COPY --chown=1000:1000 . .
RUN make setup
EXPOSE 8888
CMD ["make", "lab", "LAB_ARGS=--no-browser --ip=0.0.0.0 --port=8888"]
