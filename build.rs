//! Compiles `proto/` to Rust, without `protoc`, and takes a digest of everything that makes answers.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use prost::Message;
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=proto");

    let engine = engine()?;
    println!("cargo::rustc-env=ENGINE_DIGEST={}", digest(&engine)?);
    fs::write(out.join("engine_files.txt"), engine.join("\n"))?;

    let mut files = proto_files(&root.join("lineguard/v1"))?;
    files.sort();
    let descriptors = protox::compile(&files, [root])?;

    // Reflection serves the descriptors as they are, comments included.
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

/// What the program is made of. A program of which anything here differs may answer the same question
/// otherwise, and must not be given this program's answers from a shared cache; that it was only the
/// command line costs no more than empty caches after an upgrade. `tests/it/engine.rs` compares this
/// with what is compiled.
const ENGINE: [&str; 14] = [
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "crates/lineguard-cache/Cargo.toml",
    "crates/lineguard-cache/src",
    "crates/lineguard-core/Cargo.toml",
    "crates/lineguard-core/models",
    "crates/lineguard-core/src",
    "crates/lineguard-lease/Cargo.toml",
    "crates/lineguard-lease/src",
    "crates/lineguard-store/Cargo.toml",
    "crates/lineguard-store/src",
    "proto",
    "src",
];

/// The files of the engine, tests left out, in order.
fn engine() -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for path in ENGINE {
        collect(Path::new(path), &mut files)?;
    }
    files.sort();
    Ok(files)
}

fn collect(path: &Path, files: &mut Vec<String>) -> io::Result<()> {
    if is_test(path) {
        return Ok(());
    }
    if path.is_dir() {
        return fs::read_dir(path)?.try_for_each(|entry| collect(&entry?.path(), files));
    }
    let name = path.to_str().ok_or_else(|| io::Error::other("a path is no text"))?;
    files.push(name.replace('\\', "/"));
    Ok(())
}

/// Whether a file or folder is there for tests alone. No program is made of these.
fn is_test(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "tests" || name == "tests.rs" || name.ends_with("_tests.rs")
}

/// A digest over files, by name and content, and over what is switched on.
fn digest(files: &[String]) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    for file in files {
        // A new file is named by one that was there. So not the folders: their tests would count.
        println!("cargo::rerun-if-changed={file}");
        add(file.as_bytes());
        add(&fs::read(file)?);
    }
    let mut features: Vec<_> = env::vars()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("CARGO_FEATURE_"))
        .collect();
    features.sort();
    features.iter().for_each(|feature| add(feature.as_bytes()));
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
