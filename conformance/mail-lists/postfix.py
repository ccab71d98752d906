"""Offers mail to Postfix for clients of all kinds, and compares what it says."""

import smtplib

# Port, what XCLIENT says, greeting, sender, the reply's code and what it has to contain.
CASES = [
    (2525, "ADDR=101.5.5.5 NAME=mx.fine.org", "mx.fine.org", "a@fine.org", 250, ""),
    (2525, "ADDR=101.2.3.4 NAME=mx.fine.org", "mx.fine.org", "a@fine.org", 554, "101.2.3.4: c2; risk"),
    (2525, "ADDR=101.2.3.4 NAME=mx.fine.org", "mx.fine.org", "a@fine.org", 554, "https://wardnet.test/explain/101.2.3.4"),
    (2525, "ADDR=101.5.5.5 NAME=mx.evil-shop.top", "mx.fine.org", "a@fine.org", 554, "dbl.wardnet.test"),
    (2525, "ADDR=101.5.5.5 NAME=mx.fine.org", "evil-shop.top", "a@fine.org", 554, "Helo command [evil-shop.top] blocked"),
    (2525, "ADDR=101.5.5.5 NAME=mx.fine.org", "mx.fine.org", "a@evil-shop.top", 554, "evil-shop.top: phishing"),
    (2526, "ADDR=101.7.7.7 NAME=mx.fine.org", "mx.fine.org", "a@fine.org", 250, ""),
    (2526, "ADDR=101.5.5.5 NAME=mx.fine.org", "mx.fine.org", "a@fine.org", 554, "Access denied"),
    # What cannot be asked is never listed.
    (2527, "ADDR=101.2.3.4 NAME=mx.fine.org", "mx.fine.org", "a@fine.org", 250, ""),
]

for port, client, helo, sender, code, text in CASES:
    with smtplib.SMTP("127.0.0.1", port, local_hostname=helo, timeout=60) as smtp:
        smtp.ehlo()
        assert smtp.docmd("XCLIENT", client)[0] == 220, client
        smtp.ehlo()
        smtp.mail(sender)
        said, words = smtp.rcpt("postmaster@mine.org")
        words = words.decode()
        assert said == code and text in words, f"{client} {helo} {sender}: {said} {words}"
        print(f"  {said} for {client} {helo} {sender} {words[:60]}")
