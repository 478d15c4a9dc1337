//! Compiles `proto/` to Rust, without `protoc`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use prost::Message;
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("proto");
    println!("cargo::rerun-if-changed=proto");

    println!("cargo::rustc-env=ENGINE_DIGEST={}", engine()?);

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

/// What answers are made by: anything else may answer the same question otherwise, and must not be
/// given this program's answers from a shared cache.
const ENGINE: [&str; 4] =
    ["crates/lineguard-core/src", "crates/lineguard-core/models", "src/gather", "src/rpc"];

/// A digest over the sources that answers are made by, and the messages that they are told in.
fn engine() -> io::Result<String> {
    let mut files = Vec::new();
    for folder in ENGINE.into_iter().chain(["proto"]) {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(&file)?;
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
