"""One version of everything, wherever it is written down."""

import re
import tomllib


def pins(path) -> dict[str, str]:
    """`name==version` (pip) and `- name=version` (conda) lines of a file."""
    return dict(re.findall(r"^\s*(?:- )?([A-Za-z0-9_.-]+)==?([0-9][^\s]*)$", path.read_text(), re.MULTILINE))


def test_conda_and_pip_agree(repository):
    """The conda environment has the Jupyter and test packages of the requirements files."""
    conda = pins(repository / "environment.yml")
    pip = pins(repository / "tools" / "requirements.txt") | pins(repository / "tools" / "requirements-test.txt")
    for name in ("jupyterlab", "nbclient", "nbconvert", "pytest"):
        assert conda[name] == pip[name], name


def test_one_rust(repository):
    """rust-toolchain.toml, environment.yml and the workspace ask for the same Rust, the toolchain without a component list."""
    toolchain = tomllib.loads((repository / "rust-toolchain.toml").read_text())["toolchain"]
    conda = pins(repository / "environment.yml")
    workspace = tomllib.loads((repository / "Cargo.toml").read_text())["workspace"]["package"]
    assert conda["rust"] == conda["rust-src"] == toolchain["channel"]
    assert toolchain["channel"].startswith(workspace["rust-version"])
    assert "components" not in toolchain


def test_everything_is_pinned_and_no_host_is_named(repository):
    """Requirements are exact versions, without an index, a path or an address."""
    for name in ("tools/requirements.txt", "tools/requirements-test.txt", "experiments/requirements.txt"):
        lines = (repository / name).read_text().splitlines()
        requirements = [line for line in lines if line and not line.startswith("#")]
        assert [line for line in requirements if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][\w.]*", line)] == []

