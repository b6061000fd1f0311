//! "Did you mean": the nearest of the names that exist.

/// The candidate nearest to `text`, when near enough to be a misspelling (a third of its letters).
pub fn nearest<'c>(text: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates.map(|c| (distance(text, c), c)).filter(|(d, c)| *d * 3 <= text.len().max(c.len())).min().map(|(_, c)| c)
}

/// Levenshtein distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_misspelt_and_leaves_the_strange() {
        let names = ["life-safety", "comfort", "production"];
        assert_eq!(nearest("comfrot", names.into_iter()), Some("comfort"));
        assert_eq!(nearest("lifesafety", names.into_iter()), Some("life-safety"));
        assert_eq!(nearest("zzz", names.into_iter()), None);
    }
}
