//! Where the columns and rows of a program are, by name: a table per kind, so that finding one costs an addition.
//!
//! A program has a name for each of its columns and rows, a hundred thousand of them in a large fleet, and each is
//! looked up several times while rows are written, a basis carried over and a schedule read off. A tree of names cost a
//! third of all the time that a loss took.

use super::{Part, Rule};
use crate::solution::SlackKind;

/// No column or row has this number; the solver counts in `i32`.
const NOBODY: u32 = u32::MAX;

/// Numbers of columns or rows by kind, owner and step.
#[derive(Clone, Debug, Default)]
pub struct Index {
    steps: usize,
    /// By kind: owner after owner, a number per step.
    kinds: Vec<Vec<u32>>,
}

impl Index {
    /// An empty one over so many steps.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        Self { steps, kinds: Vec::new() }
    }

    /// Says where one is.
    pub fn insert(&mut self, kind: impl Kind, owner: usize, t: usize, number: usize) {
        let kind = kind.code();
        if self.kinds.len() <= kind {
            self.kinds.resize(kind + 1, Vec::new());
        }
        let table = &mut self.kinds[kind];
        let ends = (owner + 1) * self.steps;
        if table.len() < ends {
            table.resize(ends, NOBODY);
        }
        table[owner * self.steps + t] = u32::try_from(number).unwrap_or(NOBODY);
    }

    /// Where it is, where there is one.
    #[must_use]
    pub fn find(&self, kind: impl Kind, owner: usize, t: usize) -> Option<usize> {
        if t >= self.steps {
            return None;
        }
        let number = *self.kinds.get(kind.code())?.get(owner * self.steps + t)?;
        (number != NOBODY).then_some(number as usize)
    }
}

/// What an index tells apart: kinds of columns, or of rows.
pub trait Kind: Copy {
    /// A small number of its own.
    fn code(self) -> usize;
}

impl Kind for Rule {
    fn code(self) -> usize {
        self as usize
    }
}

impl Kind for Part {
    fn code(self) -> usize {
        const SLACKS: usize = 16;
        const PIECES: usize = SLACKS + SlackKind::MustServe as usize + 1;
        match self {
            Self::Heat => 0,
            Self::Power => 1,
            Self::Reserve => 2,
            Self::ReserveShort => 3,
            Self::On => 4,
            Self::Start => 5,
            Self::Stop => 6,
            Self::Import => 7,
            Self::Export => 8,
            Self::Forward => 9,
            Self::Reverse => 10,
            Self::Charge => 11,
            Self::Discharge => 12,
            Self::Energy => 13,
            Self::Vent => 14,
            Self::Shed => 15,
            Self::Slack(kind) => SLACKS + kind as usize,
            // A unit has pieces of one sort or of the other; there are as many kinds as the longest curve has.
            Self::Segment(k) => PIECES + 3 * usize::from(k),
            Self::Vertex(k) => PIECES + 3 * usize::from(k) + 1,
            Self::Filled(k) => PIECES + 3 * usize::from(k) + 2,
        }
    }
}
