"""One version of everything, wherever it is written down."""

import re
import tomllib

import yaml


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
    for name in ("tools/requirements.txt", "tools/requirements-test.txt", "experiments/requirements.txt", "docs/site/requirements.txt"):
        lines = (repository / name).read_text().splitlines()
        requirements = [line for line in lines if line and not line.startswith("#")]
        assert [line for line in requirements if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][\w.]*", line)] == []


def test_binder_has_the_conda_environment(repository):
    """Binder's environment is the very file of the repository's root."""
    assert (repository / "binder" / "environment.yml").resolve() == repository / "environment.yml"


def test_the_image_has_our_rust(repository):
    """The Dockerfile starts from the image of the toolchain that rust-toolchain.toml asks for."""
    toolchain = tomllib.loads((repository / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    assert re.findall(r"^FROM rust:(\S+?)-", (repository / "Dockerfile").read_text(), re.MULTILINE) == [toolchain]


def test_one_kernel(repository):
    """Makefile, action and its recipe name one version of the kernel."""
    kernel = re.search(r"^EVCXR_VERSION := (\S+)$", (repository / "Makefile").read_text(), re.MULTILINE)[1]
    action = yaml.safe_load((repository / ".github" / "actions" / "rust-notebooks" / "action.yml").read_text())
    assert action["inputs"]["evcxr-version"]["default"] == kernel
    assert set(re.findall(r"evcxr_jupyter@([\d.]+)", (repository / "docs" / "ci.md").read_text())) == {kernel}


def test_one_python(repository):
    """Workflows and conda use one Python, no older than what `make setup` asks for."""
    conda = pins(repository / "environment.yml")["python"]
    asked = re.search(r"sys.version_info >= \((\d+), (\d+)\)", (repository / "Makefile").read_text())
    assert tuple(map(int, conda.split("."))) >= tuple(map(int, asked.groups()))
    for workflow in (repository / ".github" / "workflows").glob("*.yml"):
        assert set(re.findall(r'python-version: "([\d.]+)"', workflow.read_text())) == {conda}, workflow.name


def test_packages_shared_by_two_environments_agree_where_they_must(repository):
    """The site reads notebooks with the same nbformat as the tools that wrote them."""
    assert pins(repository / "docs" / "site" / "requirements.txt")["nbformat"] == pins(repository / "tools" / "requirements.txt")["nbformat"]
