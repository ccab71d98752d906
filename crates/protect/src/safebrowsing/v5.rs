//! Lists of version 5.

use super::Service;
use super::list::{List, Room, Update};
use super::name::{self, Name};
use super::prefix::{Prefix, code_indices};
use super::reply::{Format, refuse};
use super::state::State;
use axum::extract::Request;
use axum::response::Response;
use wardnet_server::{Admitted, Problem};
use wardnet_wire::safebrowsing::v5::{
    BatchGetHashListsRequest, BatchGetHashListsResponse, Duration, GENERAL_BROWSING,
    GetHashListRequest, HashList, HashListMetadata, ListHashListsResponse, SizeConstraints,
};

pub(super) const LISTS: &str = "/v5/hashLists";
pub(super) const LIST: &str = "/v5/hashList/{name}";
pub(super) const BATCH: &str = "/v5/hashLists:batchGet";
pub(super) const HASHES: &str = "/v5/hashes:search";
pub(super) const URLS: &str = "/v5/urls:search";

/// A method without a body.
pub(super) type Answer = fn(&Service, &Admitted, &Request) -> Result<Response, Problem>;

/// `GET /v5/hashLists`: what lists there are.
pub(super) fn lists(
    service: &Service,
    _: &Admitted,
    request: &Request,
) -> Result<Response, Problem> {
    service.ready(|_| {
        let hash_lists = name::ALL.iter().map(|(text, name, description)| {
            let (threat_types, likely_safe_types) = match name {
                Name::Four(threat) | Name::Eight(threat) => (vec![*threat as i32], vec![]),
                Name::GlobalCache => (vec![], vec![GENERAL_BROWSING]),
                Name::Empty => (vec![], vec![]),
            };
            let description = (*description).to_owned();
            let hash_length = name.length() as i32;
            let metadata =
                HashListMetadata { threat_types, likely_safe_types, description, hash_length };
            HashList { name: (*text).to_owned(), metadata: Some(metadata), ..HashList::default() }
        });
        let hash_lists = hash_lists.collect();
        let reply = ListHashListsResponse { hash_lists, next_page_token: String::new() };
        Ok(Format::of_v5(request).reply(&reply))
    })
}

/// `GET /v5/hashList/{name}`: one list, or what changed in it.
pub(super) fn list(
    service: &Service,
    _: &Admitted,
    request: &Request,
) -> Result<Response, Problem> {
    let text = request.uri().path().rsplit('/').next().unwrap_or_default();
    let query = request.uri().query().unwrap_or_default();
    let asked = GetHashListRequest::from_query(text, query, &service.limits);
    let asked = asked.map_err(|error| refuse(&error))?;
    let versions = [asked.version];
    service.ready(|state| {
        let name = Name::parse(&asked.name).ok_or_else(|| unknown(&asked.name))?;
        let told = Told { service, name, versions: &versions, room: room(asked.size_constraints) };
        let list = told.tell_of(state, &asked.name)?;
        Ok(Format::of_v5(request).reply(&list))
    })
}

/// `GET /v5/hashLists:batchGet`: several lists, in the order asked for.
pub(super) fn batch(
    service: &Service,
    _: &Admitted,
    request: &Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = BatchGetHashListsRequest::from_query(query, &service.limits);
    let asked = asked.map_err(|error| refuse(&error))?;
    service.ready(|state| {
        let lists = asked.names.iter().map(|text| {
            let name = Name::among_others(text).ok_or_else(|| unknown(text))?;
            let room = room(asked.size_constraints);
            Told { service, name, versions: &asked.version, room }.tell_of(state, text)
        });
        let reply = BatchGetHashListsResponse { hash_lists: lists.collect::<Result<_, _>>()? };
        Ok(Format::of_v5(request).reply(&reply))
    })
}

fn room(constraints: Option<SizeConstraints>) -> Room {
    let constraints = constraints.unwrap_or_default();
    Room::of(constraints.max_update_entries, constraints.max_database_entries)
}

fn unknown(text: &str) -> Problem {
    let known: Vec<_> = name::ALL.iter().map(|(name, ..)| *name).collect();
    let text: String = text.chars().take(64).collect();
    Problem::not_found(format!("there is no list `{text}`; there are {}", known.join(", ")))
}

/// What a client is told of a list.
struct Told<'a> {
    service: &'a Service,
    name: Name,
    versions: &'a [Vec<u8>],
    room: Room,
}

impl Told<'_> {
    fn tell_of(&self, state: &State, text: &str) -> Result<HashList, Problem> {
        let lists = |threat| state.threats.iter().find(|lists| lists.threat == threat);
        let list = match self.name {
            Name::Four(threat) => lists(threat).map(|lists| self.tell(&lists.four)),
            Name::Eight(threat) => lists(threat).map(|lists| self.tell(&lists.eight)),
            Name::GlobalCache => Some(self.tell(&state.global_cache)),
            Name::Empty => Some(self.tell(&List::<u32>::new(Vec::new(), 0))),
        };
        let list = list.ok_or_else(Problem::internal)?;
        Ok(HashList { name: text.to_owned(), ..list })
    }

    fn tell<P: Prefix>(&self, list: &List<P>) -> HashList {
        let history = self.service.history;
        let held = self.versions.iter().find_map(|bytes| name::read(history, self.name, bytes));
        let Update { is_partial, removals, additions, held, checksum, is_complete } =
            list.update(held, self.room);
        let wait = Duration::of_seconds(self.service.config.update_secs.into());
        HashList {
            version: name::written(history, self.name, held),
            partial_update: is_partial,
            additions: P::code(&additions),
            compressed_removals: code_indices(&removals),
            minimum_wait_duration: is_complete.then_some(wait),
            sha256_checksum: checksum.map(|sum| sum.to_vec()).unwrap_or_default(),
            ..HashList::default()
        }
    }
}
