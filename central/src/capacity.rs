//! The sizes that the older system of the field needed, for comparison.

use serde::Serialize;

/// What the formula asks for; CPU and memory are per replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capacity {
    pub replicas: u64,
    pub cpu_millicores: u64,
    pub memory_mib: u64,
    pub database_connections: u64,
}

/// The budget for `plants` plants and `agents` sub-agents.
pub fn capacity(plants: u32, agents: u32) -> Capacity {
    let (p, a) = (u64::from(plants), u64::from(agents));
    let replicas = (p.div_ceil(5) + a.div_ceil(10)).clamp(3, 20);
    Capacity {
        replicas,
        cpu_millicores: 1000 + 100 * p + 50 * a,
        memory_mib: 2048 + 200 * p + 100 * a,
        database_connections: 5 * p + 10 * replicas + 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_and_the_clamps() {
        let c = capacity(20, 99);
        assert_eq!((c.replicas, c.cpu_millicores, c.memory_mib, c.database_connections), (14, 7950, 15948, 260));
        assert_eq!(capacity(1, 0).replicas, 3);
        assert_eq!(capacity(500, 500).replicas, 20);
    }
}
