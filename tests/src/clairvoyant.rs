//! The most heat that anybody could have served, from full knowledge of the plants: the yardstick of the world's checks.
//!
//! This shares no code with the optimizer. At one instant, with each source limited to what its physics can reach, heat
//! flows over the open mains (with their losses) to the consumers. For each class `k` the bound is the largest amount
//! that classes 1 to `k` together can be served, whatever that costs the classes below: nobody can leave less unserved
//! in classes 1 to `k`. It is found with a small dense simplex of our own (Bland's rule, so it always ends).

use hypocaust_protocols::model::Class;

/// What is there at one instant. Headers are indices.
#[derive(Debug, Clone, Default)]
pub struct Instant {
    pub headers: usize,
    /// Header, most heat that it can make, MW.
    pub sources: Vec<(usize, f64)>,
    pub mains: Vec<Pipe>,
    /// Header, class, heat asked, MW.
    pub demands: Vec<(usize, Class, f64)>,
}

/// An open main.
#[derive(Debug, Clone)]
pub struct Pipe {
    pub from: usize,
    pub to: usize,
    pub cap: f64,
    pub cap_reverse: f64,
    pub loss: f64,
    /// Standing loss, half at each end.
    pub fixed: f64,
}

/// Unserved heat of classes 1..=k together that nobody could avoid, MW, for k = 1..5.
pub fn forced_unserved(at: &Instant) -> [f64; 5] {
    let mut forced = [0.0; 5];
    for (k, class) in Class::ALL.into_iter().enumerate() {
        let asked: f64 = at.demands.iter().filter(|d| d.1 <= class).map(|d| d.2).sum();
        forced[k] = (asked - most_served(at, class)).max(0.0);
    }
    forced
}

/// The most that the classes up to `class` can be served together, MW.
fn most_served(at: &Instant, class: Class) -> f64 {
    let demands: Vec<_> = at.demands.iter().filter(|d| d.1 <= class).collect();
    // Columns: sources, main flows forward and back, served demands, standing losses covered at each header.
    let (s, m, d, h) = (at.sources.len(), at.mains.len(), demands.len(), at.headers);
    let n = s + 2 * m + d + h;
    let mut rows: Vec<(Vec<f64>, f64)> = Vec::new();
    let mut cap = |column: usize, limit: f64| {
        let mut row = vec![0.0; n];
        row[column] = 1.0;
        rows.push((row, limit.max(0.0)));
    };
    for (i, source) in at.sources.iter().enumerate() {
        cap(i, source.1);
    }
    for (i, main) in at.mains.iter().enumerate() {
        cap(s + 2 * i, main.cap);
        cap(s + 2 * i + 1, main.cap_reverse);
    }
    for (i, demand) in demands.iter().enumerate() {
        cap(s + 2 * m + i, demand.2);
    }
    for header in 0..h {
        let fixed: f64 = at.mains.iter().filter(|p| p.from == header || p.to == header).map(|p| p.fixed / 2.0).sum();
        cap(s + 2 * m + d + header, fixed);
    }
    for header in 0..h {
        let mut row = vec![0.0; n];
        for (i, source) in at.sources.iter().enumerate() {
            row[i] -= f64::from(u8::from(source.0 == header));
        }
        for (i, main) in at.mains.iter().enumerate() {
            for (column, from, to) in [(s + 2 * i, main.from, main.to), (s + 2 * i + 1, main.to, main.from)] {
                if from == header {
                    row[column] += 1.0;
                }
                if to == header {
                    row[column] -= 1.0 - main.loss;
                }
            }
        }
        for (i, demand) in demands.iter().enumerate() {
            row[s + 2 * m + i] += f64::from(u8::from(demand.0 == header));
        }
        row[s + 2 * m + d + header] = 1.0;
        rows.push((row, 0.0));
    }
    // A standing loss is paid before anybody is served: it weighs more than any demand.
    let mut gain = vec![0.0; n];
    gain[s + 2 * m..s + 2 * m + d].fill(1.0);
    gain[s + 2 * m + d..].fill(100.0);
    let x = simplex(&gain, &rows);
    x[s + 2 * m..s + 2 * m + d].iter().sum()
}

/// Maximises `gain . x` over `x >= 0`, `row . x <= limit` with every limit at least zero (so that x = 0 is a start).
fn simplex(gain: &[f64], rows: &[(Vec<f64>, f64)]) -> Vec<f64> {
    const TINY: f64 = 1e-9;
    let (n, m) = (gain.len(), rows.len());
    let width = n + m + 1;
    let mut table: Vec<Vec<f64>> = rows
        .iter()
        .enumerate()
        .map(|(i, (row, limit))| {
            let mut line = vec![0.0; width];
            line[..n].copy_from_slice(row);
            line[n + i] = 1.0;
            line[width - 1] = *limit;
            line
        })
        .collect();
    let mut top = vec![0.0; width];
    for (j, g) in gain.iter().enumerate() {
        top[j] = -g;
    }
    let mut basis: Vec<usize> = (n..n + m).collect();
    while let Some(enter) = (0..n + m).find(|&j| top[j] < -TINY) {
        let leave = (0..m)
            .filter(|&i| table[i][enter] > TINY)
            .map(|i| (table[i][width - 1] / table[i][enter], basis[i], i))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let Some((_, _, pivot)) = leave else {
            unreachable!("every column is bounded by a row of its own or by a header's balance");
        };
        let factor = table[pivot][enter];
        table[pivot].iter_mut().for_each(|x| *x /= factor);
        let line = table[pivot].clone();
        for (i, row) in table.iter_mut().enumerate() {
            let k = row[enter];
            if i != pivot && k != 0.0 {
                row.iter_mut().zip(&line).for_each(|(x, p)| *x -= k * p);
            }
        }
        let k = top[enter];
        top.iter_mut().zip(&line).for_each(|(x, p)| *x -= k * p);
        basis[pivot] = enter;
    }
    let mut x = vec![0.0; n];
    for (i, &column) in basis.iter().enumerate() {
        if column < n {
            x[column] = table[i][width - 1];
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(cap: f64, loss: f64) -> Pipe {
        Pipe { from: 0, to: 1, cap, cap_reverse: 0.0, loss, fixed: 0.0 }
    }

    #[test]
    fn what_is_there_is_served_and_what_is_not_is_forced() {
        let mut at = Instant {
            headers: 2,
            sources: vec![(0, 10.0)],
            mains: vec![pipe(4.0, 0.5)],
            demands: vec![(0, Class::Comfort, 7.0), (1, Class::LifeSafety, 1.5)],
        };
        let forced = forced_unserved(&at);
        assert!(forced[0].abs() < 1e-9, "3 MW sent, 1.5 arrive: {forced:?}");
        assert!(forced[4].abs() < 1e-9, "7 + 3 = 10: {forced:?}");
        at.mains[0].cap = 2.0;
        let forced = forced_unserved(&at);
        assert!((forced[0] - 0.5).abs() < 1e-9, "1 of 1.5 arrives: {forced:?}");
        at.mains[0].fixed = 0.4;
        at.sources[0].1 = 1.0;
        at.mains[0].loss = 0.0;
        let forced = forced_unserved(&at);
        // Of 1 MW, 0.2 covers the near half of the standing loss, 0.8 travel, 0.2 cover the far half.
        assert!((forced[0] - 0.9).abs() < 1e-9, "{forced:?}");
    }
}
