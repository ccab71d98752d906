"""Asks by vt-py."""

import os

import vt

URL, KEY = os.environ["URL"], os.environ["KEY"]
EICAR = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
EICAR_MD5 = "44d88612fea8a8f36de82e1278abb02f"


def error(ask):
    try:
        told = ask()
    except vt.APIError as problem:
        return problem.code
    raise AssertionError(f"no error but {told}")


for key, code in (("wn_wrong", "WrongCredentialsError"), ("x", "WrongCredentialsError")):
    with vt.Client(key, host=URL) as client:
        assert error(lambda: client.get_object(f"/files/{EICAR}")) == code

with vt.Client(KEY, host=URL) as client:
    print("files")
    file = client.get_object(f"/files/{EICAR}")
    assert (file.type, file.id, file.sha256) == ("file", EICAR, EICAR)
    stats = file.last_analysis_stats
    assert stats["malicious"] == 2 and stats["harmless"] == 0, stats
    said = file.last_analysis_results
    assert sorted(said) == ["Wardnet", "bazaar"] and said["bazaar"]["result"] == "Emotet", said
    assert file.popular_threat_classification["suggested_threat_label"] == "malware.emotet"
    assert file.reputation < 0 and file.tags == ["malware"], file.to_dict()
    assert file.first_seen_itw_date.year >= 2026
    assert client.get_object(f"/files/{EICAR_MD5}").last_analysis_stats["malicious"] == 2
    assert error(lambda: client.get_object("/files/" + "0" * 64)) == "NotFoundError"
    assert error(lambda: client.get_object("/files/nonsense")) == "BadRequestError"

    print("domains")
    bad = client.get_object("/domains/www.evil-shop.top")
    assert bad.last_analysis_results["names"]["category"] == "malicious", bad.to_dict()
    assert bad.categories == {"names": "phishing"}, bad.to_dict()
    good = client.get_object("/domains/good-shop.top")
    assert good.last_analysis_stats["harmless"] == 2 and good.reputation > 0, good.to_dict()
    # By an operator's word alone.
    blocked = client.get_object("/domains/blocked.top")
    assert blocked.last_analysis_stats["malicious"] == 1, blocked.to_dict()
    assert list(blocked.last_analysis_results) == ["Wardnet"]
    assert error(lambda: client.get_object("/domains/nobody-knows.top")) == "NotFoundError"

    print("addresses")
    bad = client.get_object("/ip_addresses/45.95.10.7")
    assert bad.last_analysis_stats["malicious"] == 2 and bad.tags == ["c2"], bad.to_dict()
    assert error(lambda: client.get_object("/ip_addresses/45.95.12.1")) == "NotFoundError"

    print("URLs")
    listed = "http://page.top/kit/login.php?id=1"
    url = client.get_object("/urls/{}", vt.url_id(listed))
    assert url.url == listed and url.last_analysis_stats["malicious"] == 2, url.to_dict()
    assert url.id == vt.url_id(listed)
    beneath = client.get_object("/urls/{}", vt.url_id("https://x.evil-shop.top/any"))
    assert beneath.last_analysis_results["names"]["result"] == "phishing", beneath.to_dict()
    other = "http://page.top/other"
    assert error(lambda: client.get_object("/urls/{}", vt.url_id(other))) == "NotFoundError"

    print("URLs that are handed in")
    analysis = client.scan_url(listed, wait_for_completion=True)
    assert analysis.status == "completed" and analysis.stats["malicious"] == 2, analysis.to_dict()
    analysis = client.scan_url(other, wait_for_completion=True)
    stats = {name: count for name, count in analysis.stats.items() if count}
    assert stats == {"undetected": 1}, stats
    assert error(lambda: client.get_object("/urls/{}", vt.url_id(other))) == "NotFoundError"
    assert error(lambda: client.scan_url("http://")) == "BadRequestError"

    print("what there is not")
    assert error(lambda: client.get_json("/intelligence/search?query=x")) == "NotFoundError"
