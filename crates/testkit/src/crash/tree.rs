//! The content of a folder, in memory: cheap to keep by the thousand, as states share the bytes of their files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The bytes of a file and their hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    bytes: Vec<u8>,
    digest: [u8; 32],
}

impl Blob {
    /// Hashes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let digest = *blake3::hash(&bytes).as_bytes();
        Self { bytes, digest }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// A file.
    File(Arc<Blob>),
}

/// Everything below a folder, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<PathBuf, Node>);

impl Tree {
    /// Reads what is below a folder. Anything but files and folders is an error.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        let mut waiting = vec![PathBuf::new()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(root.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    waiting.push(path.clone());
                    tree.0.insert(path, Node::Folder);
                } else if kind.is_file() {
                    let blob = Blob::new(fs::read(entry.path())?);
                    tree.0.insert(path, Node::File(Arc::new(blob)));
                } else {
                    return Err(io::Error::other(format!("{} is no file", path.display())));
                }
            }
        }
        Ok(tree)
    }

    /// Writes it below a folder that is there and empty. Files are written, not linked: what the code under test does
    /// to one state must not reach another.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        // Folders come before what is in them.
        for (path, node) in &self.0 {
            let path = root.join(path);
            match node {
                Node::Folder => fs::create_dir(path)?,
                Node::File(blob) => fs::write(path, blob.bytes())?,
            }
        }
        Ok(())
    }

    /// A hash of paths and contents, as far as they matter.
    pub fn digest(&self, matters: impl Fn(&Path) -> bool) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (path, node) in self.0.iter().filter(|(path, _)| matters(path)) {
            let name = path.as_os_str().as_encoded_bytes();
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
            match node {
                Node::Folder => hasher.update(&[0]),
                Node::File(blob) => hasher.update(&[1]).update(&blob.digest),
            };
        }
        *hasher.finalize().as_bytes()
    }
}
