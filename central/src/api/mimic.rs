//! The drawings of the plants. They are made once, from the fleet: what moves on the page are the values.

use super::request::NoQuery;
use super::routes::Routes;
use super::{Problem, matrix, scope};
use crate::mimic::{Mimic, draw};
use crate::users::Session;
use axum::extract::{Path, State};
use axum::{Extension, Json, Router};
use hypocaust_protocols::model::Fleet;
use std::collections::BTreeMap;
use std::sync::Arc;

type Drawings = Arc<BTreeMap<String, Mimic>>;

pub fn routes(fleet: &Fleet) -> Router {
    let drawings = fleet.plants.iter().map(|p| (p.id.to_string(), draw(fleet, p))).collect();
    Routes::new().on(&matrix::MIMIC, read).with_state(Arc::new(drawings))
}

#[utoipa::path(get, path = "/api/v1/plants/{id}/mimic", params(("id" = String, Path)), responses((status = 200, body = Mimic)))]
pub async fn read(
    State(drawings): State<Drawings>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    _: NoQuery,
) -> Result<Json<Mimic>, Problem> {
    scope::within(&session, &id)?;
    let found = drawings.get(&id).cloned();
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("There is no plant '{id}'; GET /api/v1/fleet lists them.")))
}
