//! The only way to mount a route: on its row of the matrix.

use super::matrix::Rule;
use axum::Router;
use axum::handler::Handler;
use axum::routing::on;

/// Routes that share a state.
pub struct Routes<S>(Router<S>);

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn new() -> Routes<S> {
        Routes(Router::new())
    }

    /// Mounts a handler; method and path are the row's.
    pub fn on<H, T>(self, rule: &'static Rule, handler: H) -> Routes<S>
    where
        H: Handler<T, S>,
        T: 'static,
    {
        Routes(self.0.route(rule.path, on(rule.verb.filter(), handler)))
    }

    pub fn with_state(self, state: S) -> Router {
        self.0.with_state(state)
    }
}
