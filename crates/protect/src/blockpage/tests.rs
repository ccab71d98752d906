//! The page as a browser asks for it.

use std::sync::Mutex;

use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;
use crate::testing;

struct House {
    router: Router,
    filed: Arc<Mutex<Vec<Dispute>>>,
}

impl House {
    fn new(change: impl FnOnce(&mut BlockPageConfig), writes: bool) -> Self {
        let mut config = BlockPageConfig { contact: Some("Call <7>".into()), ..Default::default() };
        config.names.push(DomainName::parse("blocked.shop").unwrap());
        change(&mut config);
        let filed = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&filed);
        let file = File::new(move |dispute| {
            kept.lock().unwrap().push(dispute);
            std::future::ready(writes)
        });
        let known =
            (Arc::new(Views::new(testing::view())), Some(crate::opinion::tests::opinions()));
        Self { router: BlockPage::new(config, known, None, file).routes(), filed }
    }

    async fn send(&self, request: axum::http::request::Builder, body: &str) -> (u16, String) {
        let peer = Peer::Tcp("192.0.2.7:4000".parse().unwrap());
        let request = request.extension(peer).body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        for name in ["content-security-policy", "cache-control", "referrer-policy"] {
            assert!(response.headers().contains_key(name), "{name}");
        }
        (response.status().as_u16(), testing::text(response).await)
    }

    async fn open(&self, host: &str, path: &str) -> (u16, String) {
        self.send(Request::get(path).header("host", host), "").await
    }

    async fn report(&self, body: &str) -> (u16, String) {
        let form = "application/x-www-form-urlencoded";
        let request = Request::post(REPORT).header("host", "evil.top").header("content-type", form);
        self.send(request.header("sec-fetch-site", "same-origin"), body).await
    }
}

#[tokio::test]
async fn the_page_says_what_is_blocked_and_why() {
    let house = House::new(|_| {}, true);
    let (status, page) = house.open("www.evil.top:80", "/any/path").await;
    assert_eq!(status, 403);
    assert!(page.contains("www.evil.top") && page.contains("phishing"), "{page}");
    assert!(page.contains("openphish") && page.contains(REPORT), "{page}");
    assert!(page.contains("Call &lt;7&gt;"), "{page}");
    let (_, page) = house.open("blocked.shop", "/?url=http://good.shop/bad/").await;
    assert!(page.contains("good.shop/bad/") && page.contains("malware"), "{page}");
    let (_, page) = house.open("login-verify7.top", "/").await;
    assert!(page.contains("nobody has listed it") && page.contains(REPORT), "{page}");
    for (host, path) in [("good.shop", "/"), ("blocked.shop", "/"), ("a b<script>", "/")] {
        let (status, page) = house.open(host, path).await;
        assert!(status == 403 && page.contains("not listed here now"), "{host}: {page}");
        assert!(!page.contains(REPORT) && !page.contains("<script"), "{host}: {page}");
    }
}

#[tokio::test]
async fn a_report_is_filed_without_who_sent_it() {
    let house = House::new(|_| {}, true);
    let (status, page) = house.report("about=www.evil.top&note=%20my%0Ashop+%3Cb%3E").await;
    assert!(status == 200 && page.contains("Thank you"), "{page}");
    let filed = house.filed.lock().unwrap().clone();
    assert_eq!(filed[0].indicator.to_string(), "www.evil.top");
    assert_eq!(filed[0].note, "my shop <b>");
    let (status, _) = house.report("about=good.shop&note=x").await;
    assert_eq!((status, house.filed.lock().unwrap().len()), (200, 1), "it is not listed");
    assert_eq!(house.report("about=%00").await.0, 422);
}

#[tokio::test]
async fn reports_have_limits_and_their_failure_is_told() {
    let house = House::new(|_| {}, true);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(house.report("about=evil.top").await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let house = House::new(|_| {}, false);
    assert_eq!(house.report("about=evil.top").await.0, 503);
    let house = House::new(|config| config.reports = false, true);
    assert_eq!(house.report("about=evil.top").await.0, 403);
    assert!(!house.open("evil.top", "/").await.1.contains(REPORT));
    let house = House::new(|_| {}, true);
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "http://other.shop"), ("origin", "null")]
    {
        let request = Request::post(REPORT).header("host", "evil.top").header(name, value);
        assert_eq!(house.send(request, "about=evil.top").await.0, 403, "{name}");
    }
}
