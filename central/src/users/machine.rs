//! Tokens for machines: a script or a dashboard shows one instead of signing in.
//!
//! A token is shown once, when it is made. Stored is its hash, and beside it a short id by which it is named when it is
//! to be revoked.

use super::store::{failed, fingerprint, found};
use super::{Error, Token, Users};
use hypocaust_protocols::model::Millis;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A token as a list shows it: everything but itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub id: String,
    pub user: String,
    /// What it is for, in the words of whoever made it.
    pub label: String,
    pub made: Millis,
    pub expires: Millis,
}

impl Users {
    /// Hands out `token`, which whoever holds it may use as this user until it expires.
    pub async fn issue(&self, issued: &Issued, token: &Token) -> Result<(), Error> {
        let done = sqlx::query(
            "insert into machine_token (token, id, user, label, made, expires)
             select ?1, ?2, name, ?4, ?5, ?6 from user where name = ?3",
        )
        .bind(fingerprint(token.as_str()))
        .bind(&issued.id)
        .bind(&issued.user)
        .bind(&issued.label)
        .bind(issued.made.0)
        .bind(issued.expires.0)
        .execute(&self.pool)
        .await
        .map_err(failed("keeping a token"))?;
        found(&issued.user, done)
    }

    /// The tokens of a user, or of all, in the order in which they were made.
    pub async fn tokens(&self, user: Option<&str>) -> Result<Vec<Issued>, Error> {
        if let Some(name) = user
            && !self.list().await?.iter().any(|u| u.name == name)
        {
            return Err(Error::Missing(name.to_owned()));
        }
        let rows = sqlx::query(
            "select id, user, label, made, expires from machine_token where ?1 is null or user = ?1 order by made, id",
        )
        .bind(user)
        .fetch_all(&self.pool)
        .await
        .map_err(failed("listing tokens"))?;
        let issued = |row: &SqliteRow| -> Result<Issued, sqlx::Error> {
            Ok(Issued {
                id: row.try_get("id")?,
                user: row.try_get("user")?,
                label: row.try_get("label")?,
                made: Millis(row.try_get("made")?),
                expires: Millis(row.try_get("expires")?),
            })
        };
        rows.iter().map(issued).collect::<Result<_, _>>().map_err(failed("listing tokens"))
    }

    /// Ends one token of a user at once.
    pub async fn revoke(&self, user: &str, id: &str) -> Result<(), Error> {
        let done = sqlx::query("delete from machine_token where user = ?1 and id = ?2")
            .bind(user)
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(failed("revoking a token"))?;
        match done.rows_affected() {
            0 => Err(Error::NoToken { user: user.to_owned(), id: id.to_owned() }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::{New, Role, Scope};

    #[tokio::test]
    async fn a_token_is_its_user_until_it_expires_or_is_revoked_and_is_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        let users = Users::open(&path).await.unwrap();
        users
            .add(New { name: "scada", role: Role::Viewer, plants: Scope::Every, password: None }, [1; 16])
            .await
            .unwrap();
        let token = Token::of_machine([9; 32]);
        let issued = |id: &str, user: &str| Issued {
            id: id.into(),
            user: user.into(),
            label: "trends".into(),
            made: Millis(0),
            expires: Millis(1000),
        };
        assert!(matches!(users.issue(&issued("t1", "eve"), &token).await, Err(Error::Missing(_))));
        users.issue(&issued("t1", "scada"), &token).await.unwrap();
        let seen = async |at| users.session(token.as_str(), Millis(at)).await.unwrap();
        let session = seen(999).await.expect("it is good");
        assert_eq!((session.user.as_str(), session.role, session.machine), ("scada", Role::Viewer, true));
        assert_eq!(seen(1000).await, None);
        users.set_role("scada", Role::Engineer).await.unwrap();
        assert_eq!(seen(1).await.map(|s| s.role), Some(Role::Engineer));

        // Signing out is for sessions: a token ends by being revoked.
        users.sign_out(token.as_str()).await.unwrap();
        assert!(seen(1).await.is_some());
        assert_eq!(users.tokens(Some("scada")).await.unwrap(), [issued("t1", "scada")]);
        assert!(matches!(users.tokens(Some("eve")).await, Err(Error::Missing(_))));
        assert!(matches!(users.revoke("scada", "t2").await, Err(Error::NoToken { .. })));
        users.revoke("scada", "t1").await.unwrap();
        assert_eq!(seen(1).await, None);

        users.issue(&issued("t3", "scada"), &token).await.unwrap();
        users.pool.close().await;
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(64).any(|w| w == &token.as_str().as_bytes()[6..]));
        let users = Users::open(&path).await.unwrap();
        users.remove("scada").await.unwrap();
        assert_eq!(users.session(token.as_str(), Millis(1)).await.unwrap(), None);
    }
}
