//! Reading records, heads and history.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio_postgres::{Client, Row, Transaction};
use trueup_model::ports::HistoryQuery;
use trueup_model::{AppName, Digest, Record};

use super::connection::{Server, number, unsigned};
use super::schema;
use crate::journal::Head;
use crate::retain::digests;
use crate::{StoreError, ledger, parts};

/// Where an app's chain ends; it stays so until the transaction ends.
pub(super) async fn head(
    transaction: &Transaction<'_>,
    app: &AppName,
) -> Result<Head, tokio_postgres::Error> {
    let sql = "SELECT head_seq, head_hash FROM app WHERE name = $1";
    let row = transaction.query_opt(sql, &[&app.as_str()]).await?;
    Ok(row
        .and_then(|row| {
            let hash = Digest::from_bytes(row.get::<_, &[u8]>(1).try_into().ok()?);
            Some(Head { seq: unsigned(row.get(0)), hash })
        })
        .unwrap_or_else(Head::none))
}

/// An app's record.
pub(super) async fn record(
    client: &Client,
    server: &Server,
    app: &AppName,
) -> Result<Record, StoreError> {
    let failed = |error| server.failed("read", error);
    let sql = "SELECT commit_no, sets, record FROM app WHERE name = $1";
    let row = client.query_opt(sql, &[&app.as_str()]).await.map_err(failed)?;
    let careful = schema::meta(client, "careful-until").await.map_err(failed)?;
    let commit: i64 = row.as_ref().map_or(0, |row| row.get(0));
    let lean: Option<String> = row.as_ref().and_then(|row| row.get(2));
    let mut record = match (row, lean) {
        (Some(row), Some(lean)) => whole(client, server, app, &row, &lean).await?,
        _ => Record::default(),
    };
    let careful = careful.and_then(|until| until.parse::<i64>().ok());
    record.careful |= careful.is_some_and(|until| commit <= until);
    Ok(record)
}

async fn whole(
    client: &Client,
    server: &Server,
    app: &AppName,
    row: &Row,
    lean: &str,
) -> Result<Record, StoreError> {
    let sets: Vec<&[u8]> = row.get(1);
    let sql = "SELECT digest, contents FROM holding WHERE digest = ANY($1)";
    let rows = client.query(sql, &[&sets]).await.map_err(|error| server.failed("read", error))?;
    let mut held: BTreeMap<&[u8], String> = BTreeMap::new();
    for row in &rows {
        held.insert(row.get(0), row.get(1));
    }
    let names: Vec<Digest> =
        sets.iter().filter_map(|set| Some(Digest::from_bytes((*set).try_into().ok()?))).collect();
    let holding = |set: &Digest| Ok(held.get(set.as_bytes().as_slice()).cloned());
    parts::put_together(lean, &names, holding)
        .map_err(|why| StoreError::Unreadable { what: format!("the record of {app}"), why })
}

/// Rows `app, seq, body`, the newest first.
pub(super) async fn history(
    client: &Client,
    query: &HistoryQuery,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    match &query.app {
        Some(app) => {
            let sql = "SELECT app, seq, body FROM ledger WHERE app = $2 ORDER BY seq DESC LIMIT $1";
            client.query(sql, &[&limit, &app.as_str()]).await
        }
        None => {
            let sql = "SELECT app, seq, body FROM ledger ORDER BY id DESC LIMIT $1";
            client.query(sql, &[&limit]).await
        }
    }
}

/// The digests that records and the entries about the last states of each app name.
pub(super) async fn named(
    transaction: &Transaction<'_>,
    states: usize,
) -> Result<HashSet<[u8; 32]>, tokio_postgres::Error> {
    let mut named = HashSet::new();
    let sql = "SELECT record FROM app WHERE record IS NOT NULL
        UNION ALL SELECT contents FROM holding";
    for row in transaction.query(sql, &[]).await? {
        named.extend(digests(row.get::<_, &str>(0).as_bytes()));
    }
    for row in transaction.query("SELECT name FROM app", &[]).await? {
        let app: String = row.get(0);
        let Some(first) = first_of_last_states(transaction, &app, states).await? else { continue };
        let sql = "SELECT body FROM ledger WHERE app = $1 AND seq >= $2";
        for row in transaction.query(sql, &[&app, &number(first)]).await? {
            // What cannot be read names nothing.
            named.extend(digests(&ledger::json(row.get(0)).unwrap_or_default()));
        }
    }
    Ok(named)
}

/// The entry with which the last states of an app begin; `None` if there are none.
async fn first_of_last_states(
    transaction: &Transaction<'_>,
    app: &str,
    states: usize,
) -> Result<Option<u64>, tokio_postgres::Error> {
    let sql = "SELECT seq, rendered FROM ledger WHERE app = $1 AND rendered IS NOT NULL
        ORDER BY seq DESC";
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut first = None;
    for row in transaction.query(sql, &[&app]).await? {
        seen.insert(row.get(1));
        if seen.len() > states {
            break;
        }
        first = Some(unsigned(row.get(0)));
    }
    Ok(first)
}
