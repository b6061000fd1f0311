//! Which read requests fetch a list of items. Pure, done once per scan class.
//!
//! A device answers a request for 100 registers nearly as fast as one for 1, so neighbours are joined, over small
//! gaps too, as far as a frame allows. An item is never split over two requests: its words would be of two moments.

pub use crate::model::Table;

/// Registers or bits that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    pub table: Table,
    pub offset: u16,
    pub count: u16,
}

/// What a device bears; `default()` is the specification's maximum with a modest gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_registers: u16,
    pub max_bits: u16,
    /// Registers (or 16 times as many bits) that may be read without need, to join two neighbours.
    pub gap: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_registers: Table::Holding.max_read(), max_bits: Table::Coil.max_read(), gap: 16 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub table: Table,
    pub offset: u16,
    pub count: u16,
    /// The items this answers: their index in the list given to [`plan`], and where they begin in the answer.
    pub items: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("item {index} ({table} {offset}, {count} long) asks for nothing: give it a count of at least 1")]
    Empty { index: usize, table: Table, offset: u16, count: u16 },
    #[error("item {index} ({table} {offset}, {count} long) does not fit one request: at most {max}")]
    TooLong { index: usize, table: Table, offset: u16, count: u16, max: u16 },
    #[error("item {index} ({table} {offset}, {count} long) reaches past the last address, 65535")]
    PastEnd { index: usize, table: Table, offset: u16, count: u16 },
}

/// Requests in order of table and offset that together cover every item, each item by exactly one.
pub fn plan(items: &[Item], limits: Limits) -> Result<Vec<Request>, Error> {
    for (index, item) in items.iter().enumerate() {
        check(index, item, limits)?;
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&index| (items[index], index));
    let mut requests: Vec<Request> = Vec::new();
    for index in order {
        let item = items[index];
        match requests.last_mut() {
            Some(last) if joins(last, item, limits) => {
                let end = (u32::from(item.offset) + u32::from(item.count))
                    .max(u32::from(last.offset) + u32::from(last.count));
                // `joins` has made sure that this is at most the limit of one request.
                last.count = (end - u32::from(last.offset)) as u16;
                last.items.push((index, usize::from(item.offset - last.offset)));
            }
            _ => requests.push(Request {
                table: item.table,
                offset: item.offset,
                count: item.count,
                items: vec![(index, 0)],
            }),
        }
    }
    Ok(requests)
}

fn max(table: Table, limits: Limits) -> u16 {
    let asked = if table.is_bits() { limits.max_bits } else { limits.max_registers };
    asked.min(table.max_read())
}

fn check(index: usize, item: &Item, limits: Limits) -> Result<(), Error> {
    let Item { table, offset, count } = *item;
    let max = max(table, limits);
    if count == 0 {
        Err(Error::Empty { index, table, offset, count })
    } else if count > max {
        Err(Error::TooLong { index, table, offset, count, max })
    } else if u32::from(offset) + u32::from(count) > 65_536 {
        Err(Error::PastEnd { index, table, offset, count })
    } else {
        Ok(())
    }
}

/// `item` begins at or after the begin of `last`: items come sorted.
fn joins(last: &Request, item: Item, limits: Limits) -> bool {
    let gap = if item.table.is_bits() { u32::from(limits.gap) * 16 } else { u32::from(limits.gap) };
    let last_end = u32::from(last.offset) + u32::from(last.count);
    let end = (u32::from(item.offset) + u32::from(item.count)).max(last_end);
    last.table == item.table
        && u32::from(item.offset) <= last_end + gap
        && end - u32::from(last.offset) <= u32::from(max(item.table, limits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holding(offset: u16, count: u16) -> Item {
        Item { table: Table::Holding, offset, count }
    }

    #[test]
    fn neighbours_join_over_small_gaps_and_tables_do_not() {
        let items = [holding(10, 2), holding(0, 4), holding(40, 1), Item { table: Table::Input, offset: 12, count: 1 }];
        let plan = plan(&items, Limits::default()).unwrap();
        let mut shape: Vec<_> = plan.iter().map(|r| (r.table, r.offset, r.count, r.items.clone())).collect();
        shape.sort_by_key(|request| request.1);
        assert_eq!(
            shape,
            [
                (Table::Holding, 0, 12, vec![(1, 0), (0, 10)]),
                (Table::Input, 12, 1, vec![(3, 0)]),
                (Table::Holding, 40, 1, vec![(2, 0)]),
            ]
        );
    }

    #[test]
    fn the_limits_of_a_frame_hold() {
        assert_eq!(plan(&[holding(0, 125), holding(125, 1)], Limits::default()).unwrap().len(), 2);
        assert!(matches!(plan(&[holding(0, 126)], Limits::default()), Err(Error::TooLong { max: 125, .. })));
        assert!(matches!(plan(&[holding(0, 0)], Limits::default()), Err(Error::Empty { index: 0, .. })));
        assert!(matches!(plan(&[holding(65_535, 2)], Limits::default()), Err(Error::PastEnd { .. })));
        let small = Limits { max_registers: 8, ..Limits::default() };
        assert_eq!(plan(&[holding(0, 4), holding(4, 4), holding(8, 1)], small).unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn every_item_lies_whole_in_exactly_one_request(
            raw in proptest::collection::vec((0u8..4, any::<u16>(), 1u16..=8), 0..80),
            max_registers in 8u16..=125, gap in 0u16..40,
        ) {
            let tables = [Table::Coil, Table::Discrete, Table::Holding, Table::Input];
            let items: Vec<Item> = raw.iter()
                .map(|&(t, offset, count)| Item { table: tables[usize::from(t)], offset: offset % 65_000, count })
                .collect();
            let limits = Limits { max_registers, max_bits: 64, gap };
            let mut seen = vec![0; items.len()];
            for request in plan(&items, limits).unwrap() {
                let most = if request.table.is_bits() { 64 } else { max_registers };
                prop_assert!(request.count <= most);
                for (index, at) in request.items {
                    let item = items[index];
                    seen[index] += 1;
                    prop_assert_eq!(item.table, request.table);
                    prop_assert_eq!(usize::from(request.offset) + at, usize::from(item.offset));
                    prop_assert!(at + usize::from(item.count) <= usize::from(request.count));
                }
            }
            prop_assert!(seen.iter().all(|&times| times == 1));
        }
    }
}
