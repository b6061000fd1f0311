//! Reads one TOML table field by field, keeps every mistake, and at the end complains of fields it was never asked for.
//!
//! Fleet files are read with it, and whatever else a person writes in TOML (the front matter of a runbook).
//!
//! A reader can also run without a file, to note what it is asked for: that is how the schemas of the files are made (see
//! `schema.rs`). Then every question gets an answer that fits, so that all questions are put; where what is asked hangs on a
//! word or on whether a key is there, the reader of the file says so by [`Reader::by_word`] or [`Reader::if_given`], and
//! every way is gone. So a reader of a fleet's file decides by nothing else what it asks for.

use super::report::Report;
use super::schema::{Shape, Sketch, When};
use super::suggest::nearest;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Parses a file's text. What is no TOML goes into the report, and then there is no table to read. Only the first place is
/// told: what follows is read wrongly because of it (a bracket that is not closed makes hundreds).
pub fn parse<'t>(report: &RefCell<Report>, file: usize, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let span = error.span().unwrap_or(0..0);
        report.borrow_mut().mistake(file, span, format!("this is not TOML: {}", error.message()), "valid TOML 1.0");
    }
    errors.is_empty().then_some(document)
}

/// Are a file's bytes text? Where they are none for the first time goes into the report, whose text of the file is the lossy
/// one: up to there the two are the same.
pub(super) fn utf8(report: &RefCell<Report>, file: usize, bytes: &[u8]) -> bool {
    let Err(error) = std::str::from_utf8(bytes) else { return true };
    let at = error.valid_up_to();
    let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
    let message = format!("this is not UTF-8: byte 0x{:02x}", bytes[at]);
    report.borrow_mut().mistake(file, span, message, "the text in UTF-8; save the file in that encoding");
    false
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
    used: RefCell<BTreeSet<&'static str>>,
    /// The word that tells what else is asked for is wrong: what else stands here is not judged.
    unsure: Cell<bool>,
    behind: Behind<'a, 'b>,
}

/// What answers the questions.
#[derive(Clone)]
enum Behind<'a, 'b> {
    File {
        table: &'a DeTable<'a>,
        report: &'b RefCell<Report>,
    },
    /// Nothing: they are noted.
    Sketch(Rc<RefCell<Sketch>>),
}

impl<'a, 'b> Reader<'a, 'b> {
    pub fn new(
        file: usize,
        what: &'static str,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        report: &'b RefCell<Report>,
    ) -> Self {
        Self {
            file,
            span,
            what,
            used: RefCell::default(),
            unsure: Cell::new(false),
            behind: Behind::File { table, report },
        }
    }

    /// A reader without a file, and where what it is asked for is noted.
    pub(super) fn sketch(what: &'static str) -> (Reader<'static, 'static>, Rc<RefCell<Sketch>>) {
        let sketch = Rc::new(RefCell::new(Sketch::new(what)));
        let behind = Behind::Sketch(Rc::clone(&sketch));
        (Reader { file: 0, span: 0..0, what, used: RefCell::default(), unsure: Cell::new(false), behind }, sketch)
    }

