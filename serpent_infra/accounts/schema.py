"""How the OpenAPI schema describes signing in with a service token."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class ServiceTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # a hook without types
    """Describes `Authorization: Bearer srp_…`."""

    target_class = "serpent_infra.accounts.authentication.ServiceTokenAuthentication"
    name = "serviceToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002 - its signature
        """Gives the security scheme object."""
        return {"type": "http", "scheme": "bearer"}
