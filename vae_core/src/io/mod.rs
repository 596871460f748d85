//! Files: whole or not there, with a checksum, and under PyTorch's names.

pub(crate) mod files;
pub(crate) mod pytorch;
pub(crate) mod storage;
