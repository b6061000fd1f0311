//! Reads one TOML table field by field, keeps every mistake, and at the end complains of fields it was never asked for.
//!
//! Fleet files are read with it, and whatever else a person writes in TOML (the front matter of a runbook).

use super::report::Report;
use super::suggest::nearest;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Parses a file's text. What is no TOML goes into the report, and then there is no table to read.
pub fn parse<'t>(report: &RefCell<Report>, file: usize, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        report.borrow_mut().mistake(file, span, format!("this is not TOML: {}", error.message()), "valid TOML 1.0");
    }
    errors.is_empty().then_some(document)
}

/// A value with the place it stands at.
#[derive(Debug, Clone)]
pub struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// One table of a file.
pub struct Reader<'a, 'b> {
    pub file: usize,
    /// Where the table stands, for mistakes about what is missing.
    pub span: Range<usize>,
    /// What the table is, in words: "source", "tag".
    what: &'static str,
    table: &'a DeTable<'a>,
    used: RefCell<BTreeSet<&'static str>>,
    report: &'b RefCell<Report>,
}

impl<'a, 'b> Reader<'a, 'b> {
    pub fn new(
        file: usize,
        what: &'static str,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        report: &'b RefCell<Report>,
    ) -> Self {
        Self { file, span, what, table, used: RefCell::default(), report }
    }

    pub fn mistake(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.report.borrow_mut().mistake(self.file, span, message, help);
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.used.borrow_mut().insert(key);
        self.table.get(key)
    }

    /// Where the value of this field stands, or the table where it has none.
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    fn missing(&self, key: &str, example: &str) {
        self.mistake(self.span.clone(), format!("this {} has no `{key}`", self.what), format!("`{key} = {example}`"));
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        self.mistake(value.span(), format!("`{key}` is not {wanted}"), format!("{wanted} for `{key}`"));
    }

