"""Writes a mail that has everything listed, and one that has nothing: mails.py FOLDER ATTACHMENT."""

import pathlib
import sys
from email.message import EmailMessage

folder, attachment = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_bytes()


def write(name, client, sender, reply_to, links, attached):
    mail = EmailMessage()
    mail["Received"] = (
        f"from mx.client.org (mx.client.org [{client}]) by mx.mine.org (Postfix) with ESMTP id 1"
        " for <me@mine.org>; Fri, 28 Nov 2025 12:00:00 +0000"
    )
    mail["From"] = sender
    mail["Reply-To"] = reply_to
    mail["To"] = "me@mine.org"
    mail["Subject"] = "hello"
    mail["Date"] = "Fri, 28 Nov 2025 12:00:00 +0000"
    mail["Message-ID"] = f"<{name}@client.org>"
    mail.set_content("Look here:\n" + "\n".join(links) + "\n")
    mail.add_attachment(attached, "application", "octet-stream", filename="tool.bin")
    (folder / f"{name}.eml").write_bytes(bytes(mail))


write(
    "bad",
    "101.2.3.4",
    "shop@evil-shop.top",
    "Bob@bad-mail.com",
    [
        "http://www.evil-shop.top/buy",
        "http://101.2.3.4/x",
        "http://fine.org/Evil/Page",
        "http://hosted.com/",
        "write to sales@evil-shop.top",
    ],
    attachment,
)
write(
    "good",
    "101.5.5.5",
    "friend@fine.org",
    "friend@fine.org",
    ["http://www.fine.org/buy", "http://101.5.5.5/x", "http://fine.org/Good/Page"],
    b"good attachment\n",
)
