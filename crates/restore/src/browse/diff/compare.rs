//! Walks two trees at once, name by name, each folder once; what is equal by its reference is passed by.

use std::cmp::Ordering;

use lumivault_chunk_store::Error;
use lumivault_format::limits;
use lumivault_format::tree::{FolderRef, StatRecord};

use super::pass::Pass;
use super::{BrowseError, Browser, Change, DiffOptions, Listed, Node, Side};
use crate::browse::streams::{NameAt, Opened};
use crate::browse::tree::{push_name, too_deep};

/// A walk through two trees at once.
pub(super) struct Comparison<'b, 't, 'r, 'p, 'q, 'e> {
    browser: &'b Browser<'t, 'r>,
    options: DiffOptions,
    pass: &'p mut Pass<'q, 'e>,
    path: Vec<u8>,
    stack: Vec<Level>,
}

/// Two folders of one path, or one where the other side has none.
struct Level {
    path_len: usize,
    before: Half,
    after: Half,
}

/// One side of a level.
#[derive(Default)]
struct Half {
    folder: Option<Opened>,
    next: Option<NameAt>,
}

impl<'b, 't, 'r, 'p, 'q, 'e> Comparison<'b, 't, 'r, 'p, 'q, 'e> {
    pub(super) fn new(
        browser: &'b Browser<'t, 'r>,
        options: DiffOptions,
        pass: &'p mut Pass<'q, 'e>,
    ) -> Self {
        Self {
            browser,
            options,
            pass,
            path: Vec::new(),
            stack: Vec::new(),
        }
    }

    pub(super) fn run(&mut self, before: &Node, after: &Node) -> Result<(), BrowseError> {
        let from_here = |node: &Node| Listed {
            path: if node.folder.is_some() {
                Vec::new()
            } else {
                node.listed.path.clone()
            },
            ..node.listed.clone()
        };
        self.pair(&from_here(before), &from_here(after))?;
        self.enter(before.folder.as_ref(), after.folder.as_ref())?;
        while let Some(level) = self.stack.last() {
            self.browser.check_cancelled()?;
            self.path.truncate(level.path_len);
            if !self.step()? {
                self.stack.pop();
            }
        }
        Ok(())
    }

    /// Goes into folders of the present path, unless they are one.
    fn enter(&mut self, before: Option<&FolderRef>, after: Option<&FolderRef>) -> Result<(), BrowseError> {
        if before == after {
            return Ok(());
        }
        if let Some(parent) = self.stack.last_mut() {
            for half in [&mut parent.before, &mut parent.after] {
                half.folder.iter_mut().for_each(Opened::park);
            }
        }
        let deep = self.stack.len() > limits::TREE_DEPTH_MAX;
        let mut halves = [Half::default(), Half::default()];
        for ((half, side), reference) in halves
            .iter_mut()
            .zip([Side::Before, Side::After])
            .zip([before, after])
        {
            let Some(reference) = reference else {
                continue;
            };
            let opened = if deep {
                Err(too_deep())
            } else {
                self.browser.source().open(reference)
            };
            match opened {
                Ok(opened) => half.folder = Some(opened),
                // Against nothing, the other side would look added or removed.
                Err(error) => return self.pass.unreadable(&self.path, side, &error),
            }
        }
        let [before, after] = halves;
        if let (Some(one), Some(other)) = (&before.folder, &after.folder)
            && !self.options.metadata
            && one.names.same_as(&other.names)
            && one.contents.same_as(&other.contents)
            && one.folders.same_as(&other.folders)
        {
            return Ok(());
        }
        let mut level = Level {
            path_len: self.path.len(),
            before,
            after,
        };
        if self.advance(&mut level, Side::Before)? && self.advance(&mut level, Side::After)? {
            self.stack.push(level);
        }
        Ok(())
    }

    /// Reads the next name of one side. `false` where it cannot be read: then nothing can be said of the rest.
    fn advance(&mut self, level: &mut Level, side: Side) -> Result<bool, BrowseError> {
        let half = level.half(side);
        let Some(folder) = &mut half.folder else {
            return Ok(true);
        };
        match folder.next(self.browser.source()) {
            Ok(next) => {
                half.next = next;
                Ok(true)
            }
            Err(error) => {
                let path = self.path.get(..level.path_len).unwrap_or_default();
                self.pass.unreadable(path, side, &error).map(|()| false)
            }
        }
    }

