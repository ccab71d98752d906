//! Objects of things that are listed, vouched for, unrated and unknown.

use super::*;
use crate::testing::{CREATED, FILE, House, json, send, view};
use crate::witness::Known;
use data_encoding::BASE64URL_NOPAD;
use wardnet_model::{Category, Indicator, Stance, Testimony};

fn testimony(source: &str, stance: Stance, family: Option<&str>) -> Testimony {
    Testimony {
        source: source.into(),
        stance,
        category: Category::Malware,
        family: family.map(Into::into),
        counts: true,
        first_seen: CREATED,
        last_seen: CREATED.plus_secs(60),
    }
}

fn state() -> VirustotalState {
    let witness: Witness = Arc::new(|asked, _, _| {
        let testimonies = match &*asked.to_string() {
            FILE => vec![
                testimony("bazaar", Stance::Malicious, Some("Emotet")),
                testimony("debian", Stance::Benign, None),
                testimony("feed", Stance::Malicious, Some("emotet")),
                testimony("remark", Stance::Context, None),
            ],
            "weak.top" => vec![testimony("openphish", Stance::Malicious, None)],
            _ => Vec::new(),
        };
        Ok(Known { testimonies, relations: Vec::new() })
    });
    let views = Arc::new(Views::new(view()));
    VirustotalState { views, witness, known_files: KnownFiles::default() }
}

fn router(house: &House) -> Router {
    house.router(routes(&house.gate, &state()))
}

async fn get(house: &House, path: &str) -> (StatusCode, Value) {
    let reply = house.get(&router(house), &format!("/api/v3{path}"), Some(&house.reader)).await;
    (reply.status(), json(reply).await)
}

#[tokio::test]
async fn a_listed_file_has_a_voice_for_each_source_and_one_for_the_verdict() {
    let house = House::new();
    let (status, file) = get(&house, &format!("/files/{FILE}")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&file["data"]["type"], &file["data"]["id"]), (&"file".into(), &FILE.into()));
    let attributes = &file["data"]["attributes"];
    assert_eq!(
        attributes["last_analysis_stats"],
        json!({
            "malicious": 3, "suspicious": 0, "undetected": 1, "harmless": 1, "timeout": 0,
            "confirmed-timeout": 0, "failure": 0, "type-unsupported": 0,
        })
    );
    assert_eq!(attributes["last_analysis_results"]["Wardnet"]["result"], "phishing");
    assert_eq!(attributes["last_analysis_results"]["bazaar"]["result"], "Emotet");
    assert_eq!(attributes["last_analysis_results"]["debian"]["category"], "harmless");
    assert_eq!(
        attributes["popular_threat_classification"],
        json!({
            "suggested_threat_label": "malware.emotet",
            "popular_threat_name": [{ "value": "emotet", "count": 2 }],
            "popular_threat_category": [{ "value": "malware", "count": 2 }],
        })
    );
    assert_eq!((&attributes["sha256"], &attributes["reputation"]), (&FILE.into(), &(-90).into()));
    assert_eq!(attributes["first_seen_itw_date"], CREATED.0);
    assert_eq!(attributes["known_distributors"], json!({ "data_sources": ["debian"] }));
}

#[tokio::test]
async fn what_is_unrated_is_not_harmless_and_what_is_unknown_is_not_found() {
    let house = House::new();
    let (status, weak) = get(&house, "/domains/weak.top").await;
    assert_eq!(status, StatusCode::OK);
    let stats = &weak["data"]["attributes"]["last_analysis_stats"];
    assert_eq!(
        (&stats["undetected"], &stats["harmless"], &stats["malicious"]),
        (&2.into(), &0.into(), &0.into())
    );
    for path in [
        "/domains/nobody-knows.top",
        "/ip_addresses/45.95.200.1",
        &format!("/files/{}", "0".repeat(32)),
    ] {
        let (status, error) = get(&house, path).await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (StatusCode::NOT_FOUND, &"NotFoundError".into())
        );
    }
    let (_, good) = get(&house, "/domains/good.shop").await;
    assert_eq!(good["data"]["attributes"]["last_analysis_stats"]["harmless"], 1);
    let (_, net) = get(&house, "/ip_addresses/45.95.11.9").await;
    assert_eq!(
        net["data"]["attributes"]["last_analysis_results"]["Wardnet"]["category"],
        "malicious"
    );
}

#[tokio::test]
async fn a_url_is_asked_for_in_base64_or_handed_in() {
    let house = House::new();
    let text = "http://www.evil.top/login?a=b";
    let id = BASE64URL_NOPAD.encode(text.as_bytes());
    let (status, url) = get(&house, &format!("/urls/{id}")).await;
    assert_eq!((status, &url["data"]["attributes"]["url"]), (StatusCode::OK, &text.into()));
    let form =
        format!("url={}", form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
    let parts = format!(
        "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\n{text}\r\n--x--\r\n"
    );
    for body in [
        ("application/x-www-form-urlencoded", &*form),
        ("multipart/form-data; boundary=x", &*parts),
    ] {
        let reply = json(house.post(&router(&house), "/api/v3/urls", body).await).await;
        assert_eq!(reply["data"]["type"], "analysis", "{reply}");
        let name = reply["data"]["id"].as_str().unwrap();
        let (_, analysis) = get(&house, &format!("/analyses/{name}")).await;
        let attributes = &analysis["data"]["attributes"];
        assert_eq!(
            (&attributes["status"], &attributes["stats"]["malicious"]),
            (&"completed".into(), &1.into())
        );
        assert_eq!(analysis["meta"]["url_info"], json!({ "id": id, "url": text }));
    }
    // Nobody has said anything of this one, and handing it in says nothing either.
    let unknown = Indicator::parse("http://nobody-knows.top/").unwrap();
    let (_, analysis) =
        get(&house, &format!("/analyses/{}", asked::analysis_id(&unknown, CREATED))).await;
    assert_eq!(
        analysis["data"]["attributes"]["stats"],
        json!({
            "malicious": 0, "suspicious": 0, "undetected": 1, "harmless": 0, "timeout": 0,
        })
    );
    let (status, _) = get(&house, &format!("/urls/{}", asked::url_id(&unknown))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn errors_bear_virustotals_names() {
    let house = House::new();
    for (path, status, code) in [
        ("/files/nonsense", 400, "BadRequestError"),
        ("/urls/%20", 400, "BadRequestError"),
        ("/urls/AAAA", 400, "BadRequestError"),
        (&*format!("/urls/{FILE}"), 404, "NotFoundError"),
        ("/ip_addresses/evil.top", 400, "BadRequestError"),
        ("/analyses/u-x", 404, "NotFoundError"),
        ("/search", 404, "NotFoundError"),
        ("/files/x/comments", 404, "NotFoundError"),
    ] {
        let (told, error) = get(&house, path).await;
        assert_eq!((told.as_u16(), &error["error"]["code"]), (status, &code.into()), "{path}");
        assert!(error["error"]["message"].is_string());
    }
    let router = router(&house);
    let path = format!("/api/v3/files/{FILE}");
    for (token, code) in
        [(None, "AuthenticationRequiredError"), (Some("wn_wrong"), "WrongCredentialsError")]
    {
        let reply = send(&router, "GET", &path, token, None).await;
        assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(json(reply).await["error"]["code"], code);
    }
    let reply =
        house.post(&router, "/api/v3/urls", ("application/x-www-form-urlencoded", "u=1")).await;
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
}
