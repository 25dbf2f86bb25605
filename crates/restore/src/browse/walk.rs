//! Walks a snapshot's tree, folders before what is in them, names in ascending order of their bytes.
//!
//! An iterator in all but its errors: whoever writes an archive looks ahead for the chunks it will need.

use std::io;

use lumivault_chunk_store::Error;
use lumivault_format::limits;
use lumivault_format::tree::FolderRef;

use super::error::BrowseError;
use super::streams::Opened;
use super::tree::{Browser, Node, push_name, too_deep};
use crate::filter::{Filter, Within};

/// How to walk.
#[derive(Clone, Copy, Debug, Default)]
pub struct WalkOptions<'f> {
    /// Into subfolders too.
    pub recursive: bool,
    /// Only what it selects; its patterns see paths from the start of the walk on.
    pub filter: Option<&'f Filter>,
}

/// What a walk comes upon.
#[derive(Debug)]
pub enum Walked {
    /// An entry.
    Entry(Box<Node>),
    /// An entry, or the rest of a folder, that cannot be read. The walk goes on behind it.
    Unreadable {
        /// Its path.
        path: Vec<u8>,
        /// Why; a damaged or missing chunk is named.
        error: Error,
    },
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk<'b, 't, 'r> {
    browser: &'b Browser<'t, 'r>,
    options: WalkOptions<'b>,
    stack: Vec<Level>,
    path: Vec<u8>,
    /// Bytes of the path that lead to the start.
    start_len: usize,
    /// A walk from something that is no folder comes upon that alone.
    alone: Option<Box<Node>>,
    /// The folder to enter next.
    enter: Option<(FolderRef, Within)>,
}

#[derive(Debug)]
struct Level {
    folder: Opened,
    path_len: usize,
    within: Within,
}

impl<'t, 'r> Browser<'t, 'r> {
    /// Walks what is in a folder, without the folder itself; anything else stands for itself alone.
    pub fn walk<'b>(&'b self, start: &Node, options: WalkOptions<'b>) -> Walk<'b, 't, 'r> {
        let enter = start.folder.clone().map(|folder| (folder, Within::default()));
        Walk {
            browser: self,
            options,
            stack: Vec::new(),
            path: start.listed.path.clone(),
            start_len: start.listed.path.len(),
            alone: enter.is_none().then(|| Box::new(start.clone())),
            enter,
        }
    }

    /// As [`walk`](Self::walk), calling `each` with everything it comes upon.
    pub fn list(
        &self,
        start: &Node,
        options: WalkOptions<'_>,
        each: &mut dyn FnMut(Walked) -> io::Result<()>,
    ) -> Result<(), BrowseError> {
        let mut walk = self.walk(start, options);
        while let Some(walked) = walk.advance()? {
            each(walked).map_err(BrowseError::Output)?;
        }
        Ok(())
    }
}

impl Walk<'_, '_, '_> {
    /// The next thing, if there is one. Fails only when the work is called off.
    pub fn advance(&mut self) -> Result<Option<Walked>, BrowseError> {
        if let Some(alone) = self.alone.take() {
            return Ok(Some(Walked::Entry(alone)));
        }
        loop {
            self.browser.check_cancelled()?;
            match self.step() {
                Ok(Step::End) => return Ok(None),
                Ok(Step::Nothing) => {}
                Ok(Step::Entry(node)) => return Ok(Some(Walked::Entry(node))),
                Err(Error::Cancelled) => return Err(Error::Cancelled.into()),
                Err(error) => {
                    let path = self.path.clone();
                    return Ok(Some(Walked::Unreadable { path, error }));
                }
            }
        }
    }

    /// After an error, `path` is that of the thing that could not be read.
    fn step(&mut self) -> Result<Step, Error> {
        if let Some((reference, within)) = self.enter.take() {
            // The path is that of the folder already.
            return self.enter(&reference, within).map(|()| Step::Nothing);
        }
        let Some(level) = self.stack.last_mut() else {
            return Ok(Step::End);
        };
        self.path.truncate(level.path_len);
        let source = self.browser.source();
        let name = match level.folder.next(source) {
            Ok(Some(name)) => name,
            Ok(None) => {
                self.stack.pop();
                return Ok(Step::Nothing);
            }
            Err(error) => {
                self.stack.pop();
                return Err(error);
            }
        };
        push_name(&mut self.path, &name.record.name);
        let below = self.path.get(self.start_len..).unwrap_or_default();
        let below = below.strip_prefix(b"/").unwrap_or(below);
        let (selected, descend, within) = match self.options.filter {
            None => (true, true, Within::default()),
            Some(filter) => {
                let verdict = filter.judge(below, &name.record, level.within);
                (verdict.selected, verdict.descend, verdict.within)
            }
        };
        if name.folder.is_some() && descend && self.options.recursive {
            self.enter = level.folder.folder(source, &name)?.map(|folder| (folder, within));
        }
        if !selected {
            return Ok(Step::Nothing);
        }
        let node = self.browser.node(&mut level.folder, &name, self.path.clone())?;
        Ok(Step::Entry(Box::new(node)))
    }

    fn enter(&mut self, reference: &FolderRef, within: Within) -> Result<(), Error> {
        if self.stack.len() > limits::TREE_DEPTH_MAX {
            return Err(too_deep());
        }
        if let Some(parent) = self.stack.last_mut() {
            parent.folder.park();
        }
        self.stack.push(Level {
            folder: self.browser.source().open(reference)?,
            path_len: self.path.len(),
            within,
        });
        Ok(())
    }
}

enum Step {
    Entry(Box<Node>),
    Nothing,
    End,
}