    /// Deals with the next name of the innermost level; `false` at its end.
    fn step(&mut self) -> Result<bool, BrowseError> {
        let Some(mut level) = self.stack.pop() else {
            return Ok(false);
        };
        let order = match (&level.before.next, &level.after.next) {
            (None, None) => {
                self.stack.push(level);
                return Ok(false);
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.record.name.cmp(&other.record.name),
        };
        let before = level.before.next.take_if(|_| order != Ordering::Greater);
        let after = level.after.next.take_if(|_| order != Ordering::Less);
        if let Some(name) = before.as_ref().or(after.as_ref()) {
            push_name(&mut self.path, &name.record.name);
        }
        let subfolders = self.compare(&mut level, before.as_ref(), after.as_ref())?;
        let more = (before.is_none() || self.advance(&mut level, Side::Before)?)
            && (after.is_none() || self.advance(&mut level, Side::After)?);
        if !more {
            level.before = Half::default();
            level.after = Half::default();
        }
        self.stack.push(level);
        if let Some((before, after)) = subfolders {
            self.enter(before.as_ref(), after.as_ref())?;
        }
        Ok(true)
    }

    /// Compares two entries of one name; returns the folders to go into.
    fn compare(&mut self, level: &mut Level, before: Option<&NameAt>, after: Option<&NameAt>) -> Compared {
        // Times are read only where they are asked for, or shown.
        let census = matches!(self.pass, Pass::Census(_));
        let both = before.is_some() && after.is_some();
        let brief = census || both && !self.options.metadata;
        let Some(mut nodes) = self.nodes(level, before, after, brief)? else {
            return Ok(None);
        };
        if let [Some(one), Some(other)] = &nodes
            && brief
            && !census
            && self.change(&one.listed, &other.listed).is_some()
        {
            match self.nodes(level, before, after, false)? {
                Some(full) => nodes = full,
                None => return Ok(None),
            }
        }
        match &nodes {
            [Some(before), Some(after)] => self.pair(&before.listed, &after.listed)?,
            [Some(gone), None] => self.single(&gone.listed, false)?,
            [None, Some(new)] => self.single(&new.listed, true)?,
            [None, None] => {}
        }
        let [before, after] = nodes.map(|node| node.and_then(|node| node.folder));
        Ok(Some((before, after)))
    }

    /// Both sides' entries; nothing if one of them cannot be read, which is reported.
    fn nodes(
        &mut self,
        level: &mut Level,
        before: Option<&NameAt>,
        after: Option<&NameAt>,
        brief: bool,
    ) -> Result<Option<[Option<Node>; 2]>, BrowseError> {
        let mut nodes = [None, None];
        for ((side, name), slot) in [(Side::Before, before), (Side::After, after)]
            .into_iter()
            .zip(&mut nodes)
        {
            let (Some(name), Some(folder)) = (name, &mut level.half(side).folder) else {
                continue;
            };
            let node = if brief {
                self.browser.sketch(folder, name)
            } else {
                self.browser.node(folder, name, self.path.clone())
            };
            match node {
                Ok(node) => *slot = Some(node),
                Err(error) => return self.pass.unreadable(&self.path, side, &error).map(|()| None),
            }
        }
        Ok(Some(nodes))
    }

    fn single(&mut self, entry: &Listed, appeared: bool) -> Result<(), BrowseError> {
        if let Pass::Census(census) = self.pass {
            if let Some(id) = &entry.content {
                census.note(id, appeared);
            }
            return Ok(());
        }
        self.pass.vanished_or_appeared(entry.clone(), appeared)
    }

    fn pair(&mut self, before: &Listed, after: &Listed) -> Result<(), BrowseError> {
        match self.change(before, after) {
            Some(change) => self.pass.report(change, Some(before), Some(after)),
            None => Ok(()),
        }
    }

    fn change(&self, before: &Listed, after: &Listed) -> Option<Change> {
        if before.kind != after.kind {
            Some(Change::Kind)
        } else if before.content != after.content || before.target != after.target {
            Some(Change::Modified)
        } else {
            (self.options.metadata && before.metadata_differs(after)).then_some(Change::Metadata)
        }
    }
}

type Compared = Result<Option<(Option<FolderRef>, Option<FolderRef>)>, BrowseError>;

impl Level {
    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Before => &mut self.before,
            Side::After => &mut self.after,
        }
    }
}

impl Browser<'_, '_> {
    /// An entry without its times and path.
    fn sketch(&self, folder: &mut Opened, name: &NameAt) -> Result<Node, Error> {
        let content = folder.content(self.source(), name)?;
        let stat = StatRecord::default();
        Ok(Node {
            listed: Listed::new(Vec::new(), &name.record, &stat, content.as_deref()),
            content,
            folder: folder.folder(self.source(), name)?,
        })
    }
}