    /// A mistake of the whole table, where the first number is above the second; `told` says it of the two.
    pub fn not_above(
        &self,
        low: Option<f64>,
        high: Option<f64>,
        told: impl FnOnce(f64, f64) -> String,
        help: &'static str,
    ) {
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            self.mistake(self.span.clone(), told(low, high), help);
        }
    }

    pub fn mistake(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        // Without a file nothing is wrong.
        if let Behind::File { report, .. } = &self.behind {
            report.borrow_mut().mistake(self.file, span, message, help);
        }
    }

    /// Without a file: notes the question and gives this answer.
    fn noted<T>(&self, key: &'static str, needed: bool, shape: impl FnOnce() -> Shape, answer: T) -> Option<At<T>> {
        let Behind::Sketch(sketch) = &self.behind else { return None };
        sketch.borrow_mut().note(key, shape(), needed);
        Some(At { value: answer, span: 0..0 })
    }

    fn peek(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        match &self.behind {
            Behind::File { table, .. } => table.get(key),
            Behind::Sketch(_) => None,
        }
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.used.borrow_mut().insert(key);
        self.peek(key)
    }

    /// Where the value of this field stands, or the table where it has none.
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.peek(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Is a needed field there? Says so when it is not.
    fn needs(&self, key: &'static str, example: &str) -> bool {
        let there = self.get(key).is_some();
        if !there {
            self.missing(key, example);
        }
        there
    }

    fn missing(&self, key: &str, example: &str) {
        self.mistake(self.span.clone(), format!("this {} has no `{key}`", self.what), format!("`{key} = {example}`"));
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        self.mistake(value.span(), format!("`{key}` is not {wanted}"), format!("{wanted} for `{key}`"));
    }

    pub fn opt_text(&self, key: &'static str) -> Option<At<String>> {
        self.noted(key, false, || Shape::Text, "a".into()).or_else(|| self.read_text(key))
    }

    fn read_text(&self, key: &'static str) -> Option<At<String>> {
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
        self.noted(key, true, || Shape::Text, "a".into()).or_else(|| self.needed_text(key))
    }

    fn needed_text(&self, key: &'static str) -> Option<At<String>> {
        self.needs(key, "\"…\"").then(|| self.read_text(key))?
    }

    /// A text of this form. The form is for editors; whoever asks checks it and says in words what is wrong.
    pub fn text_like(&self, key: &'static str, form: &Form) -> Option<At<String>> {
        self.noted(key, true, || Shape::Form(form.pattern), form.example.into()).or_else(|| self.needed_text(key))
    }

    pub fn opt_text_like(&self, key: &'static str, form: &Form) -> Option<At<String>> {
        self.noted(key, false, || Shape::Form(form.pattern), form.example.into()).or_else(|| self.read_text(key))
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
        self.noted(key, false, any_number, 1.0).or_else(|| self.read_number(key))
    }

    fn read_number(&self, key: &'static str) -> Option<At<f64>> {
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
        self.noted(key, true, any_number, 1.0).or_else(|| self.needed_number(key))
    }

    fn needed_number(&self, key: &'static str) -> Option<At<f64>> {
        self.needs(key, "a number").then(|| self.read_number(key))?
    }

    /// A number in `min..=max`; what it must be is said in words.
    pub fn number_in(&self, key: &'static str, min: f64, max: f64) -> Option<f64> {
        let noted = self.noted(key, true, || Shape::Number { min, max }, min);
        let number = noted.or_else(|| self.needed_number(key))?;
        self.within(key, number, min, max)
    }

    pub fn opt_number_in(&self, key: &'static str, min: f64, max: f64) -> Option<f64> {
        let noted = self.noted(key, false, || Shape::Number { min, max }, min);
        let number = noted.or_else(|| self.read_number(key))?;
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
        let noted = self.noted(key, true, || Shape::Whole { min, max }, min as f64);
        let number = noted.or_else(|| self.needed_number(key))?;
        self.whole_within(key, number, min, max)
    }

    pub fn opt_whole(&self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let noted = self.noted(key, false, || Shape::Whole { min, max }, min as f64);
        let number = noted.or_else(|| self.read_number(key))?;
        self.whole_within(key, number, min, max)
    }

    fn whole_within(&self, key: &str, number: At<f64>, min: u64, max: u64) -> Option<u64> {
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
        self.noted(key, false, || Shape::Flag, true).map(|at| at.value).or_else(|| self.read_flag(key))
    }

    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let needed = || self.needs(key, "true` or `false").then(|| self.read_flag(key))?;
        self.noted(key, true, || Shape::Flag, true).map(|at| at.value).or_else(needed)
    }

    fn read_flag(&self, key: &'static str) -> Option<bool> {
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
        let noted = choices.first().and_then(|c| self.noted(key, true, || words(choices), c.0.to_owned()));
        self.chosen(key, noted.or_else(|| self.needed_text(key))?, choices)
    }

    pub fn opt_choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let noted = choices.first().and_then(|c| self.noted(key, false, || words(choices), c.0.to_owned()));
        self.chosen(key, noted.or_else(|| self.read_text(key))?, choices)
    }

    /// One of a list of words that tells what else is asked for. A word that is none is told, and nothing else asked.
    pub fn by_word<T: Copy, R>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
        mut then: impl FnMut(T) -> Option<R>,
    ) -> Option<R> {
        let chosen = self.choice(key, choices);
        let Behind::Sketch(sketch) = &self.behind else {
            self.unsure.set(self.unsure.get() || chosen.is_none());
            return then(chosen?);
        };
        let mut answer = None;
        for (i, (word, value)) in choices.iter().enumerate() {
            sketch.borrow_mut().begin();
            answer = then(*value).or(answer);
            sketch.borrow_mut().end(When::Is(key, (*word).to_owned()), i == 0);
        }
        answer
    }

    /// A text of one of these forms, which tells what else is asked for.
    pub fn by_form<R>(
        &self,
        key: &'static str,
        forms: &[Form],
        mut then: impl FnMut(At<String>) -> Option<R>,
    ) -> Option<R> {
        let Behind::Sketch(sketch) = &self.behind else { return then(self.needed_text(key)?) };
        sketch.borrow_mut().note(key, Shape::Forms(forms.iter().map(|f| f.pattern).collect()), true);
        let mut answer = None;
        for (i, form) in forms.iter().enumerate() {
            sketch.borrow_mut().begin();
            answer = then(At { value: form.example.to_owned(), span: 0..0 }).or(answer);
            sketch.borrow_mut().end(When::Like(key, form.pattern), i == 0);
        }
        answer
    }

    /// What is asked for hangs on whether one of these keys is there.
    pub fn if_given<R>(&self, keys: &[&'static str], mut then: impl FnMut(bool) -> Option<R>) -> Option<R> {
        let Behind::Sketch(sketch) = &self.behind else {
            return then(keys.iter().any(|key| self.peek(key).is_some()));
        };
        let mut answer = None;
        for given in [true, false] {
            sketch.borrow_mut().begin();
            answer = then(given).or(answer);
            let keys = keys.to_vec();
            sketch.borrow_mut().end(if given { When::Given(keys) } else { When::Missing(keys) }, given);
        }
        answer
    }

    /// Is exactly one of these keys there? Whoever asks says in words what is wrong.
    pub fn one_of(&self, keys: &[&'static str]) -> bool {
        match &self.behind {
            Behind::File { .. } => keys.iter().filter(|key| self.peek(key).is_some()).count() == 1,
            Behind::Sketch(sketch) => {
                sketch.borrow_mut().one_of(keys);
                true
            }
        }
    }

    /// Are all of these keys there, or none? Else the first that is missing.
    pub fn together(&self, keys: &[&'static str]) -> Option<&'static str> {
        match &self.behind {
            Behind::File { .. } => {
                let missing: Vec<&'static str> = keys.iter().copied().filter(|key| self.peek(key).is_none()).collect();
                missing.first().copied().filter(|_| missing.len() < keys.len())
            }
            Behind::Sketch(sketch) => {
                sketch.borrow_mut().together(keys);
                None
            }
        }
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
        self.noted_table(key, what, false, Shape::Table).or_else(|| self.read_table(key, what))
    }

    fn noted_table(
        &self,
        key: &'static str,
        what: &'static str,
        needed: bool,
        shape: fn(Rc<RefCell<Sketch>>) -> Shape,
    ) -> Option<Reader<'a, 'b>> {
        let Behind::Sketch(sketch) = &self.behind else { return None };
        let (reader, inner) = Reader::sketch(what);
        sketch.borrow_mut().note(key, shape(inner), needed);
        Some(reader)
    }

    fn inside(&self, what: &'static str, table: &'a DeTable<'a>, span: Range<usize>) -> Option<Reader<'a, 'b>> {
        let Behind::File { report, .. } = &self.behind else { return None };
        Some(Reader::new(self.file, what, table, span, report))
    }

    fn read_table(&self, key: &'static str, what: &'static str) -> Option<Reader<'a, 'b>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => self.inside(what, table, value.span()),
            _ => {
                self.wrong(key, value, "a table");
                None
            }
        }
    }

    pub fn table(&self, key: &'static str, what: &'static str) -> Option<Reader<'a, 'b>> {
        if let Some(noted) = self.noted_table(key, what, true, Shape::Table) {
            return Some(noted);
        }
        if self.get(key).is_none() {
            self.mistake(
                self.span.clone(),
                format!("this {} has no `[{key}]`", self.what),
                format!("a table `[{key}]`"),
            );
            return None;
        }
        self.read_table(key, what)
    }

    /// An array of tables; absent is empty.
    pub fn tables(&self, key: &'static str, what: &'static str) -> Vec<Reader<'a, 'b>> {
        if let Some(noted) = self.noted_table(key, what, false, Shape::Tables) {
            return vec![noted];
        }
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong(key, value, "an array of tables");
            return Vec::new();
        };
        let mut readers = Vec::new();
        for item in array.iter() {
            match item.get_ref() {
                DeValue::Table(table) => readers.extend(self.inside(what, table, item.span())),
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
        if let Some(noted) = self.noted(key, true, || Shape::Numbers, 1.0) {
            return Some(vec![noted]);
        }
        self.items(key, "an array of numbers", Self::number_of)
    }

    pub fn texts(&self, key: &'static str) -> Option<Vec<At<String>>> {
        if let Some(noted) = self.noted(key, true, || Shape::Texts, "a".into()) {
            return Some(vec![noted]);
        }
        self.items(key, "an array of texts", |v| match v.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            _ => None,
        })
    }

    /// An array of pairs of numbers.
    pub fn pairs(&self, key: &'static str) -> Option<Vec<(f64, f64)>> {
        if let Some(noted) = self.noted(key, true, || Shape::Pairs, (1.0, 1.0)) {
            return Some(vec![noted.value]);
        }
        let pairs = self.items(key, "an array of pairs `[share, efficiency]`", |v| match v.get_ref() {
            DeValue::Array(pair) if pair.len() == 2 => {
                let mut it = pair.iter();
                Some((Self::number_of(it.next()?)?, Self::number_of(it.next()?)?))
            }
            _ => None,
        })?;
        Some(pairs.into_iter().map(|p| p.value).collect())
    }

    /// Is this key there, which must not be? Whoever asks says why; [`Reader::finish`] then says nothing of it.
    pub fn refuse(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// The same of a text.
    pub fn refused_text(&self, key: &'static str) -> Option<At<String>> {
        self.read_text(key)
    }

    /// Complains of every field that nobody asked for.
    pub fn finish(self) {
        let Behind::File { table, .. } = &self.behind else { return };
        if self.unsure.get() {
            return;
        }
        let used = self.used.borrow();
        for (key, _) in table.iter() {
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

/// What a text looks like.
pub struct Form {
    /// A regular expression over all of it, for editors.
    pub pattern: &'static str,
    pub example: &'static str,
}

fn any_number() -> Shape {
    Shape::Number { min: f64::NEG_INFINITY, max: f64::INFINITY }
}

fn words<T>(choices: &[(&str, T)]) -> Shape {
    Shape::Choice(choices.iter().map(|(word, _)| (*word).to_owned()).collect())
}
