"""Who is called while customers are told: a receiver of webhooks and an SMS gateway, and how the boxes know of them."""

from collections.abc import Mapping
from pathlib import Path

from sinks.push.address import target_secret
from sinks.push.channels.webhook import encoded_secret
from tests.providers.push_sink import ANYTIME
from tests.providers.server import Provider
from tests.providers.sms_gateway import TOKEN, SmsGateway
from tests.providers.webhooks import Webhooks

# So many calls of the SMS gateway at once, each of which a kill may leave without a known outcome.
SMS_AT_ONCE = 2
TIMEOUT_S = 2
# Late enough that many are in time, early enough that many are not.
LATE_AFTER_MINUTES = 0.25

PUSH = f"""{ANYTIME}
[webhook]
allow_private = true
timeout_s = {TIMEOUT_S}
[apprise.sms]
url = "env:CHAOS_SMS_URL"
timeout_s = {TIMEOUT_S}
concurrency = {SMS_AT_ONCE}
"""
WATCH = f"""\
[[customers.running_late]]
minutes = {LATE_AFTER_MINUTES}

[[rule]]
name = "wait-parts"
kind = "wait"
activity = "parts"
minutes = 0.1
counted = "all"
"""


def start(hash_key: str) -> dict[str, Provider]:
    """Both, listening; the receiver of webhooks knows the secret that a sink with this key signs with."""
    webhooks, sms = Webhooks(), SmsGateway()
    for provider in (webhooks, sms):
        provider.hang_s = 3.0 * TIMEOUT_S
        provider.__enter__()
    webhooks.secret = encoded_secret(target_secret(hash_key.encode(), webhooks.url))
    return {"webhooks": webhooks, "sms": sms}


def write_settings(folder: Path, providers: Mapping[str, Provider]) -> dict[str, str]:
    """The boxes' files, and the environment that names them."""
    push, watch = folder / "push.toml", folder / "watch.toml"
    push.write_text(PUSH, encoding="utf-8")
    watch.write_text(WATCH, encoding="utf-8")
    return {
        "FIXTRAIL_PUSH": str(push),
        "FIXTRAIL_WATCH": str(watch),
        "FIXTRAIL_PULSE_S": "5",
        "CHAOS_SMS_URL": f"smseagle://{TOKEN}@127.0.0.1:{providers['sms'].port}/{{address}}",
    }


def contacts(number: int, providers: Mapping[str, Provider]) -> list[str]:
    """The addresses of one customer, which nobody else has."""
    return [f"webhook:{providers['webhooks'].url}/in/canary-hook-{number:06d}", f"sms:+86139{number:08d}"]
