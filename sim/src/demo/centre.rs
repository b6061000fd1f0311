//! The demo as a client of the centre: signs in and reads the fleet's state over the same API as anybody else.

use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// The answer of `GET /api/v1/fleet`, as far as it is shown here.
#[derive(Debug, Deserialize)]
pub struct Fleet {
    /// The replica that leads.
    pub leader: Option<String>,
    pub plants: Vec<Plant>,
}

#[derive(Debug, Deserialize)]
pub struct Plant {
    pub id: String,
    pub mode: String,
    pub link: bool,
    pub heat_mw: Option<f64>,
    pub demand_mw: Option<f64>,
    /// By class; `None` where it cannot be seen.
    #[serde(default)]
    pub unserved_mw: BTreeMap<String, Option<f64>>,
}

pub struct Centre {
    /// Of the replicas.
    bases: Vec<String>,
    user: String,
    password: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Centre {
    #[must_use]
    pub fn new(addresses: &[SocketAddr], user: &str, password: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(3))
            .no_proxy()
            .build()
            .expect("a client without TLS or proxy needs nothing that could be missing");
        let bases = addresses.iter().map(|address| format!("http://{address}")).collect();
        Self { bases, user: user.into(), password: password.into(), token: None, http }
    }

    /// Why a replica is not ready; `Ok` when all are.
    pub async fn ready(&self) -> Result<(), String> {
        for base in &self.bases {
            let answer = self.http.get(format!("{base}/health/ready")).send().await;
            let answer = answer.map_err(|_| format!("the console {base} does not answer yet"))?;
            if !answer.status().is_success() {
                let text = answer.text().await.unwrap_or_default();
                return Err(format!("the centre at {base} is not ready: {text}"));
            }
        }
        Ok(())
    }

    /// As the first replica shows it that answers: each knows the whole fleet.
    pub async fn fleet(&mut self) -> Result<Fleet, String> {
        let mut why = String::new();
        for base in self.bases.clone() {
            match self.fleet_of(&base).await {
                Ok(fleet) => return Ok(fleet),
                Err(reason) => why = reason,
            }
        }
        Err(why)
    }

    /// Signs in when it must, and once more when the centre has forgotten the session.
    async fn fleet_of(&mut self, base: &str) -> Result<Fleet, String> {
        for _ in 0..2 {
            if self.token.is_none() {
                self.sign_in(base).await?;
            }
            let token = self.token.clone().unwrap_or_default();
            let answer = self.http.get(format!("{base}/api/v1/fleet")).bearer_auth(token).send().await;
            let answer = answer.map_err(|_| "the centre does not answer".to_owned())?;
            if answer.status() == reqwest::StatusCode::UNAUTHORIZED {
                self.token = None;
                continue;
            }
            let status = answer.status();
            let text = answer.text().await.map_err(|e| format!("the fleet's state broke off: {e}"))?;
            if !status.is_success() {
                return Err(format!("the fleet's state was refused with {status}: {text}"));
            }
            return serde_json::from_str(&text).map_err(|e| format!("the fleet's state is not as documented: {e}"));
        }
        Err("the centre forgets its sessions".into())
    }

    async fn sign_in(&mut self, base: &str) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Session {
            token: String,
        }
        let body = json!({"user": self.user, "password": self.password});
        let answer = self.http.post(format!("{base}/api/v1/session")).json(&body).send().await;
        let answer = answer.map_err(|_| "the centre does not answer".to_owned())?;
        if !answer.status().is_success() {
            let status = answer.status();
            return Err(format!("signing in was refused with {status}: {}", answer.text().await.unwrap_or_default()));
        }
        let session: Session = answer.json().await.map_err(|e| format!("the session is not as documented: {e}"))?;
        self.token = Some(session.token);
        Ok(())
    }
}

/// One line of state for people.
#[must_use]
pub fn line(fleet: &Fleet) -> String {
    let megawatts = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |v| format!("{v:.1}"));
    let mut line = match &fleet.leader {
        Some(leader) => format!("replica {leader} leads"),
        None => "NOBODY LEADS".to_owned(),
    };
    for plant in &fleet.plants {
        let link = if plant.link { "linked" } else { "NOT LINKED" };
        let _ = write!(
            line,
            "; {}: {}, {}, makes {} MW, {} MW asked",
            plant.id,
            link,
            plant.mode,
            megawatts(plant.heat_mw),
            megawatts(plant.demand_mw),
        );
        let short: Vec<String> = plant
            .unserved_mw
            .iter()
            .filter(|(_, mw)| mw.is_none_or(|mw| mw >= 0.05))
            .map(|(class, mw)| format!("{class} {}", megawatts(*mw)))
            .collect();
        if !short.is_empty() {
            let _ = write!(line, ", unserved {} MW", short.join(", "));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_what_is_unserved_and_what_is_unknown() {
        let fleet: Fleet = serde_json::from_value(json!({"leader": "2", "plants": [
            {"id": "north", "mode": "remote", "link": true, "heat_mw": 12.34, "demand_mw": 15.0,
             "unserved_mw": {"life-safety": 0.0, "production": 2.61, "comfort": 0.04}},
            {"id": "south", "mode": "holding", "link": false, "heat_mw": null, "demand_mw": null,
             "unserved_mw": {"life-safety": null}},
        ]}))
        .unwrap();
        assert_eq!(
            line(&fleet),
            "replica 2 leads; north: linked, remote, makes 12.3 MW, 15.0 MW asked, unserved production 2.6 MW; south: NOT LINKED, holding, makes ? MW, ? MW asked, unserved life-safety ? MW"
        );
    }
}