    pub fn opt_text(&self, key: &'static str) -> Option<At<String>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(s) => Some(At { value: s.to_string(), span: value.span() }),
            _ => {
                self.wrong(key, value, "a text in quotes");
                None
            }
        }
    }

    pub fn text(&self, key: &'static str) -> Option<At<String>> {
        if !self.table.contains_key(key) {
            self.used.borrow_mut().insert(key);
            self.missing(key, "\"…\"");
            return None;
        }
        self.opt_text(key)
    }

    fn number_of(value: &Spanned<DeValue<'_>>) -> Option<f64> {
        let number = match value.get_ref() {
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok()? as f64,
            DeValue::Float(x) => x.as_str().parse::<f64>().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    pub fn opt_number(&self, key: &'static str) -> Option<At<f64>> {
        let value = self.get(key)?;
        match Self::number_of(value) {
            Some(number) => Some(At { value: number, span: value.span() }),
            None => {
                self.wrong(key, value, "a finite number");
                None
            }
        }
    }

    pub fn number(&self, key: &'static str) -> Option<At<f64>> {
        if !self.table.contains_key(key) {
            self.used.borrow_mut().insert(key);
            self.missing(key, "a number");
            return None;
        }
        self.opt_number(key)
    }

    /// A number in `min..=max`; what it must be is said in words.
    pub fn number_in(&self, key: &'static str, min: f64, max: f64) -> Option<f64> {
        let number = self.number(key)?;
        self.within(key, number, min, max)
    }

    pub fn opt_number_in(&self, key: &'static str, min: f64, max: f64) -> Option<f64> {
        let number = self.opt_number(key)?;
        self.within(key, number, min, max)
    }

    fn within(&self, key: &str, number: At<f64>, min: f64, max: f64) -> Option<f64> {
        if (min..=max).contains(&number.value) {
            return Some(number.value);
        }
        let bound = if max.is_finite() { format!("from {min} to {max}") } else { format!("of at least {min}") };
        self.mistake(number.span, format!("`{key}` is {}", number.value), format!("a number {bound}"));
        None
    }

    pub fn whole(&self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let number = self.number(key)?;
        if number.value.fract() == 0.0 && number.value >= min as f64 && number.value <= max as f64 {
            return Some(number.value as u64);
        }
        self.mistake(
            number.span,
            format!("`{key}` is {}", number.value),
            format!("a whole number from {min} to {max}"),
        );
        None
    }

    pub fn opt_flag(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(b) => Some(*b),
            _ => {
                self.wrong(key, value, "`true` or `false`");
                None
            }
        }
    }

    /// One of a list of words.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        self.chosen(key, text, choices)
    }

    fn chosen<T: Copy>(&self, key: &str, text: At<String>, choices: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text.value) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let help = match nearest(&text.value, names.iter().copied()) {
            Some(near) => format!("`\"{near}\"` (the choices are {})", names.join(", ")),
            None => format!("one of {}", names.join(", ")),
        };
        self.mistake(text.span, format!("`{key}` knows no \"{}\"", text.value), help);
        None
    }

    /// A table inside this one.
    pub fn opt_table(&self, key: &'static str, what: &'static str) -> Option<Reader<'a, 'b>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Reader::new(self.file, what, table, value.span(), self.report)),
            _ => {
                self.wrong(key, value, "a table");
                None
            }
        }
    }

    pub fn table(&self, key: &'static str, what: &'static str) -> Option<Reader<'a, 'b>> {
        if !self.table.contains_key(key) {
            self.used.borrow_mut().insert(key);
            self.mistake(
                self.span.clone(),
                format!("this {} has no `[{key}]`", self.what),
                format!("a table `[{key}]`"),
            );
            return None;
        }
        self.opt_table(key, what)
    }

    /// An array of tables; absent is empty.
    pub fn tables(&self, key: &'static str, what: &'static str) -> Vec<Reader<'a, 'b>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong(key, value, "an array of tables");
            return Vec::new();
        };
        let mut readers = Vec::new();
        for item in array.iter() {
            match item.get_ref() {
                DeValue::Table(table) => readers.push(Reader::new(self.file, what, table, item.span(), self.report)),
                _ => self.wrong(key, item, "a table"),
            }
        }
        readers
    }

    fn items<T>(
        &self,
        key: &'static str,
        wanted: &str,
        one: impl Fn(&Spanned<DeValue<'a>>) -> Option<T>,
    ) -> Option<Vec<At<T>>> {
        let Some(value) = self.get(key) else {
            self.missing(key, "[…]");
            return None;
        };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong(key, value, wanted);
            return None;
        };
        let mut out = Vec::new();
        for item in array.iter() {
            match one(item) {
                Some(x) => out.push(At { value: x, span: item.span() }),
                None => {
                    self.wrong(key, item, wanted);
                    return None;
                }
            }
        }
        Some(out)
    }

    pub fn numbers(&self, key: &'static str) -> Option<Vec<At<f64>>> {
        self.items(key, "an array of numbers", Self::number_of)
    }

    pub fn texts(&self, key: &'static str) -> Option<Vec<At<String>>> {
        self.items(key, "an array of texts", |v| match v.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            _ => None,
        })
    }

    /// An array of pairs of numbers.
    pub fn opt_pairs(&self, key: &'static str) -> Option<Vec<(f64, f64)>> {
        self.table.get(key)?;
        let pairs = self.items(key, "an array of pairs `[share, efficiency]`", |v| match v.get_ref() {
            DeValue::Array(pair) if pair.len() == 2 => {
                let mut it = pair.iter();
                Some((Self::number_of(it.next()?)?, Self::number_of(it.next()?)?))
            }
            _ => None,
        })?;
        Some(pairs.into_iter().map(|p| p.value).collect())
    }

    /// True where the table has this key, whatever it holds.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Keeps [`Reader::finish`] from complaining of a field about which enough was said.
    pub fn known(&self, key: &'static str) {
        self.used.borrow_mut().insert(key);
    }

    /// Complains of every field that nobody asked for.
    pub fn finish(self) {
        let used = self.used.borrow();
        for (key, _) in self.table.iter() {
            if !used.contains(key.get_ref().as_ref()) {
                let help = match nearest(key.get_ref(), used.iter().copied()) {
                    Some(near) => format!("`{near}`, or leave it out"),
                    None => format!("only {}", used.iter().copied().collect::<Vec<_>>().join(", ")),
                };
                self.mistake(key.span(), format!("a {} has no field `{}`", self.what, key.get_ref()), help);
            }
        }
    }
}
