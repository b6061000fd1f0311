//! Mistakes in fleet files: collected, never thrown one by one, and shown with file, line, column and what to write.

use codespan_reporting::diagnostic::{Diagnostic, Label};
use codespan_reporting::files::{Files, SimpleFiles};
use codespan_reporting::term;
use std::ops::Range;

/// One mistake.
#[derive(Debug, Clone)]
pub struct Mistake {
    file: usize,
    span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// Everything wrong with a fleet folder, or with another file that a person wrote. Empty when nothing is.
#[derive(Debug)]
pub struct Report {
    files: SimpleFiles<String, String>,
    mistakes: Vec<Mistake>,
}

/// So many mistakes, in words.
pub(super) fn count(mistakes: usize) -> String {
    if mistakes == 1 { "1 mistake".into() } else { format!("{mistakes} mistakes") }
}

/// A mistake as data, for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub help: String,
}

impl Default for Report {
    fn default() -> Self {
        Self { files: SimpleFiles::new(), mistakes: Vec::new() }
    }
}

impl Report {
    pub fn new() -> Self {
        Self::default()
    }
    /// Takes up a file; mistakes name it by the number returned.
    pub fn file(&mut self, name: &str, text: &str) -> usize {
        self.files.add(name.to_owned(), text.to_owned())
    }
    /// Notes a mistake at these bytes of a file.
    pub fn mistake(&mut self, file: usize, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(Mistake { file, span, message: message.into(), help: help.into() });
    }
    /// True when the files are right.
    pub fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }
    /// How many mistakes there are.
    pub fn len(&self) -> usize {
        self.mistakes.len()
    }
    /// How many there are, in words.
    pub fn count(&self) -> String {
        count(self.len())
    }
    /// The mistakes as data, in the order of files and lines.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all: Vec<Finding> = self
            .mistakes
            .iter()
            .map(|m| {
                let at = self.files.location(m.file, m.span.start).ok();
                Finding {
                    file: self.files.name(m.file).unwrap_or_default(),
                    line: at.as_ref().map_or(1, |l| l.line_number),
                    column: at.as_ref().map_or(1, |l| l.column_number),
                    message: m.message.clone(),
                    help: m.help.clone(),
                }
            })
            .collect();
        all.sort_by(|a, b| (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message)));
        all
    }
    /// The mistakes as text for a person, each with the line it stands in.
    pub fn render(&self) -> String {
        let mut sorted: Vec<&Mistake> = self.mistakes.iter().collect();
        sorted.sort_by_key(|m| (m.file, m.span.start));
        let mut out = String::new();
        for m in sorted {
            let diagnostic = Diagnostic::error()
                .with_message(&m.message)
                .with_labels(vec![Label::primary(m.file, m.span.clone())])
                .with_notes(vec![format!("write instead: {}", m.help)]);
            if term::emit_to_string(&mut out, &term::Config::default(), &self.files, &diagnostic).is_err() {
                out.push_str(&format!("error: {} ({})\n", m.message, m.help));
            }
        }
        out
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render())
    }
}
