//! Sockets, disk and clocks around the core.
