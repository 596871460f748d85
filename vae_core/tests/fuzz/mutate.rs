//! Damage that any file can suffer, and damage to JSON that stays JSON.

use rand::{Rng as _, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

pub(crate) type Rng = ChaCha8Rng;

/// Numbers at which readers trip: ends of types, signs, and one past.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];
/// Words that mean something in some file of the crate.
const WORDS: [&str; 14] = [
    "",
    "mlp",
    "conv",
    "detector",
    "F32",
    "F64",
    "U8",
    "F8_E4M3",
    "BOOL",
    "relu",
    "gaussian_learned",
    "latent",
    "kind",
    "\u{0}\u{202e}",
];

pub(crate) fn edge(rng: &mut Rng) -> u64 {
    EDGES.choose(rng).copied().unwrap_or_default()
}

/// A place in `length` items, its end included.
pub(crate) fn place(length: usize, rng: &mut Rng) -> usize {
    rng.random_range(0..=length)
}

/// One to four flips, cuts, repetitions, insertions and splices with a piece of `other`.
pub(crate) fn bytes(data: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    for _ in 0..rng.random_range(1..=4) {
        let at = place(data.len(), rng);
        let end = place(data.len(), rng).max(at).min(at + 64);
        match rng.random_range(0..9) {
            0 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
            1 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.random()),
            2 => data.truncate(at),
            3 => drop(data.drain(at..end)),
            4 => {
                let piece = data[at..end].to_vec();
                data.splice(at..at, piece);
            }
            5 => {
                let noise: Vec<u8> = (0..rng.random_range(1..32)).map(|_| rng.random()).collect();
                data.splice(at..at, noise);
            }
            6 => {
                let from = place(other.len(), rng);
                let piece = &other[from..place(other.len(), rng).max(from)];
                data.splice(at..end, piece.iter().copied());
            }
            7 => {
                let (number, width) = (edge(rng), [1, 2, 4, 8][rng.random_range(0..4)]);
                let number =
                    if rng.random() { number.to_le_bytes() } else { number.rotate_left(64 - 8 * width).to_be_bytes() };
                data.iter_mut().skip(at).zip(&number[..width as usize]).for_each(|(byte, new)| *byte = *new);
            }
            _ => data[at..end].fill([0, 0xff][rng.random_range(0..2)]),
        }
    }
}

/// Changes one to three values somewhere in a tree of JSON.
pub(crate) fn json(value: &mut Value, rng: &mut Rng) {
    for _ in 0..rng.random_range(1..=3) {
        change(value, rng);
    }
}

fn change(value: &mut Value, rng: &mut Rng) {
    // Mostly down to a leaf, sometimes this very value.
    if rng.random_bool(0.85) {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let at = rng.random_range(0..items.len());
                return change(&mut items[at], rng);
            }
            Value::Object(map) if !map.is_empty() => {
                let at = rng.random_range(0..map.len());
                return map.values_mut().nth(at).into_iter().for_each(|value| change(value, rng));
            }
            _ => {}
        }
    }
    match (value, rng.random_range(0..4)) {
        (Value::Array(items), 0) => drop(items.pop()),
        (Value::Array(items), 1) => items.extend(items.clone()),
        (Value::Array(items), 2) if !items.is_empty() => {
            let item = items[0].clone();
            items.resize(rng.random_range(0..50), item);
        }
        (Value::Object(map), 0 | 1) => {
            let Some(key) = map.keys().nth(rng.random_range(0..map.len().max(1))).cloned() else { return };
            let value = map.remove(&key).unwrap_or_default();
            if rng.random() {
                map.insert(WORDS[rng.random_range(0..WORDS.len())].into(), value);
            }
        }
        (Value::Object(map), 2) => {
            let values: Vec<Value> = map.values().cloned().collect();
            for value in map.values_mut() {
                if rng.random_bool(0.3) {
                    *value = values[rng.random_range(0..values.len())].clone();
                }
            }
        }
        (value, _) => *value = leaf(value, rng),
    }
}

fn leaf(old: &Value, rng: &mut Rng) -> Value {
    match rng.random_range(0..12) {
        0..4 => edge(rng).into(),
        4 => (-(rng.random_range(0..i64::MAX))).into(),
        5 => json!([1e308, -1e308, 5e-324, 0.5, -0.0][rng.random_range(0..5)]),
        6 => old.as_u64().map_or(json!(3), |n| n.wrapping_add(1).into()),
        7 => Value::Null,
        8 => json!({}),
        9 => (0..rng.random_range(1..200)).fold(json!([]), |inner, _| json!([inner])),
        _ => WORDS[rng.random_range(0..WORDS.len())].into(),
    }
}
