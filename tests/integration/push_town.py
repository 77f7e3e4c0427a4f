"""A town whose customers are told: a push sink of its own, with a fake provider at each of its channels."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from runtime.store import open_store
from sinks.push.address import AddressKeys, parse_recipient, target_secret
from sinks.push.channels.webhook import encoded_secret
from sinks.push.channels.webpush import new_private_key
from sinks.push.ledger import ledger
from sinks.push.ledger import recipients as ledger_recipients
from tests.providers.mail import MailServer
from tests.providers.messages import a_fact, a_notice, now_ms
from tests.providers.push_service import PushService
from tests.providers.push_sink import ANYTIME, HASH_KEY, PushSink, a_broker
from tests.providers.sms_gateway import TOKEN, SmsGateway
from tests.providers.webhooks import Webhooks
from tests.providers.wechat import APP_ID, SECRET, WechatServer

TEMPLATE = "tmpl-progress"
PROVIDERS = (Webhooks, SmsGateway, WechatServer, PushService, MailServer)


class Town:
    """A push sink with a receiver of webhooks, an SMS gateway, WeChat, a push service and a mail server around it."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        hooks: Webhooks,
        sms: SmsGateway,
        wechat: WechatServer,
        browsers: PushService,
        mail: MailServer,
        ledger: str,
    ) -> None:
        self.hooks, self.sms, self.wechat, self.browsers, self.mail = hooks, sms, wechat, browsers, mail
        self.providers = (hooks, sms, wechat, browsers, mail)
        hooks.secret = encoded_secret(target_secret(HASH_KEY.encode(), hooks.url))
        wechat.templates.add(TEMPLATE)
        config = f"""{ANYTIME}
[webhook]
allow_private = true
timeout_s = 3
[wechat]
app_id = "{APP_ID}"
secret = "env:WECHAT_SECRET"
url = "{wechat.url}"
timeout_s = 3
concurrency = 2
[wechat.forms.repair_started]
id = "{TEMPLATE}"
fields = {{ character_string1 = "order", phrase2 = "status", time3 = "at" }}
[apprise.sms]
url = "env:SMS_URL"
timeout_s = 4
concurrency = 2
[apprise.mailto]
url = "env:MAIL_URL"
style = "mail"
timeout_s = 4
concurrency = 2
[webpush]
private_key = "env:VAPID_KEY"
contact = "mailto:push@example.com"
allow_private = true
timeout_s = 3
concurrency = 2
"""
        secrets = {
            "FIXTRAIL_PUBLIC_URL": "https://track.example.com",
            "WECHAT_SECRET": SECRET,
            "SMS_URL": f"smseagle://{TOKEN}@127.0.0.1:{sms.port}/{{address}}",
            "MAIL_URL": f"mailto://127.0.0.1:{mail.port}/?from=service@example.com&mode=insecure&to={{address}}",
            "VAPID_KEY": new_private_key(),
        }
        self.sink = PushSink(folder, bootstrap, config, secrets | ({"FIXTRAIL_LEDGER": ledger} if ledger else {}))

    def everybody(self, order_id: str) -> list[str]:
        number = int("".join(char for char in order_id if char.isdigit()))
        return [
            f"webhook:{self.hooks.url}/in",
            f"sms:+86139{number:08}",
            f"wechat:openid-{order_id}",
            f"webpush:{json.dumps(self.browsers.subscribe())}",
            f"mailto:{order_id}@example.com",
        ]

    def agree(self, notices: list[dict[str, Any]]) -> None:
        """Each customer has let one WeChat message through, and the sink knows."""
        keys, store = AddressKeys(HASH_KEY.encode()), open_store(self.sink.dsn)
        store.begin()
        ledger.create_tables(store)
        for notice in notices:
            for recipient in notice["recipients"]:
                if recipient.startswith("wechat:"):
                    ledger_recipients.add_consents(
                        store, keys.person(parse_recipient(recipient)), TEMPLATE, 1, now_ms()
                    )
                    self.wechat.consents[recipient.partition(":")[2], TEMPLATE] += 1
        store.commit()
        store.close()

    def notices(self, first: int, number: int) -> list[dict[str, Any]]:
        orders = [f"R{number_of_order}" for number_of_order in range(first, first + number)]
        return [a_notice(order_id=order, recipients=self.everybody(order)) for order in orders]

    def tell(self, notices: list[dict[str, Any]]) -> None:
        self.sink.tell(*notices, facts=[a_fact(notice["order_id"], notice) for notice in notices])

    def accepted_by_channel(self) -> dict[str, Counter[str]]:
        """By channel, how often each message was taken, whatever the receivers make of it."""
        return {
            "webhook": Counter(message_id for message_id, _ in self.hooks.accepted),
            "sms": Counter(number for number, _ in self.sms.accepted),
            "wechat": Counter(message["touser"] for message in self.wechat.accepted),
            "webpush": Counter(message["id"] for message in self.browsers.accepted),
            "mailto": Counter(address for addresses, _ in self.mail.accepted for address in addresses),
        }

    def check_the_books(self, states: Counter[str]) -> None:
        """Each webhook once, each other message at most once, and nothing that nobody can account for."""
        rows = self.sink.rows()
        for channel, accepted in self.accepted_by_channel().items():
            counts = Counter(row["state"] for row in rows if row["channel"] == channel)
            assert max(accepted.values(), default=0) <= 1, channel
            assert counts["SENT"] <= accepted.total() <= counts["SENT"] + counts["UNKNOWN"], channel
            assert channel != "webhook" or not counts["UNKNOWN"]
        assert self.hooks.forged == 0
        assert not [row for row in rows if row["address"] or row["notice"]], "a final send still has an address"
        assert states.total() == len(rows)

    def under_way(self) -> int:
        """How many calls have begun whose end nobody has noted, on channels that cannot be asked twice."""
        return len(self.sink.rows("state = 'INTENT' AND channel <> 'webhook'"))


def a_town(folder: Path, open_: contextlib.ExitStack, ledger: str = "") -> Town:
    """A broker and providers that are closed with `open_`; no sink runs yet."""
    bootstrap = open_.enter_context(a_broker(folder / "broker"))
    providers = [open_.enter_context(kind()) for kind in PROVIDERS]
    return Town(folder / "sink", bootstrap, *providers, ledger=ledger)
