//! Compiles `proto/` to Rust, without `protoc`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("proto");
    println!("cargo::rerun-if-changed=proto");

    let mut files = proto_files(&root.join("lineguard/v1"))?;
    files.sort();
    let descriptors = protox::compile(&files, [root])?;

    // Reflection serves the descriptors as they are, comments included.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_client(true).compile_fds(descriptors)?;
    Ok(())
}

fn proto_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| {
            path.as_ref().map_or(true, |path| path.extension().is_some_and(|e| e == "proto"))
        })
        .collect()
}
