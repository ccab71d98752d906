//! The tokens in force: looked up without locks, changed under one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use wardnet_model::Timestamp;

use super::seal::{Seal, SealKey};
use super::text::{SecretHash, split};
use super::{TokenError, TokenId, TokenRecord, TokenStore, TokenStoreError, TokenText};
use crate::budget::{Meter, OverBudget, Rate};
use crate::principal::{OPERATOR_TENANT, Principal, Role};

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The tenant it acts for.
    pub tenant: u32,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// A budget of its own.
    pub rate: Option<Rate>,
}

/// A token in force, with the meter of its budget.
#[derive(Debug)]
pub struct TokenEntry {
    record: TokenRecord,
    // Shared by all entries of one id, so that an edit does not refill a spent budget.
    meter: Arc<Meter>,
    seal: Seal,
}

impl TokenEntry {
    /// What is kept of the token.
    #[must_use]
    pub const fn record(&self) -> &TokenRecord {
        &self.record
    }

    /// Whom the token stands for.
    #[must_use]
    pub const fn principal(&self) -> Principal {
        let TokenRecord { id, tenant, role, .. } = self.record;
        Principal { token: Some(id), tenant, role }
    }

    /// Takes `questions` out of the token's budget, which is `default` unless it has its own.
    pub fn take(&self, default: Rate, questions: u32, now_nanos: u64) -> Result<(), OverBudget> {
        self.meter.take(self.record.rate.unwrap_or(default), questions, now_nanos)
    }
}

type Table = HashMap<TokenId, Arc<TokenEntry>>;

/// All tokens in force.
///
/// A check loads one pointer, looks up the id, and compares the secret with the seal of the token
/// or, where that does not fit, its SHA-256. The seal goes with the token, so a revocation holds
/// from the next request on. Changes are written to the store first and then swapped in.
#[derive(Debug)]
pub struct Tokens {
    table: ArcSwap<Table>,
    store: Arc<dyn TokenStore>,
    changes: Mutex<()>,
    seals: SealKey,
}

impl Tokens {
    /// Loads every token from `store`.
    pub fn open(store: Arc<dyn TokenStore>) -> Result<Self, TokenStoreError> {
        let (table, changes) = (ArcSwap::default(), Mutex::new(()));
        let tokens = Self { table, store, changes, seals: SealKey::draw()? };
        tokens.reload()?;
        Ok(tokens)
    }

    /// Reads the store again. On an error the tokens in force stay.
    pub fn reload(&self) -> Result<(), TokenStoreError> {
        let _changing = self.lock();
        let old = self.table.load_full();
        let records = self.store.load_all()?;
        let table = records.into_iter().map(|record| (record.id, entry(&old, record)));
        self.table.store(Arc::new(table.collect()));
        Ok(())
    }

    /// Checks a token as a client sent it.
    pub fn verify(&self, token: &[u8], now: Timestamp) -> Result<Arc<TokenEntry>, TokenError> {
        let (id, secret) = split(token)?;
        let table = self.table.load();
        let Some(entry) = table.get(&id) else {
            // Hash all the same: an unknown id must not answer faster than a wrong secret.
            std::hint::black_box(SecretHash::of(secret));
            return Err(TokenError::Unknown);
        };
        if !entry.seal.is_right(&self.seals, secret, || entry.record.hash.matches(secret)) {
            return Err(TokenError::Unknown);
        }
        // Only who knows the secret learns the state of the token.
        if entry.record.disabled {
            return Err(TokenError::Disabled);
        }
        if entry.record.is_expired(now) {
            return Err(TokenError::Expired);
        }
        Ok(Arc::clone(entry))
    }

    /// Whom a token that was checked before stands for, if it still holds: for sessions that begin
    /// with one.
    #[must_use]
    pub fn holder(&self, id: TokenId, now: Timestamp) -> Option<Principal> {
        let table = self.table.load();
        let entry = table.get(&id).filter(|entry| {
            let record = entry.record();
            !record.disabled && !record.is_expired(now)
        });
        entry.map(|entry| entry.principal())
    }

    /// Whether a token that was checked before still holds: for answers that go on for long.
    #[must_use]
    pub fn is_in_force(&self, id: TokenId, now: Timestamp) -> bool {
        self.holder(id, now).is_some()
    }

    /// Issues a token. Its text is not kept and cannot be shown again.
    pub fn issue(
        &self,
        new: NewToken,
        now: Timestamp,
    ) -> Result<(TokenText, TokenRecord), TokenStoreError> {
        let _changing = self.lock();
        self.issue_locked(new, now)
    }

    /// Issues the first administrator's token, if there is no token at all yet.
    pub fn bootstrap(&self, now: Timestamp) -> Result<Option<TokenText>, TokenStoreError> {
        let _changing = self.lock();
        if !self.table.load().is_empty() {
            return Ok(None);
        }
        let name = "first administrator".to_owned();
        let (tenant, role) = (OPERATOR_TENANT, Role::Admin);
        let first = NewToken { tenant, role, name, expires: None, rate: None };
        self.issue_locked(first, now).map(|(text, _)| Some(text))
    }

    /// Switches a token off or on again.
    pub fn set_disabled(&self, id: TokenId, disabled: bool) -> Result<(), TokenStoreError> {
        let _changing = self.lock();
        let table = self.table.load_full();
        let entry = table.get(&id).ok_or(TokenStoreError::NoSuchToken(id))?;
        self.put_locked(TokenRecord { disabled, ..entry.record.clone() })
    }

    /// Ends a token for good.
    pub fn remove(&self, id: TokenId) -> Result<(), TokenStoreError> {
        let _changing = self.lock();
        let mut table = Table::clone(&self.table.load());
        table.remove(&id).ok_or(TokenStoreError::NoSuchToken(id))?;
        self.store.remove(id)?;
        self.table.store(Arc::new(table));
        Ok(())
    }

    /// All tokens, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<TokenRecord> {
        let table = self.table.load();
        let mut records: Vec<_> = table.values().map(|entry| entry.record.clone()).collect();
        records.sort_by_key(|record| (record.created_secs, record.id));
        records
    }

    fn issue_locked(
        &self,
        new: NewToken,
        now: Timestamp,
    ) -> Result<(TokenText, TokenRecord), TokenStoreError> {
        let (id, hash, text) = TokenText::draw()?;
        let record = TokenRecord {
            id,
            hash,
            tenant: new.tenant,
            role: new.role,
            name: new.name,
            created_secs: now.0,
            expires_secs: new.expires.map(|end| end.0),
            disabled: false,
            rate: new.rate,
        };
        self.put_locked(record.clone())?;
        Ok((text, record))
    }

    fn put_locked(&self, record: TokenRecord) -> Result<(), TokenStoreError> {
        self.store.put(&record)?;
        let mut table = Table::clone(&self.table.load());
        let entry = entry(&table, record);
        table.insert(entry.record.id, entry);
        self.table.store(Arc::new(table));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(old: &Table, record: TokenRecord) -> Arc<TokenEntry> {
    let meter = old.get(&record.id).map_or_else(Arc::default, |entry| Arc::clone(&entry.meter));
    Arc::new(TokenEntry { record, meter, seal: Seal::default() })
}
