//! The simulated disk: what is durable, and what has only been asked for.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::storage_log::{Deed, FileNumber, Record};

use super::choice::{Choice, Data, Decisions};
use super::tree::{Blob, Node, Tree};

/// A file or folder, whatever names it has.
pub(super) type Inode = u64;

const ROOT: Inode = 0;

/// A disk with a volatile cache in front of it.
#[derive(Clone, Debug)]
pub struct Disk {
    files: BTreeMap<Inode, File>,
    folders: BTreeMap<Inode, Folder>,
    numbers: HashMap<FileNumber, Inode>,
    next: Inode,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) durable: Arc<Blob>,
    pub(super) current: Arc<Blob>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    durable: BTreeMap<OsString, Inode>,
    current: BTreeMap<OsString, Inode>,
    /// What makes the current names of the durable ones.
    pub(super) changes: Vec<Change>,
}

/// A name that was given (to an inode) or taken away.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) name: OsString,
    to: Option<Inode>,
}

impl Default for Disk {
    fn default() -> Self {
        Self::holding(&Tree::default())
    }
}

impl Disk {
    /// A disk that holds this, all of it durable.
    pub fn holding(tree: &Tree) -> Self {
        let mut disk = Self {
            files: BTreeMap::new(),
            folders: BTreeMap::from([(ROOT, Folder::default())]),
            numbers: HashMap::new(),
            next: ROOT + 1,
        };
        for (path, node) in &tree.0 {
            let inode = match node {
                Node::Folder => disk.add_folder(),
                Node::File(blob) => disk.add_file(Arc::clone(blob)),
            };
            disk.name(path, inode);
        }
        for folder in disk.folders.values_mut() {
            folder.sync();
        }
        disk
    }

    /// Does what the log says was done.
    ///
    /// # Panics
    ///
    /// If that cannot be: then something changed the storage and is not in the log.
    pub fn apply(&mut self, record: &Record) {
        if !record.done {
            return;
        }
        match &record.deed {
            Deed::Create { path, file } => {
                let inode = self.add_file(Arc::new(Blob::new(Vec::new())));
                self.numbers.insert(*file, inode);
                self.name(path, inode);
            }
            Deed::Write { file, offset, bytes } => self.file(*file).write(*offset, bytes),
            Deed::SyncFile(file) => self.file(*file).sync(),
            Deed::SyncDir(path) => self.folder(path).sync(),
            Deed::MakeDir(path) => {
                let inode = self.add_folder();
                self.name(path, inode);
            }
            Deed::RemoveDir(path) | Deed::RemoveFile(path) => self.unname(path),
            Deed::Rename { from, to } => {
                let inode = self.find(from);
                self.unname(from);
                self.name(to, inode);
            }
            Deed::Link { from, to } => {
                let inode = self.find(from);
                self.name(to, inode);
            }
            Deed::Damage { path, offset, bytes } => {
                let inode = self.find(path);
                self.files.get_mut(&inode).expect("a file").damage(*offset, bytes);
            }
            Deed::Note(_) => {}
        }
    }

    /// The things that a power cut may or may not take, by number: changes of names, and files with bytes that were not
    /// synced. Only those at paths that matter; all are counted.
    pub fn undecided(&self, matters: impl Fn(&Path) -> bool) -> Vec<usize> {
        let paths = self.paths();
        let matters =
            |inode: &Inode, name: &OsStr| paths.get(inode).is_some_and(|path| matters(&path.join(name)));
        let changes = self.folders.iter().flat_map(|(inode, folder)| {
            let of_folder = folder
                .changes
                .iter()
                .map(move |change| (inode, change.name.as_os_str()));
            of_folder.collect::<Vec<_>>()
        });
        let dirty = self.dirty().map(|(inode, _)| inode).collect::<Vec<_>>();
        let dirty = dirty.iter().map(|inode| (inode, OsStr::new("")));
        changes
            .chain(dirty)
            .enumerate()
            .filter(|(_, (inode, name))| matters(inode, name))
            .map(|(number, _)| number)
            .collect()
    }

    /// What is left if the power is cut now.
    pub fn crash(&self, choice: Choice) -> Tree {
        let decisions = self.decide(choice);
        let mut tree = Tree::default();
        let mut waiting = vec![(ROOT, PathBuf::new())];
        while let Some((inode, path)) = waiting.pop() {
            for (name, inode) in self.names_left(inode, &decisions) {
                let path = path.join(name);
                if let Some(file) = self.files.get(&inode) {
                    let left = decisions
                        .data
                        .get(&inode)
                        .map_or_else(|| Arc::clone(&file.current), |data| data.left_of(file));
                    tree.0.insert(path, Node::File(left));
                } else {
                    tree.0.insert(path.clone(), Node::Folder);
                    waiting.push((inode, path));
                }
            }
        }
        tree
    }

