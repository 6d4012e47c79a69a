//! The API: the one list of operations ([`list`]) and what is made of it. One resource a path, with a 405
//! for every method that is not in the list.

pub mod document;
pub mod edge;
mod examples;
pub mod list;
pub mod operating;
pub mod operation;
pub mod page;
pub mod rooms;
pub mod service;

pub use list::operations;

use crate::query::QueryNames;
use crate::telemetry::Route;
use actix_web::Resource;
use actix_web::http::Method;
use actix_web::web::{self, PayloadConfig, ServiceConfig};
use operation::Operation;
use std::collections::BTreeMap;

/// Serves the list: one resource a path, in the order of the list. `json_limit_bytes` is what a JSON body may have, where
/// an operation does not take more.
pub fn configure(config: &mut ServiceConfig, operations: &[Operation], json_limit_bytes: usize) {
    let mut paths: Vec<&'static str> = Vec::new();
    for operation in operations {
        if !paths.contains(&operation.path) {
            paths.push(operation.path);
        }
    }
    let (mut collections, mut alone) = (BTreeMap::<&str, Vec<Resource>>::new(), Vec::new());
    for path in paths {
        let here: Vec<&Operation> = operations.iter().filter(|operation| operation.path == path).collect();
        let collection = collection(path);
        let mut resource = web::resource(&path[collection.len()..]).app_data(Route(path));
        if let Some(more_bytes) = here.iter().map(|operation| operation.more_bytes).max().filter(|more| *more > 0) {
            resource = resource.app_data(PayloadConfig::new(json_limit_bytes.saturating_add(more_bytes)));
        }
        let taken = here.iter().flat_map(|operation| &operation.query);
        resource = resource.app_data(QueryNames(taken.map(|parameter| parameter.name.clone()).collect()));
        let mut methods: Vec<Method> = Vec::new();
        for operation in &here {
            resource = resource.route(operation.route());
            methods.push(operation.method.clone());
        }
        if !methods.contains(&Method::HEAD) {
            for route in here.iter().filter_map(|operation| operation.head_route()) {
                resource = resource.route(route);
                methods.push(Method::HEAD);
            }
        }
        let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let resource = resource.default_service(web::to(move || {
            let refused = edge::method_not_allowed(&allow);
            async move { refused }
        }));
        if collection.is_empty() {
            alone.push(resource);
        } else {
            collections.entry(collection).or_default().push(resource);
        }
    }
    let mut collections: Vec<_> = collections.into_iter().collect();
    collections
        .sort_by_key(|(prefix, _)| ASKED_MOST.iter().position(|most| most == prefix).unwrap_or(ASKED_MOST.len()));
    for (prefix, resources) in collections {
        config.service(resources.into_iter().fold(web::scope(prefix), |scope, resource| scope.service(resource)));
    }
    for resource in alone {
        config.service(resource);
    }
}

/// What members and buyers ask for all the time is looked for first.
const ASKED_MOST: [&str; 4] = ["/v1/votes", "/v1/datasets", "/v1/licences", "/v1/offers"];

/// The beginning that a path shares with others of its kind: `/v1/votes`, or nothing. The framework compares a request with one
/// pattern after the other; by their beginnings it finds the few that are worth it.
fn collection(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/v1/") else { return "" };
    let end = rest.find('/').unwrap_or(rest.len());
    &path[..path.len() - rest.len() + end]
}
