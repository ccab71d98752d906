//! The router in force, which a reload replaces under running connections.

use std::convert::Infallible;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::future::RouteFuture;
use tower::Service as _;

/// A router that can be replaced: each request goes to the one of its moment. Copies are one.
#[derive(Debug, Clone)]
pub struct LiveRouter(Arc<ArcSwap<Router>>);

impl LiveRouter {
    /// One that answers as `router` until that is replaced.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(router)))
    }

    /// Puts other routes into force, from the next request on.
    pub fn replace(&self, router: Router) {
        self.0.store(Arc::new(router));
    }

    /// Answers a request.
    pub fn call(&self, request: Request<Body>) -> RouteFuture<Infallible> {
        // A router is always ready.
        Router::clone(&self.0.load()).call(request)
    }
}

impl From<Router> for LiveRouter {
    fn from(router: Router) -> Self {
        Self::new(router)
    }
}