    /// What the choice takes and leaves, for messages.
    pub fn explain(&self, choice: Choice) -> Vec<String> {
        let decisions = self.decide(choice);
        let paths = self.paths();
        let at = |inode: &Inode| {
            paths
                .get(inode)
                .map_or_else(|| "(unnamed)".into(), |path| path.display().to_string())
        };
        let mut lines = Vec::new();
        for (inode, folder) in &self.folders {
            for (number, change) in folder.changes.iter().enumerate() {
                let fate = if decisions.keeps(*inode, number) {
                    "kept"
                } else {
                    "lost"
                };
                let what = if change.to.is_some() { "name" } else { "removal" };
                let name = change.name.display();
                lines.push(format!("{fate}: {what} {name} in {}/", at(inode)));
            }
        }
        for (inode, data) in &decisions.data {
            lines.push(format!("bytes of {}: {data:?}", at(inode)));
        }
        lines
    }

    fn decide(&self, choice: Choice) -> Decisions {
        let changes = self
            .folders
            .iter()
            .map(|(inode, folder)| (*inode, folder.changes.len()));
        Decisions::draw(choice, changes, self.dirty())
    }

    fn names_left(&self, folder: Inode, decisions: &Decisions) -> BTreeMap<OsString, Inode> {
        let folder_inode = folder;
        let folder = &self.folders[&folder];
        let mut names = folder.durable.clone();
        for (number, change) in folder.changes.iter().enumerate() {
            if decisions.keeps(folder_inode, number) {
                match change.to {
                    Some(inode) => names.insert(change.name.clone(), inode),
                    None => names.remove(&change.name),
                };
            }
        }
        names
    }

    fn dirty(&self) -> impl Iterator<Item = (Inode, &File)> {
        let files = self.files.iter().map(|(inode, file)| (*inode, file));
        files.filter(|(_, file)| file.current != file.durable)
    }

    fn paths(&self) -> HashMap<Inode, PathBuf> {
        let mut paths = HashMap::from([(ROOT, PathBuf::new())]);
        let mut waiting = vec![ROOT];
        while let Some(inode) = waiting.pop() {
            let Some(folder) = self.folders.get(&inode) else {
                continue;
            };
            let here = paths[&inode].clone();
            for (name, inode) in &folder.current {
                paths.insert(*inode, here.join(name));
                waiting.push(*inode);
            }
        }
        paths
    }

    fn add_file(&mut self, blob: Arc<Blob>) -> Inode {
        let file = File {
            durable: Arc::clone(&blob),
            current: blob,
        };
        let inode = self.next;
        self.next += 1;
        self.files.insert(inode, file);
        inode
    }

    fn add_folder(&mut self) -> Inode {
        let inode = self.next;
        self.next += 1;
        self.folders.insert(inode, Folder::default());
        inode
    }

    fn file(&mut self, number: FileNumber) -> &mut File {
        let inode = self.numbers[&number];
        self.files.get_mut(&inode).expect("every number is of a file")
    }

    /// The inode that a path leads to now.
    fn find(&self, path: &Path) -> Inode {
        path.components().fold(ROOT, |inode, name| {
            let folder = self.folders.get(&inode);
            let found = folder.and_then(|folder| folder.current.get(name.as_os_str()));
            *found.unwrap_or_else(|| panic!("the log does not say how {} came to be", path.display()))
        })
    }

    fn folder(&mut self, path: &Path) -> &mut Folder {
        let inode = self.find(path);
        self.folders
            .get_mut(&inode)
            .unwrap_or_else(|| panic!("{} is no folder", path.display()))
    }

    fn name(&mut self, path: &Path, inode: Inode) {
        let (parent, name) = split(path);
        self.folder(parent).change(name, Some(inode));
    }

    fn unname(&mut self, path: &Path) {
        self.find(path);
        let (parent, name) = split(path);
        self.folder(parent).change(name, None);
    }
}

impl Folder {
    fn change(&mut self, name: &OsStr, to: Option<Inode>) {
        match to {
            Some(inode) => self.current.insert(name.to_owned(), inode),
            None => self.current.remove(name),
        };
        self.changes.push(Change {
            name: name.to_owned(),
            to,
        });
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.current);
        self.changes.clear();
    }
}

impl File {
    fn write(&mut self, offset: u64, new: &[u8]) {
        let start = usize::try_from(offset).expect("tests write small files");
        let mut bytes = self.current.bytes().to_vec();
        bytes.resize(bytes.len().max(start + new.len()), 0);
        bytes[start..start + new.len()].copy_from_slice(new);
        self.current = Arc::new(Blob::new(bytes));
    }

    fn sync(&mut self) {
        self.durable = Arc::clone(&self.current);
    }

    /// What rots is what the disk holds; a file that nobody writes to at that time.
    fn damage(&mut self, offset: u64, new: &[u8]) {
        self.write(offset, new);
        self.sync();
    }
}

impl Data {
    fn left_of(&self, file: &File) -> Arc<Blob> {
        match self {
            Self::Lost => Arc::clone(&file.durable),
            Self::Whole => Arc::clone(&file.current),
            Self::Mixed { .. } => Arc::new(Blob::new(self.mix(file.durable.bytes(), file.current.bytes()))),
        }
    }
}

fn split(path: &Path) -> (&Path, &OsStr) {
    let parent = path.parent().unwrap_or(Path::new(""));
    (
        parent,
        path.file_name().expect("the recorded folder itself stays"),
    )
}
