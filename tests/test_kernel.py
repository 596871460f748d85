"""The kernel: gradients across cells, two kernels at once, and leaving alone what is the user's."""

import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kernel_launcher import RUNNING, copy_build, is_immutable
from kernel_session import kernel

PARAMETERS = """
use {crate}::candle::{{Device, Tensor, Var}};
let a = Var::from_tensor(&Tensor::new(3.0f64, &Device::Cpu)?)?;
let b = Var::from_tensor(&Tensor::new(1.5f64, &Device::Cpu)?)?;
"""
# 3ab - 1.5b²: the gradient is 3b for a and 3a - 3b for b, which is 4.5 for both. The additions of nothing use up ids: were
# tensors counted anew in each cell, some on the way from `square` would pass for the parameters, seen already.
LOSS = """
let mut square = b.as_tensor().sqr()?;
for _ in 0..10 {
    square = (square + 0.0)?;
}
let product = (a.as_tensor() * b.as_tensor())?;
let loss = ((product * 3.0)? + (square * -1.5)?)?;
let gradients = loss.backward()?;
for variable in [&a, &b] {
    match gradients.get(variable.as_tensor()) {
        Some(gradient) => println!("gradient {}", gradient.to_scalar::<f64>()?),
        None => println!("gradient None"),
    }
}
"""
WHERE = 'println!("directory {}", std::env::var("EVCXR_TMPDIR")?);'


def dep(crate: str, folder) -> str:
    return f':dep {crate} = {{ path = "{folder}" }}'


@pytest.fixture(scope="module")
def user_kernel(tmp_path_factory):
    """A Jupyter data folder of a user who has an older Rust kernel."""
    data = tmp_path_factory.mktemp("user-data")
    spec = data / "jupyter" / "kernels" / "rust"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text("theirs")
    (spec / "version.txt").write_text("0.1.0")
    return data


@pytest.fixture(scope="module")
def printed(user_kernel):
    """What two kernels print that run at the same time, one of them with candle as a second `:dep`."""
    from conftest import REPOSITORY

    environment = dict(os.environ, XDG_DATA_HOME=str(user_kernel))
    environment.pop("JUPYTER_PATH", None)

    def session(*deps: str) -> str:
        with kernel(REPOSITORY / "tests", environment=environment) as run:
            answers = [run("\n".join(deps)), run(PARAMETERS.format(crate="vae_core")), run(LOSS), run(WHERE)]
            assert [answer.failure for answer in answers] == [""] * 4
            return "".join(answer.stdout for answer in answers)

    vae_core = dep("vae_core", "../vae_core")
    with ThreadPoolExecutor() as pool:
        alone = pool.submit(session, vae_core)
        with_candle = pool.submit(session, vae_core, ':dep candle-core = "=0.11.1"')
        return {"alone": alone.result(), "with candle": with_candle.result()}


@pytest.mark.parametrize("session", ["alone", "with candle"])
def test_gradients_are_exact_across_cells(printed, session):
    """Parameters made in one cell get their exact gradient from a loss in the next, also when the user adds candle."""
    assert re.findall("gradient (.*)", printed[session]) == ["4.5", "4.5"]


def test_two_kernels_run_at_once_and_clean_up(printed):
    """Kernels that run at the same time have a directory each, which is gone soon after they end."""
    directories = [re.search("directory (.*)", text)[1] for text in printed.values()]
    assert len(set(directories)) == 2
    for _ in range(50):
        if not any(os.path.exists(directory) for directory in directories):
            return
        time.sleep(0.2)
    pytest.fail(f"still there ten seconds after the kernels ended: {directories}, in {RUNNING}")


def test_the_kernel_of_the_user_stays_as_it_is(printed, user_kernel):
    """evcxr updates a kernelspec that it finds in the user's folder; ours must not let it."""
    spec = user_kernel / "jupyter" / "kernels" / "rust"
    assert sorted(path.name for path in spec.iterdir()) == ["kernel.json", "version.txt"]
    assert (spec / "kernel.json").read_text() == "theirs"


def test_a_plain_lib_would_give_wrong_gradients(repository, tmp_path):
    """With the crate as a plain `lib`, each cell has a candle of its own and gradients go wrong, which a test of them notices."""
    plain = tmp_path / "plain"
    shutil.copytree(repository / "vae_core", plain / "plain_core", ignore=shutil.ignore_patterns("src", "target"))
    for name in ("Cargo.toml", "Cargo.lock"):
        text = (repository / name).read_text()
        (plain / name).write_text(text.replace('"vae_core"', '"plain_core"'))
    manifest = plain / "plain_core" / "Cargo.toml"
    text = manifest.read_text()
    assert '"dylib"' in text
    text = text.replace('name = "vae_core"', 'name = "plain_core"').replace('["lib", "dylib"]', '["lib"]')
    manifest.write_text(re.sub(r"^\[\[(example|test|bench)\]\]\n((?!\[).*\n)*", "", text, flags=re.MULTILINE))
    (plain / "plain_core" / "src").mkdir()
    (plain / "plain_core" / "src" / "lib.rs").write_text("pub use candle_core as candle;\n")
    for folder in ("tests", "examples", "benches"):
        shutil.rmtree(plain / "plain_core" / folder, ignore_errors=True)

    with kernel(repository / "tests") as run:
        answers = [run(dep("plain_core", plain / "plain_core")), run(PARAMETERS.format(crate="plain_core")), run(LOSS)]
    assert [answer.failure for answer in answers] == [""] * 3
    gradients = re.findall("gradient (.*)", answers[-1].stdout)
    assert len(gradients) == 2 and gradients != ["4.5", "4.5"]


def test_a_copied_build_shares_only_what_never_changes(tmp_path):
    """Compiled registry crates are hard links; what cargo rewrites, `vae_core` included, is a copy of its own."""
    deps = tmp_path / "warm" / "deps"
    deps.mkdir(parents=True)
    for name in ("libcandle_core-1.rlib", "libvae_core.so", "ctx.d"):
        (deps / name).write_text(name)
    copy_build(tmp_path / "warm", tmp_path / "copy")
    shared = {path.name for path in deps.iterdir() if path.samefile(tmp_path / "copy" / "deps" / path.name)}
    assert shared == {"libcandle_core-1.rlib"} == {path.name for path in deps.iterdir() if is_immutable(str(path))}
