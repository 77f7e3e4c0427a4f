"""How Fixtrail's own clients reach Kafka: the connection settings as aiokafka takes them."""

import ssl
from typing import Any

from fixtrail.settings import Settings


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client: where the brokers are, TLS and login.

    Raises NoEndpointError where nothing says where Kafka is.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap(),
        "client_id": settings.app_id,
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca)
    if settings.kafka_security.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_user
        options["sasl_plain_password"] = settings.kafka_password
    return options
