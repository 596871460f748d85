//! MNIST and Fashion-MNIST from the Hugging Face hub, through candle-datasets (feature `hub`).
//!
//! candle-datasets keeps what it fetched in the hub's cache (`HF_HOME`, else `~/.cache/huggingface`) and takes it from there
//! the next time, without a network. Its client has no time limits, so this module asks first whether the hub can be
//! reached at all, and gives up on a transfer that stands still: no network is a quick answer.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use candle_datasets::vision;

use super::{Images, idx};
use crate::{Error, Result};

/// How long to wait for an answer from the hub's address, name look-up included.
const REACH: Duration = Duration::from_secs(3);
/// How long one set may take: up to 30 MB over a slow line.
const PATIENCE: Duration = Duration::from_secs(300);

/// What candle-datasets calls a set, where the hub's cache keeps it, and how it is loaded.
struct Hosted {
    name: &'static str,
    folder: &'static str,
    files: [&'static str; 2],
    load: fn() -> candle_core::Result<vision::Dataset>,
}

const HOSTED: [Hosted; 2] = [
    Hosted {
        name: "mnist",
        folder: "datasets--ylecun--mnist",
        files: ["mnist/train/0000.parquet", "mnist/test/0000.parquet"],
        load: vision::mnist::load,
    },
    Hosted {
        name: "fashion-mnist",
        folder: "datasets--zalando-datasets--fashion_mnist",
        files: ["fashion_mnist/train/0000.parquet", "fashion_mnist/test/0000.parquet"],
        load: vision::fashion_mnist::load,
    },
];

/// The training and the test images of "mnist" or "fashion-mnist", from the hub's cache or over the network.
///
/// # Errors
/// When the name is another, there is neither a copy in the cache nor a network, or what came are not 28×28 grey images
/// with a label each. Without a network the error comes after three seconds at most.
pub fn load(name: &str, device: &Device) -> Result<(Images, Images)> {
    let hosted = HOSTED.iter().find(|hosted| hosted.name == name);
    let hosted = hosted.ok_or_else(|| {
        Error::argument(format!("no data set on the hub is called {name:?} here: expected mnist or fashion-mnist"))
    })?;
    if !cached(hosted) {
        reach()?;
    }
    let (load, (send, receive)) = (hosted.load, channel());
    // On a thread of its own, because it may stand still, and because candle-datasets panics on a picture that it cannot
    // decode. The channel closes when it does.
    std::thread::spawn(move || send.send(load()));
    let set = receive.recv_timeout(PATIENCE).map_err(|error| {
        Error::argument(match error {
            RecvTimeoutError::Timeout => format!("the hub did not send {name} within {} s", PATIENCE.as_secs()),
            RecvTimeoutError::Disconnected => {
                let folder = hosted.folder;
                format!("{name} from the hub does not decode: remove {folder} from the hub's cache and try again")
            }
        })
    })??;
    Ok((convert(&set.train_images, &set.train_labels, device)?, convert(&set.test_images, &set.test_labels, device)?))
}

/// Fetches both sets into `folder`/mnist and `folder`/fashion-mnist as gzipped IDX files, leaving alone what is there and
/// sound, and says what was done, a line for each. A set appears whole or not at all.
///
/// # Errors
/// As [`load`], and when the system cannot write.
pub fn fetch_into(folder: &Path) -> Result<Vec<String>> {
    let mut said = vec![];
    for Hosted { name, .. } in HOSTED {
        let target = folder.join(name);
        if idx::read_folder(&target, &Device::Cpu).is_ok() {
            said.push(format!("{name}: there already"));
            continue;
        }
        let (train, test) = load(name, &Device::Cpu)?;
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        if target.exists() {
            // A damaged copy: replace its files, one by one, and touch nothing else that may lie there.
            idx::write_folder(&target, &train, &test)?;
        } else {
            let new = tempfile::TempDir::new_in(folder).map_err(Error::io(folder))?;
            let inside = new.path().join(name);
            idx::write_folder(&inside, &train, &test)?;
            std::fs::rename(&inside, &target).map_err(Error::io(&target))?;
        }
        let (train, test) = (train.len(), test.len());
        said.push(format!("{name}: {train} training and {test} test images from the Hugging Face hub"));
    }
    Ok(said)
}

/// Bytes again from candle-datasets' tensors: images (N, 784), float32 with byte/255 in them, and labels (N,).
fn convert(images: &Tensor, labels: &Tensor, device: &Device) -> Result<Images> {
    let values = images.flatten_all()?.to_vec1::<f32>()?;
    let pixels = values.iter().map(|x| (x * 255.0).round() as u8).collect();
    Images::new(pixels, labels.to_dtype(DType::U32)?.to_vec1()?, (1, 28, 28), device)
}

/// Whether the hub's cache holds both files, so that no network is needed.
fn cached(hosted: &Hosted) -> bool {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    // The order in which hf-hub looks.
    let home = variable("HF_HOME")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/huggingface")));
    let cache = variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE"));
    let Some(folder) = cache.or_else(|| home.map(|home| home.join("hub"))).map(|cache| cache.join(hosted.folder))
    else {
        return false;
    };
    let commit = std::fs::read_to_string(folder.join("refs/refs/convert/parquet"));
    commit.is_ok_and(|commit| {
        let snapshot = folder.join("snapshots").join(commit.trim());
        hosted.files.iter().all(|file| snapshot.join(file).is_file())
    })
}

/// An error when neither the hub nor, where one is set, the proxy can be reached.
fn reach() -> Result<()> {
    let variable = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].iter().find_map(variable);
    let endpoint = proxy.or_else(|| variable(&"HF_ENDPOINT")).unwrap_or_else(|| "https://huggingface.co".into());
    let address = address(&endpoint);
    let (send, receive) = channel();
    let asked = address.clone();
    // A name look-up has no time limit either, so it waits on a thread of its own.
    std::thread::spawn(move || {
        let mut result = Err(std::io::Error::other("the name has no address"));
        for address in asked.to_socket_addrs().into_iter().flatten() {
            result = TcpStream::connect_timeout(&address, REACH);
            if result.is_ok() {
                break;
            }
        }
        send.send(result.map(drop))
    });
    let problem = match receive.recv_timeout(REACH) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", REACH.as_secs()),
    };
    Err(Error::argument(format!("no network: the Hugging Face hub ({address}) cannot be reached: {problem}")))
}

/// "host:port" of a URL; port 443 for https and 80 otherwise, where none is given.
fn address(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if scheme == "https" { 443 } else { 80 };
    if has_port { host.to_string() } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// candle-datasets' floats become exactly the bytes that they were made from.
    #[test]
    fn every_byte_survives() {
        let bytes: Vec<u8> = (0..784).map(|i| i as u8).collect();
        let floats = Tensor::from_vec(bytes.clone(), (1, 784), &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap();
        let floats = (floats / 255.0).unwrap();
        let labels = Tensor::new(&[7u8], &Device::Cpu).unwrap();
        let images = convert(&floats, &labels, &Device::Cpu).unwrap();
        assert_eq!((images.bytes(), images.labels()), (&bytes[..], &[7][..]));
    }

    /// Endpoints and proxies are written in many ways; all lead to a host and a port.
    #[test]
    fn addresses() {
        assert_eq!(address("https://huggingface.co"), "huggingface.co:443");
        assert_eq!(address("http://user:word@proxy:3128/"), "proxy:3128");
        assert_eq!(address("proxy"), "proxy:80");
        assert_eq!(address("http://[::1]:9/x"), "[::1]:9");
    }
}
